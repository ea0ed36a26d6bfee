//! What Petra holds for one company, in the words of the contract.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::{CompanyId, CredentialsVersion, LinkId, Owner, OwnerUid, SiteUrl};

/// An opaque name of one state of one link, never given twice by one [`Versions`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Version(String);

impl Version {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where versions come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Versions {
    given: u64,
}

impl Versions {
    /// Odd, so that multiplying by it modulo 2^64 maps no two counts to one version. The versions have no order that
    /// a client could lean on by mistake.
    const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

    pub(super) fn next(&mut self) -> Version {
        self.given += 1;
        Version(format!("{:016x}", self.given.wrapping_mul(Self::SCATTER)))
    }
}

/// API keys of a ConnectWise API member. They are written to ConnectWise alone: `Debug` does not show them, and they
/// cannot be serialised.
#[derive(Clone, PartialEq)]
pub(super) struct KeyPair {
    public: String,
    private: String,
}

impl KeyPair {
    pub(super) fn new(public: String, private: String) -> Self {
        Self { public, private }
    }

    pub(super) fn public(&self) -> &str {
        &self.public
    }

    pub(super) fn private(&self) -> &str {
        &self.private
    }

    /// Sixteen hex digits that tell one pair from another.
    pub(super) fn digest(&self) -> String {
        let mut pair = Sha256::new();
        pair.update(&self.public);
        pair.update([0]);
        pair.update(&self.private);
        pair.finalize().iter().take(8).fold(String::new(), |digest, byte| digest + &format!("{byte:02x}"))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(redacted)")
    }
}

/// Why a link failed: the closed words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    CompanyUnknown,
    CredentialsRejected,
    PermissionMissing,
    Unreachable,
}

impl Reason {
    /// The word on the wire.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::CompanyUnknown => "company_unknown",
            Self::CredentialsRejected => "credentials_rejected",
            Self::PermissionMissing => "permission_missing",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How far ConnectWise has confirmed the keys that the link holds now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Pending,
    Connected { confirmed_at: Timestamp },
    Failed { reason: Reason },
}

/// One link.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) company_id: CompanyId,
    pub(super) site_url: SiteUrl,
    /// `None`: a person made the link by hand.
    pub(super) owner: Option<Owner>,
    /// Which resource of that owner sent the last PUT; `None` where none has.
    pub(super) owner_uid: Option<OwnerUid>,
    pub(super) state: State,
    /// `None`: a person made the link by hand.
    pub(super) credentials_version: Option<CredentialsVersion>,
    pub(super) version: Version,
    pub(super) updated_at: Timestamp,
    /// `None`: a test made the link, without keys.
    pub(super) keys: Option<KeyPair>,
    /// How many ConnectWise companies people have mapped to Microsoft tenants in this link. A change of keys or owner
    /// keeps them; deleting the link loses them.
    pub(super) tenant_mappings: u32,
}

/// A link as the contract's `Link` schema shows it: never with a key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinkView<'a> {
    link_id: &'a LinkId,
    company_id: &'a CompanyId,
    site_url: &'a SiteUrl,
    owner: Option<&'a Owner>,
    owner_uid: Option<&'a OwnerUid>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    credentials_version: Option<&'a CredentialsVersion>,
    version: &'a Version,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<Timestamp>,
}

impl<'a> From<&'a Link> for LinkView<'a> {
    fn from(link: &'a Link) -> Self {
        let (state, reason, confirmed_at) = match link.state {
            State::Pending => ("pending", None, None),
            State::Connected { confirmed_at } => ("connected", None, Some(confirmed_at)),
            State::Failed { reason } => ("failed", Some(reason), None),
        };
        Self {
            link_id: &link.id,
            company_id: &link.company_id,
            site_url: &link.site_url,
            owner: link.owner.as_ref(),
            owner_uid: link.owner_uid.as_ref(),
            state,
            reason,
            credentials_version: link.credentials_version.as_ref(),
            version: &link.version,
            updated_at: link.updated_at,
            confirmed_at,
        }
    }
}
