//! How a link is registered with Petra.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the link is registered with Petra.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationSpec {
    /// `Api`: the operator registers the link with a server that supports the link API of this project. `Portal`: a person
    /// saves the link in Petra's portal and acknowledges it here. The default is the value of `status.link.mode`. If there
    /// is no link yet, the default is the mode that the operator is configured with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,

    /// `Portal` only: the token from the message of the condition `Ready`. Set it after you save the link in Petra's portal
    /// with the API keys from the Secret. New API keys need a new token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub acknowledged: Option<String>,

    /// `Api` only: the owner to take over an existing link from. Copy the owner from the message of `LinkConflict`, or set
    /// `unowned` for a link that a person created in the portal. Requires an explicit `deletionPolicy`, and cannot be used
    /// with mode `Portal`. The operator ignores this field once the resource has a link in mode `Api`.
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
    /// The word in spec and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "Api",
            Self::Portal => "Portal",
        }
    }
}
