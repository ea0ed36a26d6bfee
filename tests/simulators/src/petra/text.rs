//! The contract's string schemas as types: a value that exists obeys its schema.

use serde::{Deserialize, Serialize};

macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $obeys:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(String);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let obeys: fn(&str) -> bool = $obeys;
                // The text itself stays out of the error: it might be a key in the wrong field.
                obeys(&text).then_some(Self(text)).ok_or(concat!(stringify!($name), " is not as its schema says"))
            }
        }
    };
}

text!(
    /// `linkId`, the caller's name for the link of one company.
    LinkId,
    |text| {
        text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c))
    }
);

text!(
    /// `companyId`, the ConnectWise login company.
    CompanyId,
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_graphic() && !r"+:/?#@%\".contains(c))
    }
);

text!(
    /// `siteUrl`, the ConnectWise API host: bare or as an https URL, with or without a port.
    SiteUrl,
    |text| {
        let site = text.strip_prefix("https://").unwrap_or(text);
        let site = site.strip_suffix('/').unwrap_or(site);
        let (host, port) = site.split_once(':').unwrap_or((site, "443"));
        text.len() <= 255
            && !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
            && (1..=5).contains(&port.len())
            && port.chars().all(|c| c.is_ascii_digit())
    }
);

text!(
    /// `installation`, the first part of an owner.
    InstallationId,
    |text| is_part(text, 63)
);

text!(
    /// `owner`, `<installationId>/<namespace>/<name>`.
    Owner,
    |text| match text.split('/').collect::<Vec<_>>()[..] {
        [installation, namespace, name] => {
            is_part(installation, 63) && is_part(namespace, 63) && is_part(name, 253)
        }
        _ => false,
    }
);

text!(
    /// `ownerUid`, the resource that sent a PUT.
    OwnerUid,
    |text| {
        (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    }
);

text!(
    /// `credentialsVersion`, the caller's name for the content of the keys.
    CredentialsVersion,
    |text| {
        (1..=64).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    }
);

fn is_part(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count()) && !text.contains(|c: char| c == '/' || c.is_whitespace())
}

impl CompanyId {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// ConnectWise takes a company in any case.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

/// The regions of ConnectWise's cloud, by every name that each has.
const REGIONS: [&[&str]; 4] = [&["na"], &["eu"], &["au", "aus"], &["za"]];

impl SiteUrl {
    /// `https://HOST[:PORT]`, without a slash at the end.
    pub(super) fn origin(&self) -> String {
        let site = self.0.strip_prefix("https://").unwrap_or(&self.0);
        format!("https://{}", site.strip_suffix('/').unwrap_or(site))
    }
}

impl SiteUrl {
    /// Whether one company may be at both, by two names of one server. It cannot be in two regions of the cloud.
    pub(super) fn may_be_same_tenant(&self, other: &Self) -> bool {
        let (one, other) = (self.region(), other.region());
        one.is_none() || other.is_none() || one == other
    }

    /// The region, by the first label: `api-na.…` and `na.…` are one.
    fn region(&self) -> Option<usize> {
        let origin = self.origin().to_ascii_lowercase();
        let host = origin.strip_prefix("https://")?;
        let label = host.strip_prefix("api-").unwrap_or(host).split('.').next()?;
        REGIONS.iter().position(|names| names.contains(&label))
    }
}

impl Owner {
    /// Whether this owner is a resource of that installation.
    pub(super) fn belongs_to(&self, installation: &InstallationId) -> bool {
        self.0.strip_prefix(installation.0.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}
