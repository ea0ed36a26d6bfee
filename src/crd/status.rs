//! `status`: what a person reads. Everything that comes from outside is parsed before it gets here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::{Condition, ConditionStatus, ConditionType};
use super::operator::ServingOperator;
use super::reason::Reason;
use super::registration::RegistrationMode;
use super::time::StatusTime;

/// The result of the checks. Only the operator writes it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkStatus {
    /// The generation of the spec that the conditions describe; -1 until the operator has seen the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, `AuthFailed`, `PermissionDenied` and `Registered` are always present. `Reconciling` and `Stalled` are only
    /// present while they are True.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The inputs that the conditions describe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Inputs>,
    /// The ConnectWise site that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteStatus>,
    /// The link at Petra; in mode `Portal`, the link that a person acknowledged. While it is present, you cannot change
    /// `companyId` and `siteUrl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkRecord>,
    /// The security role compared with the permission profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<PermissionsStatus>,
    /// When the last conclusive check ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_validated_time: Option<StatusTime>,
    /// When the last conclusive full check ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_full_check_time: Option<StatusTime>,
    /// The last value of the annotation `integrations.petrasecurity.com/requestedAt` that the operator handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
    /// The operator that serves this link. Any other operator leaves the link alone, until this one has not written the status
    /// for three times `spec.interval`, at least 90 minutes and at most 36 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<ServingOperator>,
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

/// The inputs that the conditions describe.
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
    /// UID of the Secret that the operator read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_uid: Option<String>,
    /// Resource version of the Secret that the operator read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_resource_version: Option<String>,
    /// Version of the API keys: a keyed hash that changes when the keys change and reveals nothing else about them.
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
    /// Version of the operator's ConnectWise clientId with which ConnectWise last accepted these API keys: a keyed hash that
    /// changes when the clientId changes and reveals nothing else about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id_version: Option<String>,
}

/// The ConnectWise site that was found.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct SiteStatus {
    /// `siteUrl`, normalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Host of the tenant's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_host: Option<String>,
    /// Version of ConnectWise: digits and dots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Codebase of the tenant's API, such as `v2025_1/`. It changes when ConnectWise upgrades the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codebase: Option<String>,
}

/// The link at Petra. This is only a record: the operator reads the link from Petra before it changes anything there.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct LinkRecord {
    /// ID of the link, derived from the company and the API host.
    pub id: String,
    /// How the link was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,
    /// Owner of the link at Petra: `<installation>/<namespace>/<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// UID of the resource that changed the link at Petra last, in mode `Api`. If Petra reports another UID later, a copy of
    /// this resource has taken over the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_uid: Option<String>,
    /// `pending`, `connected` or `failed` in mode `Api`; `acknowledged` in mode `Portal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Version of the API keys that Petra has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_version: Option<String>,
    /// When these API keys were registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registered_time: Option<StatusTime>,
    /// When the registration was confirmed or acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_time: Option<StatusTime>,
}

/// The security role compared with a permission profile.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionsStatus {
    /// Name of the profile.
    pub profile: String,
    /// Source of the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Permissions that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<PermissionLine>,
    /// Permissions that cannot be verified through the API.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<PermissionLine>,
    /// Recommendations. They do not affect the conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<PermissionLine>,
}

/// One permission of a security role.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionLine {
    /// Module, such as `Service Desk`.
    pub module: String,
    /// Function, such as `Close Service Tickets`.
    pub function: String,
    /// `add`, `edit`, `delete`, `inquire` or `customize`; empty for a setting of the API member itself.
    pub action: String,
    /// What the profile requires.
    pub required: String,
    /// What the operator found.
    pub actual: String,
    /// How to fix it in ConnectWise.
    pub fix: String,
}
