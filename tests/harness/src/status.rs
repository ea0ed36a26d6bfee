//! A link's status, as a test asks about it.

use std::fmt;

use serde_json::Value;

/// The `status` of a `ConnectWiseLink`; `Value::Null` where there is none. `Display` is the JSON for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Status(Value);

impl Status {
    /// The status of a whole resource.
    #[must_use]
    pub fn of(link: &Value) -> Self {
        Self(link["status"].clone())
    }

    /// The condition of this type; `Value::Null` where there is none.
    #[must_use]
    pub fn condition(&self, type_: &str) -> &Value {
        let of_type = |condition: &&Value| condition["type"] == type_;
        let conditions = self.0["conditions"].as_array();
        conditions.and_then(|all| all.iter().find(of_type)).unwrap_or(&Value::Null)
    }

    /// Whether the condition has this status and reason.
    #[must_use]
    pub fn is(&self, type_: &str, status: &str, reason: &str) -> bool {
        self.state(type_) == status && self.reason(type_) == reason
    }

    /// `True`, `False` or `Unknown`; empty where there is no such condition.
    #[must_use]
    pub fn state(&self, type_: &str) -> &str {
        self.condition(type_)["status"].as_str().unwrap_or_default()
    }

    /// The reason of a condition; empty where there is no such condition.
    #[must_use]
    pub fn reason(&self, type_: &str) -> &str {
        self.condition(type_)["reason"].as_str().unwrap_or_default()
    }

    /// The message of a condition; empty where there is no such condition.
    #[must_use]
    pub fn message(&self, type_: &str) -> &str {
        self.condition(type_)["message"].as_str().unwrap_or_default()
    }

    /// A field by JSON pointer, such as `/link/id`; `Value::Null` where there is none.
    #[must_use]
    pub fn field(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// A text by JSON pointer; empty where there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.field(pointer).as_str().unwrap_or_default()
    }

    /// The whole.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_is_found_by_its_type_and_an_absent_one_is_empty() {
        let link = json!({"status": {
            "conditions": [{"type": "Ready", "status": "False", "reason": "CompanyUnknown", "message": "typo"}],
            "link": {"id": "cw-1"},
        }});
        let status = Status::of(&link);
        assert!(status.is("Ready", "False", "CompanyUnknown"));
        assert_eq!((status.message("Ready"), status.text("/link/id")), ("typo", "cw-1"));
        assert_eq!((status.state("Stalled"), status.reason("Stalled")), ("", ""));
    }
}
