//! How a link is registered with Petra.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the link is registered with Petra.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationSpec {
    /// `Api`: the operator registers the link with a server that implements the link routes of this project's contract.
    /// `Portal`: a person saves it in Petra's portal and acknowledges that here. Absent: what `status.link.mode` holds,
    /// else the operator's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,

    /// `Portal` only: the token from the message of `Ready`, once the link is saved in Petra's portal with the keys of
    /// the Secret. New keys make a new token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub acknowledged: Option<String>,

    /// `Api` only, and refused beside mode `Portal`: the owner to take an existing link over from, as the message of the conflict names it, or `unowned`
    /// for a link made by hand. Counts only until this resource has a link of mode `Api`, and needs an explicit
    /// `deletionPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 640))]
    pub adopt_from: Option<String>,
}

/// How a link is registered.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistrationMode {
    /// By the operator, over the link routes.
    Api,
    /// By a person, in Petra's portal.
    Portal,
}

word_schema!(RegistrationMode: "Api", "Portal");

impl RegistrationMode {
    /// The form in spec and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "Api",
            Self::Portal => "Portal",
        }
    }
}
