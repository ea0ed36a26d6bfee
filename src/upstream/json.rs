//! Remote JSON, read within a bound of memory.

use serde::de::DeserializeOwned;

/// The most memory that the values of one answer may take, as [`weight`] estimates it.
pub(crate) const MOST_MEMORY: usize = 16 << 20;

/// What an object takes before its first field: a map's node has room for eleven.
const OBJECT: usize = 640;
/// What a list, a further element or a further field takes: its own room, and that which a growing list leaves behind.
const VALUE: usize = 128;

/// Reads JSON as servers write it: perhaps with a byte order mark. `None` when it is none, is nested deeper than 128
/// levels, or would take more than [`MOST_MEMORY`]: `[{"":0},…]` grows eighty times over when it is read, so that a limit
/// of bytes alone lets one server use up the memory of all. The last of a repeated key counts.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if weight(body) > MOST_MEMORY {
        return None;
    }
    serde_json::from_slice(without_mark(body)).ok()
}

/// Whether the body, if it is JSON, is an object. A struct would also be read from a list of its fields' values, which is
/// no answer of either service.
pub(crate) fn is_object(body: &[u8]) -> bool {
    without_mark(body).first() == Some(&b'{')
}

/// How much memory the values of a body take at most, roughly. Counted before anything is read: each value follows a
/// bracket or a comma. Those inside texts count too, which real answers have few of.
pub(crate) fn weight(body: &[u8]) -> usize {
    let size = |byte: &u8| match byte {
        b'{' => OBJECT,
        b'[' | b',' => VALUE,
        _ => 1,
    };
    body.iter().map(size).sum()
}

/// The body without its byte order mark and outer white space.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_would_take_too_much_memory_is_not_read() {
        for element in [r#"{"":0}"#, "{}", "0", "[]", r#"{"a":{"b":{"c":[]}}}"#, "[[[[[0]]]]]"] {
            let bomb = format!("[{}{element}]", format!("{element},").repeat((4 << 20) / element.len()));
            assert_eq!(read::<Value>(bomb.as_bytes()), None, "{element}");
        }
    }

    #[test]
    fn the_largest_real_answers_are_read() {
        let row = json!({
            "id": 17, "moduleName": "Service Desk", "moduleIdentifier": "ServiceDesk", "moduleDescription": "Service Desk",
            "moduleFunctionName": "Service Tickets", "moduleFunctionIdentifier": "Service_Tickets",
            "moduleFunctionDescription": "Create, edit, and close", "addLevel": "All", "editLevel": "All",
            "deleteLevel": "None", "inquireLevel": "All", "myAllFlag": true, "reportFlag": false,
            "_info": {"lastUpdated": "2026-02-02T09:31:30Z", "updatedBy": "admin", "href": "https://example.com/x"},
        });
        let page = Value::from(vec![row; 1000]).to_string();
        assert_eq!(read::<Vec<Value>>(page.as_bytes()).map(|rows| rows.len()), Some(1000));
        assert!(weight(page.as_bytes()) < MOST_MEMORY / 4);
    }

    #[test]
    fn a_mark_and_white_space_around_it_do_no_harm() {
        assert_eq!(read(b"\xef\xbb\xbf\r\n{\"a\": 1, \"a\": 2}\n"), Some(json!({"a": 2})));
        assert_eq!(read::<Value>("[".repeat(100_000).as_bytes()), None);
    }
}
