//! Conditions, with the limits of `metav1.Condition`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::time::StatusTime;

/// One condition of a link.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `AuthFailed`, `PermissionDenied`, `Registered`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// The generation of the spec that this condition describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    pub last_transition_time: StatusTime,
    /// Why the condition has this status, in one word for programs.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why the condition has this status and what to do next, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// The three values of a condition.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known, or a check is running.
    Unknown,
}

word_schema!(ConditionStatus: "True", "False", "Unknown");

/// What a condition says: all that a rule decides of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionValue {
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// Why, in one word for machines.
    pub reason: Reason,
    /// Why, and what to do next, for people.
    pub message: String,
}

impl ConditionStatus {
    /// This status, with its reason and its message.
    #[must_use]
    pub fn because(self, reason: Reason, message: impl Into<String>) -> ConditionValue {
        ConditionValue { status: self, reason, message: message.into() }
    }

    /// The word in the resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The types of conditions that the operator writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionType {
    /// The API keys, the security role, the board and the link are valid for these inputs.
    Ready,
    /// ConnectWise rejected the API keys, or the company was not found.
    AuthFailed,
    /// The security role is missing a permission, or the API member is inactive.
    PermissionDenied,
    /// Petra has the link with these API keys.
    Registered,
    /// The operator is still working on the link; only present while True.
    Reconciling,
    /// A person must act; only present while True.
    Stalled,
}

impl ConditionType {
    /// The three that say what ConnectWise found, and what comes of it.
    pub const OF_CONNECTWISE: [Self; 3] = [Self::Ready, Self::AuthFailed, Self::PermissionDenied];

    /// The four that are always present.
    pub const LASTING: [Self; 4] = [Self::Ready, Self::AuthFailed, Self::PermissionDenied, Self::Registered];

    /// The word in the resource.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::AuthFailed => "AuthFailed",
            Self::PermissionDenied => "PermissionDenied",
            Self::Registered => "Registered",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

impl Condition {
    /// The reason as an enum; `None` if another program wrote it.
    #[must_use]
    pub fn known_reason(&self) -> Option<Reason> {
        Reason::parse(&self.reason)
    }
}
