//! Remote JSON, read within a bound of memory.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::map::{Entry, Map};
use serde_json::{Number, Value};

/// The most memory that the values of one answer may take, as [`weight`] estimates it.
pub(crate) const MOST_MEMORY: usize = 16 << 20;

/// What an object takes before its first field: a map's node has room for eleven.
const OBJECT: usize = 640;
/// What a list, a further element or a further field takes: its own room, and that which a growing list leaves behind.
const VALUE: usize = 128;

/// Reads JSON as servers write it: perhaps with a byte order mark. `None` when it is none, is nested deeper than 128
/// levels, or would take more than [`MOST_MEMORY`]: `[{"":0},…]` grows eighty times over when it is read, so that a limit
/// of bytes alone lets one server use up the memory of all.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    if weight(body) > MOST_MEMORY {
        return None;
    }
    serde_json::from_slice(without_mark(body)).ok()
}

/// Reads JSON in the same way, as a value. Where an object has a key twice, neither of the two values counts, even if they are
/// equal: nobody can tell which of them the server means. The key then has the value [`unclear`].
pub(crate) fn read_value(body: &[u8]) -> Option<Value> {
    read(body).map(|Unambiguous(value)| value)
}

/// The value of a key that an object has twice. It is an object without fields: every reader of a text, a number, a flag, a
/// list or a null takes it for something of another type, which is unknown.
fn unclear() -> Value {
    Value::Object(Map::new())
}

/// A value of which each key that an object has twice is [`unclear`].
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unambiguously).map(Self)
    }
}

/// Builds the value of an [`Unambiguous`], whose nesting the deserializer limits.
struct Unambiguously;

impl<'de> Visitor<'de> for Unambiguously {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or_else(unclear, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((key, Unambiguous(value))) = fields.next_entry::<String, _>()? {
            match object.entry(key) {
                Entry::Vacant(field) => {
                    field.insert(value);
                }
                Entry::Occupied(mut field) => {
                    field.insert(unclear());
                }
            }
        }
        Ok(Value::Object(object))
    }
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_take_too_much_memory_is_not_read() {
        for element in [r#"{"":0}"#, "{}", "0", "[]", r#"{"a":{"b":{"c":[]}}}"#, "[[[[[0]]]]]"] {
            let bomb = format!("[{}{element}]", format!("{element},").repeat((4 << 20) / element.len()));
            assert_eq!(read::<Value>(bomb.as_bytes()), None, "{element}");
            assert_eq!(read_value(bomb.as_bytes()), None, "{element}");
        }
    }

    #[test]
    fn a_key_twice_in_one_object_has_neither_of_its_values() {
        for (body, value) in [
            (r#"{"a": 1, "a": 2, "b": 3}"#, json!({"a": {}, "b": 3})),
            (r#"{"a": 1, "b": 3, "a": 1}"#, json!({"a": {}, "b": 3})),
            (r#"{"a": 1, "a": 2, "a": 3}"#, json!({"a": {}})),
            (r#"[{"a": null, "\u0061": "x"}, {"a": 5}]"#, json!([{"a": {}}, {"a": 5}])),
            (r#"{"o": {"a": true, "a": false}, "a": [1]}"#, json!({"o": {"a": {}}, "a": [1]})),
        ] {
            assert_eq!(read_value(body.as_bytes()), Some(value), "{body}");
        }
    }

    #[test]
    fn what_is_deep_is_no_value() {
        assert_eq!(read_value("[".repeat(100_000).as_bytes()), None);
        assert_eq!(read_value(r#"{"a":"#.repeat(100_000).as_bytes()), None);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaves = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaves.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn without_a_key_twice_every_value_is_read_as_it_is(value in values()) {
            let body = value.to_string();
            prop_assert_eq!(read_value(body.as_bytes()), serde_json::from_str(&body).ok());
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
        assert_eq!(read(b"\xef\xbb\xbf\r\n{\"a\": 1}\n"), Some(json!({"a": 1})));
        assert_eq!(read::<Value>("[".repeat(100_000).as_bytes()), None);
    }
}
