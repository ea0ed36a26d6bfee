//! The language of `conditions=`: comparisons joined by `and` and `or`, with parentheses.
//!
//! Strings stand in double or single quotes, dates in brackets, booleans and null as words; a property of a reference is
//! named with a slash. Text is compared without regard to case, as the service's database does.

mod parse;

use std::cmp::Ordering;

use serde_json::Value;

use super::query::at;

pub(super) use parse::parse;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { property: String, operator: Operator, value: Value },
    In { property: String, values: Vec<Value> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Text with `%` or `*` for any run of characters.
    Like,
    /// Text within the value.
    Contains,
}

impl Condition {
    /// Whether a row meets it.
    pub(super) fn holds(&self, row: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(row)),
            Self::Not(part) => !part.holds(row),
            Self::Compare { property, operator, value } => operator.holds(at(row, property), value),
            Self::In { property, values } => {
                values.iter().any(|value| Operator::Equal.holds(at(row, property), value))
            }
        }
    }

    /// The properties that it names.
    pub(super) fn properties(&self) -> Vec<&str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::properties).collect(),
            Self::Not(part) => part.properties(),
            Self::Compare { property, .. } | Self::In { property, .. } => vec![property],
        }
    }
}

impl Operator {
    fn holds(self, actual: &Value, wanted: &Value) -> bool {
        let ordering = compare(actual, wanted);
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => ordering.is_some_and(Ordering::is_le),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => ordering.is_some_and(Ordering::is_ge),
            Self::Like => texts(actual, wanted).is_some_and(|(text, pattern)| like(&text, &pattern)),
            Self::Contains => texts(actual, wanted).is_some_and(|(text, part)| text.contains(&part)),
        }
    }
}

/// Compares two values of one kind; values of different kinds are neither equal nor in any order.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(_), Value::String(_)) => texts(a, b).map(|(a, b)| a.cmp(&b)),
        _ => None,
    }
}

fn texts(a: &Value, b: &Value) -> Option<(String, String)> {
    Some((a.as_str()?.to_lowercase(), b.as_str()?.to_lowercase()))
}

fn like(text: &str, pattern: &str) -> bool {
    let parts: Vec<_> = pattern.split(['%', '*']).collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    if parts.len() == 1 {
        return text == pattern;
    }
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    parts[1..parts.len() - 1].iter().all(|part| match rest.find(part) {
        Some(found) => {
            rest = &rest[found + part.len()..];
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(condition: &str) -> bool {
        let row = json!({
            "id": 7, "name": "Help Desk", "inactiveFlag": false, "closedBy": null,
            "dateEntered": "2025-03-08T09:30:00Z", "company": {"identifier": "Acme"},
        });
        parse(condition).expect("the condition is readable").holds(&row)
    }

    #[test]
    fn comparisons_hold_as_they_read() {
        for condition in [
            "id = 7",
            "id!=8",
            "id<8 and id >= 7",
            "id > 6.5",
            "name = \"help desk\"",
            "name='Help Desk'",
            "name like \"help%\"",
            "name like '*des*'",
            "name contains 'DESK'",
            "name not contains 'Sales'",
            "inactiveFlag = false",
            "inactiveFlag=False",
            "closedBy = null",
            "company/identifier=\"acme\"",
            "dateEntered > [2025-03-01T00:00:00Z]",
            "id in (1, 7)",
            "id not in (1,2)",
            "id = 1 or id = 7 and name = 'Help Desk'",
            "(id = 7 or id = 8) and inactiveFlag = false",
        ] {
            assert!(holds(condition), "{condition}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(holds("id = 7 or id = 1 and id = 2"));
        assert!(!holds("(id = 7 or id = 1) and id = 2"));
    }

    #[test]
    fn values_of_another_kind_never_match() {
        assert!(!holds("id = \"7\""));
        assert!(!holds("inactiveFlag = 0"));
        assert!(!holds("closedBy < 1"));
    }
}
