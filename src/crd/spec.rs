//! `spec`: what a person writes.

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registration::RegistrationSpec;
use super::status::LinkStatus;

/// Links one ConnectWise PSA company with Petra Security.
///
/// Create it together with a Secret in the same namespace that has the keys `publicKey` and `privateKey` of a ConnectWise
/// API member. The operator checks the API keys, the security role and the service board, and registers the link. It
/// rechecks regularly. If something is wrong, `status` says what it is and how to fix it.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "integrations.petrasecurity.com",
    version = "v1alpha1",
    kind = "ConnectWiseLink",
    plural = "connectwiselinks",
    singular = "connectwiselink",
    shortname = "cwlink",
    shortname = "cwlinks",
    shortname = "cwl",
    category = "petra",
    namespaced,
    status = "LinkStatus",
    derive = "PartialEq",
    doc = "ConnectWiseLink links one ConnectWise PSA company with Petra Security. Create it together with a Secret that has the API keys, and read READY and REASON. MESSAGE says what is wrong and how to fix it.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "True if the link is valid; False if something is wrong; Unknown while a check is running or there is no result"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why the link is ready or not ready"
    ),
    printcolumn(name = "Company", type_ = "string", json_path = ".spec.companyId", description = "ConnectWise company"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Site",
        type_ = "string",
        json_path = ".status.site.host",
        priority = "1",
        description = "Host of the ConnectWise site"
    ),
    printcolumn(
        name = "AuthFailed",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="AuthFailed")].status"#,
        priority = "1",
        description = "True if ConnectWise rejected the API keys or the company was not found"
    ),
    printcolumn(
        name = "Denied",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="PermissionDenied")].status"#,
        priority = "1",
        description = "True if the security role is missing a permission or the API member is inactive"
    ),
    printcolumn(
        name = "Registered",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Registered")].status"#,
        priority = "1",
        description = "True if Petra has the link with these API keys"
    ),
    printcolumn(
        name = "Link",
        type_ = "string",
        json_path = ".status.link.id",
        priority = "1",
        description = "ID of the link at Petra"
    ),
    printcolumn(
        name = "Validated",
        type_ = "date",
        json_path = ".status.lastValidatedTime",
        priority = "1",
        description = "When the last conclusive check ended"
    ),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend", priority = "1"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = "1",
        description = "What is wrong and what to do next"
    ),
    validation = ("!has(oldSelf.status) || !has(oldSelf.status.link) || (self.spec.companyId == oldSelf.spec.companyId && self.spec.siteUrl == oldSelf.spec.siteUrl)", "companyId and siteUrl cannot change once the link exists: delete this resource and create a new one")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.registration) || !has(self.registration.adoptFrom) || has(self.deletionPolicy)", "registration.adoptFrom requires an explicit deletionPolicy"),
    validation = ("!has(self.registration) || !has(self.registration.adoptFrom) || !has(self.registration.mode) || self.registration.mode == 'Api'", "registration.adoptFrom requires registration.mode Api: in mode Portal a person saves the link")
)]
pub struct LinkSpec {
    /// ConnectWise company, as entered in the Company field of the ConnectWise login page, such as `acme`. Letters, digits
    /// and other printable ASCII characters, except white space and `+ : / ? # @ % \`. You cannot change it once
    /// `status.link` exists.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = ("self.matches('^[A-Za-z0-9]([^+:/?#@%]*)$') && self.matches('^[!-~]+$') && !self.contains('\\\\')", "companyId must begin with a letter or digit and contain only printable ASCII characters, no white space and none of + : / ? # @ % \\")
    )]
    pub company_id: String,

    /// ConnectWise site: a host name or an https URL, such as `na.myconnectwise.net` or
    /// `https://mycompany.connectwise.com`. `status.site.host` shows the normalised host. The operator does not change this
    /// field. You cannot change it once `status.link` exists.
    #[schemars(length(min = 1, max = 255))]
    pub site_url: String,

    /// Secret in the same namespace that contains the API keys.
    pub credentials_secret_ref: SecretReference,

    /// Name of the permission profile that the security role is checked against: `GuideV1` (the default), `TicketingV2`, or
    /// a profile from the operator's profiles file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub permission_profile: Option<String>,

    /// Name of the service board that Petra creates tickets on. If set, the board must be active, be visible to the API
    /// member and have a default team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub service_board: Option<String>,

    /// How the link is registered with Petra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationSpec>,

    /// Time between two checks of a valid link: a duration such as `30m` or `1h30m`, from `5m` to `24h`. The default is
    /// `30m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(
        validation = ("self.matches('^([0-9]{1,6}(h|m|s))+$')", "interval must be a duration of hours, minutes and seconds, such as 30m or 1h30m"),
        validation = ("!self.matches('^([0-9]{1,6}(h|m|s))+$') || (duration(self) >= duration('5m') && duration(self) <= duration('24h'))", "interval must be between 5m and 24h")
    )]
    pub interval: Option<String>,

    /// If true, the operator checks nothing, registers nothing and keeps the current conditions. You can still delete the
    /// resource. The default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What happens to the link at Petra when you delete this resource. `Unlink` (the default) removes the link. `Orphan`
    /// keeps the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// Names a Secret in the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// Name of the Secret. The operator reads its keys `publicKey` and `privateKey`. Each value has at most 256 bytes.
    /// White space around a value is ignored.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What happens to the link at Petra when the resource is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// Remove it at Petra.
    #[default]
    Unlink,
    /// Leave it at Petra.
    Orphan,
}

word_schema!(DeletionPolicy: "Unlink", "Orphan");

/// A valid `spec.interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(Duration);

impl Interval {
    const MIN: Duration = Duration::from_mins(5);
    const MAX: Duration = Duration::from_hours(24);

    /// Reads the grammar that the schema allows. `None` for anything else, which a client can only have stored past the
    /// schema.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut total = 0_u64;
        let mut digits = String::new();
        for c in text.chars() {
            let unit = match c {
                '0'..='9' if digits.len() < 6 => {
                    digits.push(c);
                    continue;
                }
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => return None,
            };
            total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
            digits.clear();
        }
        let duration = Duration::from_secs(total);
        (digits.is_empty() && (Self::MIN..=Self::MAX).contains(&duration)).then_some(Self(duration))
    }

    /// The time between two checks.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl LinkSpec {
    /// The permission profile that an absent `permissionProfile` means.
    pub const DEFAULT_PROFILE: &str = "GuideV1";

    /// `permissionProfile`, or the name that absence means.
    #[must_use]
    pub fn profile_name(&self) -> &str {
        self.permission_profile.as_deref().unwrap_or(Self::DEFAULT_PROFILE)
    }

    /// Whether `suspend` is true.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.suspend.unwrap_or(false)
    }

    /// `deletionPolicy`, or what absence means.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_reads_hours_minutes_and_seconds_within_its_bounds() {
        let read = |text| Interval::parse(text).map(|i| i.duration().as_secs());
        assert_eq!(read("30m"), Some(1800));
        assert_eq!(read("1h30m"), Some(5400));
        assert_eq!(read("300s"), Some(300));
        assert_eq!(read("24h"), Some(86_400));
        for refused in ["", "30", "m", "1d", "4m59s", "24h1s", "1.5h", "-5m", "9999999m", "5m ", "５m"] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
    }
}
