//! A link as Petra holds it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::owner::{Owner, OwnerUid};
use crate::connectwise::{CompanyId, Tenant};
use crate::upstream::hosts::HostPort;

/// The deterministic id of a company's link: see [`LinkId::derive`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(String);

impl LinkId {
    /// The id of a tenant's link. Only companyinfo gives a [`Tenant`], so that nobody who can write a status chooses an id.
    /// All names of one server give one id.
    #[must_use]
    pub(crate) fn of(tenant: &Tenant) -> Self {
        Self::derive(tenant.canonical_company.as_str(), &tenant.api_host.canonical().to_string())
    }

    /// Derives the id from companyinfo's canonical company and the API host: `cw-` and the first 32 hex digits of
    /// SHA-256 over company in lower case, a NUL byte, and the host.
    #[must_use]
    pub fn derive(canonical_company: &str, api_host: &str) -> Self {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(canonical_company.to_lowercase().as_bytes());
        hash.update([0]);
        hash.update(api_host.to_lowercase().as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let half = u128::from_be_bytes(std::array::from_fn(|n| digest[n]));
        Self(format!("cw-{half:032x}"))
    }

    /// Reads an id from Petra or from `status`: 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// Whether [`LinkId::derive`] can have given it. Any other id is free text of Petra's, and is not shown to
    /// people.
    #[must_use]
    pub(crate) fn is_derived(&self) -> bool {
        let digits = self.0.strip_prefix("cw-").unwrap_or_default();
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

    /// The first eight characters of the part that differs between IDs: what a person copies of it.
    #[must_use]
    pub(crate) fn shortened(&self) -> &str {
        let rest = self.0.strip_prefix("cw-").unwrap_or(&self.0);
        rest.get(..8).unwrap_or(rest)
    }

    /// The id for the log.
    #[must_use]
    pub(crate) fn for_log(&self) -> &str {
        if self.is_derived() { &self.0 } else { "an id of another form" }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Petra's opaque version of a link: a new one at each change. 1 to 128 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Reads a version that Petra reported.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The version as Petra spells it.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The state of a link's connection to ConnectWise, according to Petra.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemoteState {
    /// Not confirmed yet.
    Pending,
    /// ConnectWise confirmed it.
    Connected,
    /// ConnectWise refused it.
    Failed,
}

impl RemoteState {
    /// The form in `status.link.state` and on the wire.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::Failed => "failed",
        }
    }
}

/// Why ConnectWise did not accept a link, according to Petra.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// ConnectWise does not know the company.
    CompanyUnknown,
    /// ConnectWise refused the keys.
    CredentialsRejected,
    /// The role lacks a permission that Petra needs.
    PermissionMissing,
    /// Petra could not reach ConnectWise.
    Unreachable,
    /// Petra gave no reason, or one that this operator does not know.
    Unexplained,
}

impl Refusal {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [
        Self::CompanyUnknown,
        Self::CredentialsRejected,
        Self::PermissionMissing,
        Self::Unreachable,
        Self::Unexplained,
    ];

    /// Reads a word of the contract; any other is no explanation.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "company_unknown" => Self::CompanyUnknown,
            "credentials_rejected" => Self::CredentialsRejected,
            "permission_missing" => Self::PermissionMissing,
            "unreachable" => Self::Unreachable,
            _ => Self::Unexplained,
        }
    }
}

/// A link as Petra holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteLink {
    /// Its id.
    pub id: LinkId,
    /// The company that it links; `None` when its name cannot be read.
    pub company: Option<CompanyId>,
    /// The host that it links the company at; `None` when it cannot be read.
    pub site: Option<HostPort>,
    /// Who holds it; `None`: made by hand in the portal.
    pub owner: Option<Owner>,
    /// Which resource of the owner made the last change; `None` when no caller has named one.
    pub owner_uid: Option<OwnerUid>,
    /// Whether ConnectWise confirmed it.
    pub state: RemoteState,
    /// Why it failed; `None` unless it did.
    pub refusal: Option<Refusal>,
    /// The credentials version that its keys were sent with; `None` when it was made by hand or is unreadable.
    pub credentials_version: Option<String>,
    /// Petra's version of it.
    pub version: Version,
    /// When ConnectWise confirmed it.
    pub confirmed_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivation_of_an_id_never_changes() {
        // A change would leave every link behind under its former id.
        let id = LinkId::derive("Acme", "API-na.myconnectwise.net");
        assert_eq!(id.as_str(), "cw-a1bfc5e7f9e98b3090b8932f6d6fa44a");
        assert_eq!(LinkId::parse(id.as_str()), Some(id.clone()));
        assert!(id.is_derived());
        for other in ["cw-", "x", "CANARYprivate", &id.as_str().to_uppercase(), &id.as_str()[..34]] {
            let other = LinkId::parse(other).unwrap();
            assert_eq!((other.is_derived(), other.for_log()), (false, "an id of another form"), "{other}");
        }
        assert_eq!(LinkId::derive("acme", "api-na.myconnectwise.net"), id);
        assert_eq!(LinkId::of(&Tenant::of_test("Acme", "na.myconnectwise.net", "v4_6_release/")), id);
        assert_ne!(LinkId::derive("acme", "api-eu.myconnectwise.net"), id);
    }

    #[test]
    fn one_region_gives_one_id_and_two_regions_give_two() {
        let id = |host| LinkId::of(&Tenant::of_test("acme", host, "v2025_1/"));
        assert_eq!(id("api-au.myconnectwise.net"), id("api-aus.myconnectwise.net"));
        assert_ne!(id("api-na.myconnectwise.net"), id("api-eu.myconnectwise.net"));
    }
}
