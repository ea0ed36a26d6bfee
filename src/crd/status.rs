//! What a person reads. Nothing here comes from outside unparsed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, ConditionStatus, ConditionType};
use super::reason::Reason;
use super::registration::RegistrationMode;
use super::time::StatusTime;

/// What the operator found out. Written whole by the operator alone.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkStatus {
    /// The generation of the spec that the conditions judge; -1 until the operator has seen the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `AuthFailed`, `PermissionDenied` and `Registered`, always; `Reconciling` or `Stalled` while True.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The inputs that the conditions judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
    /// The ConnectWise site that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteStatus>,
    /// What Petra holds; in `Portal`, what was acknowledged. While it is there, `companyId` and `siteUrl` are frozen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkRecord>,
    /// The security role, held line by line against the permission profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionsStatus>,
    /// When the last conclusive check ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_validated_time: Option<StatusTime>,
    /// When the last conclusive full round ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_full_check_time: Option<StatusTime>,
    /// The value of the annotation `integrations.petrasecurity.com/requestedAt` that was last acted upon.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

impl LinkStatus {
    /// The condition of this type.
    #[must_use]
    pub fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    }

    /// The reason of a condition, when this operator knows it.
    #[must_use]
    pub fn reason(&self, kind: ConditionType) -> Option<Reason> {
        self.condition(kind).and_then(Condition::known_reason)
    }

    /// Whether a condition is True.
    #[must_use]
    pub fn is_true(&self, kind: ConditionType) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == ConditionStatus::True)
    }
}

/// The inputs that the conditions judge.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Inputs {
    /// `siteUrl`, normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// `companyId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<String>,
    /// Name of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// UID of the Secret that was read. Spares reading it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_uid: Option<String>,
    /// Resource version of the Secret that was read. Spares reading it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_resource_version: Option<String>,
    /// Tells whether the keys changed, and nothing else about them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_version: Option<String>,
    /// Name of the permission profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permission_profile: Option<String>,
    /// Name of the service board.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_board: Option<String>,
    /// `Api` or `Portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,
}

/// The ConnectWise site that was found.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct SiteStatus {
    /// `siteUrl`, normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Host that serves the tenant's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_host: Option<String>,
    /// ConnectWise version: digits and dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Codebase of the tenant's API, such as `v2025_1/`; changes when ConnectWise upgrades the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codebase: Option<String>,
}

/// What Petra holds for this resource. A record, not an authority: Petra is asked before anything is changed there.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkRecord {
    /// Id of the link, derived from company and API host.
    pub id: String,
    /// How it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,
    /// Who holds it at Petra: `<installation>/<namespace>/<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// `pending`, `connected` or `failed` at Petra; `acknowledged` in `Portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Credentials version that Petra holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_version: Option<String>,
    /// When these keys were registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_time: Option<StatusTime>,
    /// When the registration was confirmed or acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_time: Option<StatusTime>,
}

/// The security role, held against a profile.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionsStatus {
    /// Name of the profile.
    pub profile: String,
    /// Where the profile comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Lines that are missing for sure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<PermissionLine>,
    /// Lines that cannot be told from outside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<PermissionLine>,
    /// Worth a look, but nothing depends on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<PermissionLine>,
}

/// One line of a security role.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionLine {
    /// Module, such as `Service Desk`.
    pub module: String,
    /// Function, such as `Close Service Tickets`.
    pub function: String,
    /// `add`, `edit`, `delete`, `inquire` or `customize`; empty where the member itself is meant, not its role.
    pub action: String,
    /// What the profile asks for.
    pub required: String,
    /// What was found.
    pub actual: String,
    /// What to click in ConnectWise.
    pub fix: String,
}
