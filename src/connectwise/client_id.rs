//! Which clientId is in use, without showing it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// What is hashed. Any fixed text would do.
const TEXT: &[u8] = b"cwlink clientId";

/// The first 64 bits of HMAC-SHA256, keyed by the clientId, over a fixed text. Shown as 16 hex digits. Equal versions mean
/// the same clientId, after a restart too. The version reveals nothing else about it, so that it may be stored in `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientIdVersion(u64);

impl ClientIdVersion {
    /// The version of this clientId.
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub(crate) fn of(client_id: &SecretString) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(client_id.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(TEXT);
        let digest = mac.finalize().into_bytes();
        let first = digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
        Self(u64::from_be_bytes(*first))
    }

    /// Reads a version from `status`; `None` unless it is 16 lower-case hex digits.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(text, 16).ok().filter(|_| fits).map(Self)
    }
}

impl fmt::Display for ClientIdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(client_id: &str) -> ClientIdVersion {
        ClientIdVersion::of(&SecretString::from(client_id))
    }

    #[test]
    fn a_version_tells_client_ids_apart_and_shows_none_of_them() {
        let one = "5a0c0de0-0000-4000-8000-0000000000ca";
        assert_eq!(version(one), version(one));
        assert_ne!(version(one), version("5a0c0de0-0000-4000-8000-0000000000cb"));
        // python3: hmac.new(one, b"cwlink clientId", "sha256").hexdigest()[:16]
        assert_eq!(version(one).to_string(), "16114647ebf9d852");
    }

    #[test]
    fn a_version_is_read_back_and_nothing_else_is() {
        let version = version("one");
        assert_eq!(ClientIdVersion::parse(&version.to_string()), Some(version));
        for text in
            ["", "abc", "0123456789ABCDEF", "0123456789abcdeg", "+123456789abcdef", "0123456789abcdef0"]
        {
            assert_eq!(ClientIdVersion::parse(text), None, "{text:?}");
        }
    }
}
