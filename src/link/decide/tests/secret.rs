//! A Secret as plain values: what is in it, and what reading or watching it would tell.

use crate::connectwise::{CompanyId, Keys};
use crate::crd::{SecretLookup, SecretVersion};
use crate::link::facts::SecretRead;

/// The private key of every pair: nothing that is written may hold it.
pub(super) const PRIVATE: &str = "CANARY-private";

/// The Secret as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretIs {
    Absent,
    Forbidden,
    /// It is there, and the API server answers no read of it.
    Unavailable,
    Keys {
        public: &'static str,
        revision: u32,
    },
    Invalid,
}

impl SecretIs {
    /// The keys of a pair, which is named by its public key.
    pub fn keys(public: &str) -> Keys {
        Keys::from_secret_data(Some(public.as_bytes()), Some(PRIVATE.as_bytes())).expect("keys")
    }

    /// This content as it is written: every write has a revision of its own, as the API server sees to.
    pub fn written(self, revision: u32) -> Self {
        match self {
            Self::Keys { public, .. } => Self::Keys { public, revision },
            other => other,
        }
    }

    /// What a read tells.
    pub fn read(&self, company: &str) -> SecretRead {
        match self {
            Self::Absent => SecretRead::Absent,
            Self::Forbidden => SecretRead::Forbidden,
            Self::Unavailable => SecretRead::Unavailable,
            Self::Invalid => SecretRead::Invalid {
                secret: self.version(),
                problem: Keys::from_secret_data(Some(b"a"), None).err().expect("invalid"),
            },
            Self::Keys { public, .. } => {
                let company = CompanyId::parse(company).expect("a company");
                SecretRead::Keys { secret: self.version(), credentials: Self::keys(public).version(&company) }
            }
        }
    }

    /// What the watch tells.
    pub fn lookup(&self, watched: bool) -> SecretLookup {
        match self {
            Self::Forbidden => SecretLookup::NotWatched,
            _ if !watched => SecretLookup::NotWatched,
            Self::Absent => SecretLookup::Absent,
            Self::Keys { .. } | Self::Invalid | Self::Unavailable => SecretLookup::Present(self.version()),
        }
    }

    fn version(&self) -> SecretVersion {
        let revision = if let Self::Keys { revision, .. } = self { *revision } else { 0 };
        SecretVersion { uid: "secret".to_owned(), resource_version: revision.to_string() }
    }
}
