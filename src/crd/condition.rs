//! Conditions, with the limits of `metav1.Condition`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reason::Reason;
use super::time::StatusTime;

/// One condition of a link.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `AuthFailed`, `PermissionDenied`, `Registered`; `Reconciling` or `Stalled` while True.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316))]
    pub type_: String,
    /// True, False or Unknown.
    pub status: ConditionStatus,
    /// The generation of the spec that this condition was set for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed.
    pub last_transition_time: StatusTime,
    /// Why, in one word for machines.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, and what to do next, for people.
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
    /// It cannot be told, or is under way.
    Unknown,
}

word_schema!(ConditionStatus: "True", "False", "Unknown");

impl ConditionStatus {
    /// As it stands in the resource.
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
    /// Everything was found good for these inputs.
    Ready,
    /// ConnectWise refused these credentials, or does not know the company.
    AuthFailed,
    /// A named line of the role is missing, or the member is inactive.
    PermissionDenied,
    /// Petra holds the link with these keys.
    Registered,
    /// Something is under way; only present while True.
    Reconciling,
    /// Nothing moves until somebody acts; only present while True.
    Stalled,
}

impl ConditionType {
    /// The four that are always present.
    pub const LASTING: [Self; 4] = [Self::Ready, Self::AuthFailed, Self::PermissionDenied, Self::Registered];

    /// As it stands in the resource.
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
    /// The reason as the operator's own enum; `None` when somebody else wrote it.
    #[must_use]
    pub fn known_reason(&self) -> Option<Reason> {
        Reason::parse(&self.reason)
    }
}
