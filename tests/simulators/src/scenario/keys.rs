//! API keys, in a type that no `Debug`, log line or admin answer can show.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What is shown instead of a key.
const REDACTED: &str = "[redacted]";

/// An API key pair of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPair {
    /// The public key.
    pub public: String,
    /// The private key.
    pub private: PrivateKey,
}

/// A private key: read from a scenario or the admin port, compared, never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(String);

impl PrivateKey {
    /// Wraps a key.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether this is the key that a request brought.
    #[must_use]
    pub fn is(&self, presented: &str) -> bool {
        self.0 == presented
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for PrivateKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}
