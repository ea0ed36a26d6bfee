//! What a person writes.

use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registration::RegistrationSpec;
use super::status::LinkStatus;

/// Links one ConnectWise PSA company with Petra Security.
///
/// Apply it together with a Secret of the same namespace that holds `publicKey` and `privateKey` of a ConnectWise API
/// member. The operator checks keys, security role and board, registers the link, keeps checking, and says in `status`
/// what is wrong and what to click to mend it.
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
    doc = "ConnectWiseLink links one ConnectWise PSA company with Petra Security: apply it with a Secret of API keys, then read READY or the REASON, and in MESSAGE what to click to mend it.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "True when everything was found good; Unknown while something is under way"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#,
        description = "Why the link is ready or not"
    ),
    printcolumn(name = "Company", type_ = "string", json_path = ".spec.companyId", description = "ConnectWise company"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Site",
        type_ = "string",
        json_path = ".status.site.host",
        priority = "1",
        description = "ConnectWise site as normalised by the operator"
    ),
    printcolumn(
        name = "AuthFailed",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="AuthFailed")].status"#,
        priority = "1",
        description = "True when ConnectWise refused the keys or does not know the company"
    ),
    printcolumn(
        name = "Denied",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="PermissionDenied")].status"#,
        priority = "1",
        description = "True when the security role lacks a line or the member is inactive"
    ),
    printcolumn(
        name = "Registered",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Registered")].status"#,
        priority = "1",
        description = "True when Petra holds the link with these keys"
    ),
    printcolumn(
        name = "Link",
        type_ = "string",
        json_path = ".status.link.id",
        priority = "1",
        description = "Id of the link at Petra"
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
        description = "What happened and what to do next"
    ),
    validation = ("!has(oldSelf.status) || !has(oldSelf.status.link) || (self.spec.companyId == oldSelf.spec.companyId && self.spec.siteUrl == oldSelf.spec.siteUrl)", "companyId and siteUrl cannot change once the link exists: delete this resource and create another")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("!has(self.registration) || !has(self.registration.adoptFrom) || has(self.deletionPolicy)", "registration.adoptFrom needs an explicit deletionPolicy: taking over a link decides who deletes it"),
    validation = ("!has(self.registration) || !has(self.registration.adoptFrom) || !has(self.registration.mode) || self.registration.mode == 'Api'", "registration.adoptFrom is for registration.mode Api: in Portal a person saves the link, and the operator takes none over")
)]
pub struct LinkSpec {
    /// ConnectWise login company, as typed on the ConnectWise login page, such as `acme`. Letters, digits and other
    /// printable ASCII, no white space and none of `+ : / ? # @ % \`. Cannot change once `status.link` exists.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = ("self.matches('^[A-Za-z0-9]([^+:/?#@%]*)$') && self.matches('^[!-~]+$') && !self.contains('\\\\')", "companyId begins with a letter or digit and holds only printable ASCII, no white space and none of + : / ? # @ % \\")
    )]
    pub company_id: String,

    /// ConnectWise site as people type it: a host or https URL, such as `na.myconnectwise.net` or
    /// `https://mycompany.connectwise.com`. Normalised by the operator in `status.site.host`, never rewritten here.
    /// Cannot change once `status.link` exists.
    #[schemars(length(min = 1, max = 255))]
    pub site_url: String,

    /// Secret of this namespace that holds the API keys.
    pub credentials_secret_ref: SecretReference,

    /// Name of the permission profile that the security role is held against: `GuideV1` (absent means this),
    /// `TicketingV2`, or one from the operator's own profiles file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub permission_profile: Option<String>,

    /// Name of the service board that Petra will put tickets on. When given, it must be active, visible to the API
    /// member, and have a default team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub service_board: Option<String>,

    /// How the link is registered with Petra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<RegistrationSpec>,

    /// Time between two checks of a healthy link: a duration such as `30m` or `1h30m`, from `5m` to `24h`. Absent means
    /// `30m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 16))]
    #[x_kube(
        validation = ("self.matches('^([0-9]{1,6}(h|m|s))+$')", "interval is a duration of hours, minutes and seconds, such as 30m or 1h30m"),
        validation = ("!self.matches('^([0-9]{1,6}(h|m|s))+$') || (duration(self) >= duration('5m') && duration(self) <= duration('24h'))", "interval lies between 5m and 24h")
    )]
    pub interval: Option<String>,

    /// True: check nothing, register nothing, keep what stands. Deletion still works. Absent means false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What happens to the link at Petra when this resource is deleted. `Unlink` (absent means this) removes it there;
    /// `Orphan` leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// Names a Secret of the same namespace.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretReference {
    /// Name of the Secret. Its keys `publicKey` and `privateKey` are read; surrounding white space is trimmed, and each
    /// has at most 256 bytes.
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
