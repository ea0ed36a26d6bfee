//! Petra's side: the link contract of `petra-links.openapi.yaml`, which is this project's own, and the published
//! `GET /v1/usage` that proves the account.
//!
//! [`client`] makes the calls, `answer` says what came back, [`wire`] reads it into the closed types below, and [`poll`]
//! is the one shared poll of the list route.

pub(crate) mod answer;
pub mod client;
pub mod listing;
pub mod poll;
pub mod snapshot;
pub mod wire;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connectwise::CompanyId;

/// `<installationId>/<namespace>/<name>`: who holds a link at Petra. Compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// The owner that a resource is.
    #[must_use]
    pub fn new(installation: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{installation}/{namespace}/{name}"))
    }

    /// Reads an owner that Petra reported or a person wrote; `None` unless it has three parts that could be an installation,
    /// a namespace and a name: at most 253 lower-case letters, digits, hyphens and dots each.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let fits = |part: &&str| (1..=253).contains(&part.len()) && part.bytes().all(of_name);
        (parts.len() == 3 && parts.iter().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The namespace and name, when this installation is the owner's.
    #[must_use]
    pub fn within(&self, installation: &str) -> Option<(&str, &str)> {
        self.0.strip_prefix(installation)?.strip_prefix('/')?.split_once('/')
    }

    /// The namespace, whichever the installation.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// As Petra spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The deterministic id of a company's link: see [`LinkId::derive`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(String);

impl LinkId {
    /// Derives the id from companyinfo's canonical company and the API host: `cw-` and the first 32 hex digits of
    /// SHA-256 over company in lower case, a NUL byte, and the host. Three spellings of one site give one id.
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
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// Whether [`LinkId::derive`] can have given it. Any other id is Petra's own choice of words, and is not repeated to
    /// people.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        let digits = self.0.strip_prefix("cw-").unwrap_or_default();
        digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

    /// The id for the log.
    #[must_use]
    pub fn for_log(&self) -> &str {
        if self.is_derived() { &self.0 } else { "an ID in another format" }
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
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The version as Petra spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What Petra says of a link's connection to ConnectWise.
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
    /// As it stands in `status.link.state` and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::Failed => "failed",
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
    /// Who holds it; `None`: made by hand in the portal.
    pub owner: Option<Owner>,
    /// Whether ConnectWise confirmed it.
    pub state: RemoteState,
    /// The credentials version that its keys were sent with; `None` when it was made by hand or is unreadable.
    pub credentials_version: Option<String>,
    /// Petra's version of it.
    pub version: Version,
    /// When ConnectWise confirmed it.
    pub confirmed_at: Option<Timestamp>,
}

/// Why Petra did not answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetraFault {
    /// 401 or 403: the operator's own Petra key is refused; or there is none, and nothing was sent. Says nothing about
    /// any link.
    KeyRejected,
    /// 429, or not sent because our own limit is used up, with how long to wait if known. No change was made.
    RateLimited(Option<std::time::Duration>),
    /// The server has no such route: 404, 405 or 501 on the list call.
    NoContract,
    /// 5xx, no connection, timeout, or an answer that is not the contract's.
    Unavailable,
}

/// Petra's answer to a PUT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutAnswer {
    /// 200 or 202: this is the link now.
    Accepted(RemoteLink),
    /// 409: another owner holds it; `None` when made by hand or the name is unreadable.
    OwnedByOther(Option<Owner>),
    /// 412 or 410: what we believed is out of date. Look again, decide again.
    LookAgain,
    /// 422: ConnectWise refused the keys or the company.
    Refused,
    /// Not sent, because this replica is not surely the leader long enough.
    Fenced,
    /// No answer, or none that says whether the change was made: read back, do not repeat.
    Unknown(PetraFault),
}

/// Petra's answer to a DELETE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteAnswer {
    /// 204 or 404: there is no such link any more.
    Gone,
    /// 409: it is not ours any more; nothing to delete.
    NotOurs,
    /// 412 or 410: what we believed is out of date.
    LookAgain,
    /// Not sent, because this replica is not surely the leader long enough.
    Fenced,
    /// No answer, or none that says whether the change was made.
    Unknown(PetraFault),
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
            assert_eq!((other.is_derived(), other.for_log()), (false, "an ID in another format"), "{other}");
        }
        assert_eq!(LinkId::derive("acme", "api-na.myconnectwise.net"), id);
        assert_ne!(LinkId::derive("acme", "api-eu.myconnectwise.net"), id);
    }

    #[test]
    fn an_owner_has_three_parts() {
        let owner = Owner::parse("prod/petra/acme").expect("an owner");
        assert_eq!(owner.within("prod"), Some(("petra", "acme")));
        assert_eq!(owner.namespace(), "petra");
        for other in ["pro", "prod/petra", "PROD", ""] {
            assert_eq!(owner.within(other), None, "{other:?}");
        }
        for no_owner in ["", "a/b", "a/b/c/d", "a//c", "a/b/c d", "a/b/\u{e9}"] {
            assert_eq!(Owner::parse(no_owner), None, "{no_owner:?}");
        }
    }
}
