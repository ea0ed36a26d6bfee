//! The API member's keys. They can be sent and compared by version, and nothing else.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::company::CompanyId;
use crate::upstream::request::secret_header;

/// The keys of an API member. They cannot be printed, compared, cloned or serialised, and are wiped when dropped.
pub struct Keys {
    public: SecretString,
    private: SecretString,
}

/// One of the two fields of the Secret. Their names are fixed: if a link could choose them, it could send any Secret's
/// value out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyField {
    /// `publicKey`.
    PublicKey,
    /// `privateKey`.
    PrivateKey,
}

impl KeyField {
    /// The field's name in the Secret.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PublicKey => "publicKey",
            Self::PrivateKey => "privateKey",
        }
    }
}

/// What is wrong with a field of the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// The Secret has no such field.
    Absent,
    /// Nothing is left after trimming.
    Empty,
    /// Longer than [`Keys::MAX_BYTES`] after trimming.
    TooLong,
    /// Not UTF-8.
    NotText,
    /// A control character inside: a line break, as when two lines were pasted.
    ControlCharacter,
    /// A colon in the public key, where basic authentication would take the rest for the private key.
    Colon,
}

impl KeyFault {
    fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "is missing",
            Self::Empty => "is empty",
            Self::TooLong => "is longer than 256 bytes",
            Self::NotText => "is not text",
            Self::ControlCharacter => "contains a line break or another control character",
            Self::Colon => "contains a colon, which a public key never contains",
        }
    }
}

/// Why the Secret holds no usable keys. Names the field and the fault, never the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProblem {
    /// Which field.
    pub field: KeyField,
    /// What is wrong with it.
    pub what: KeyFault,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field.as_str(), self.what.as_str())
    }
}

impl std::error::Error for KeyProblem {}

impl Keys {
    /// No key is longer, without the white space around it.
    pub const MAX_BYTES: usize = 256;

    /// Takes the keys from the Secret's `publicKey` and `privateKey`. ASCII white space around them is dropped: editors
    /// and `echo` leave a line break behind.
    ///
    /// # Errors
    /// The first problem found, the public key's before the private key's.
    pub fn from_secret_data(public: Option<&[u8]>, private: Option<&[u8]>) -> Result<Self, KeyProblem> {
        let public = read(KeyField::PublicKey, public)?;
        if public.contains(':') {
            return Err(KeyProblem { field: KeyField::PublicKey, what: KeyFault::Colon });
        }
        let private = read(KeyField::PrivateKey, private)?;
        Ok(Self { public: public.into(), private: private.into() })
    }

    /// The public key, for the one request that registers it.
    pub(crate) fn public(&self) -> &str {
        self.public.expose_secret()
    }

    /// The private key, for the one request that registers it.
    pub(crate) fn private(&self) -> &str {
        self.private.expose_secret()
    }

    /// The `Authorization` header: basic authentication as `company+public:private`, marked sensitive so that no client
    /// shows it.
    ///
    /// # Panics
    /// Never: base64 is visible ASCII.
    #[must_use]
    pub(crate) fn authorization(&self, company: &CompanyId) -> HeaderValue {
        const SCHEME: &[u8] = b"Basic ";
        let parts = [company.as_str(), "+", self.public(), ":", self.private()];
        // All room is there from the start: a text that grows leaves what it held behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            plain.extend_from_slice(part.as_bytes());
        }
        let mut header = Zeroizing::new(vec![0; SCHEME.len() + 4 * plain.len().div_ceil(3)]);
        let (scheme, encoded) = header.split_at_mut(SCHEME.len());
        scheme.copy_from_slice(SCHEME);
        STANDARD.encode_slice(&*plain, encoded).expect("four bytes for each three, begun ones included");
        secret_header(header).expect("base64 is visible ASCII")
    }

    /// A digest that shows whether the keys or the company changed, and nothing else: see [`CredentialsVersion`].
    ///
    /// # Panics
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn version(&self, company: &CompanyId) -> CredentialsVersion {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.private().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(company.to_lowercase().as_bytes());
        mac.update(&[0]);
        mac.update(self.public().as_bytes());
        let digest = mac.finalize().into_bytes();
        let first = digest.first_chunk().expect("a SHA-256 digest has 32 bytes");
        CredentialsVersion(format!("{:016x}", u64::from_be_bytes(*first)))
    }
}

fn read(field: KeyField, value: Option<&[u8]>) -> Result<&str, KeyProblem> {
    let problem = |what| KeyProblem { field, what };
    let value = value.ok_or(problem(KeyFault::Absent))?.trim_ascii();
    if value.is_empty() {
        return Err(problem(KeyFault::Empty));
    }
    if value.len() > Keys::MAX_BYTES {
        return Err(problem(KeyFault::TooLong));
    }
    let text = std::str::from_utf8(value).map_err(|_| problem(KeyFault::NotText))?;
    if text.chars().any(char::is_control) {
        return Err(problem(KeyFault::ControlCharacter));
    }
    Ok(text)
}

/// The first 16 hex digits of HMAC-SHA256, keyed by the private key, over the company in lower case, a NUL byte and the
/// public key. Equal versions mean equal keys for the same company, after a restart or a restored backup too; the version
/// itself reveals nothing about them, so that it may be stored in `status` and at Petra.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialsVersion(String);

impl CredentialsVersion {
    /// Reads a version from `status` or from Petra; `None` unless it is 16 lower-case hex digits.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn company(text: &str) -> CompanyId {
        CompanyId::parse(text).unwrap()
    }

    fn keys(public: &str, private: &str) -> Keys {
        Keys::from_secret_data(Some(public.as_bytes()), Some(private.as_bytes())).ok().unwrap()
    }

    fn problem(public: Option<&[u8]>, private: Option<&[u8]>) -> Option<String> {
        Keys::from_secret_data(public, private).err().map(|problem| problem.to_string())
    }

    #[test]
    fn the_header_is_the_vendors_own_example_and_is_never_shown() {
        let header = keys("pub", "priv").authorization(&company("myco"));
        assert_eq!(header.to_str().unwrap(), "Basic bXljbytwdWI6cHJpdg==");
        assert!(header.is_sensitive());
        assert_eq!(format!("{header:?}"), "Sensitive");
        for private in ["1", "12", "123"] {
            let plain = STANDARD.encode(format!("myco+pub:{private}"));
            assert_eq!(
                keys("pub", private).authorization(&company("myco")).as_bytes(),
                format!("Basic {plain}").as_bytes()
            );
        }
    }

    #[test]
    fn keys_can_do_nothing_that_would_show_or_spread_them() {
        lacks!(Keys: std::fmt::Debug, std::fmt::Display, Clone, Copy, PartialEq, AsRef<str>, ToString);
        lacks!(Keys: serde::Serialize, std::hash::Hash, Default, PartialOrd, std::ops::Deref<Target = str>);
    }

    #[test]
    fn white_space_around_a_key_is_dropped_and_inside_a_private_key_kept() {
        let pasted = Keys::from_secret_data(Some(b" pub\r\n"), Some(b"\tpr iv:x\n")).ok().unwrap();
        assert_eq!((pasted.public(), pasted.private()), ("pub", "pr iv:x"));
    }

    #[test]
    fn a_problem_names_the_field_and_the_fault() {
        for (public, private, said) in [
            (None, None, "`publicKey` is missing"),
            (Some(b"pub".as_slice()), None, "`privateKey` is missing"),
            (Some(b"\n "), Some(b"priv".as_slice()), "`publicKey` is empty"),
            (Some(b"pub"), Some(b""), "`privateKey` is empty"),
            (Some(b"p\xff"), Some(b"priv"), "`publicKey` is not text"),
            (Some(b"pub"), Some(b"a\nb"), "`privateKey` contains a line break or another control character"),
            (
                Some(b"pub\0x"),
                Some(b"priv"),
                "`publicKey` contains a line break or another control character",
            ),
            (Some(b"p:b"), Some(b"priv"), "`publicKey` contains a colon, which a public key never contains"),
            (Some(b"pub"), Some([b'x'; 257].as_slice()), "`privateKey` is longer than 256 bytes"),
        ] {
            assert_eq!(problem(public, private).as_deref(), Some(said));
        }
        assert_eq!(problem(Some([b'x'; 256].as_slice()), Some(b"priv")), None);
    }

    #[test]
    fn the_version_follows_the_keys_and_the_company_but_not_its_case_or_white_space() {
        let version = keys("pub", "priv").version(&company("myco"));
        assert_eq!(version.as_str(), "41b4500913135c0b");
        assert_eq!(keys("pub\n", " priv").version(&company("MyCo")), version);
        for other in [
            keys("pub2", "priv").version(&company("myco")),
            keys("pub", "priv2").version(&company("myco")),
            keys("pub", "priv").version(&company("myco2")),
        ] {
            assert_ne!(other, version);
        }
    }

    #[test]
    fn a_version_is_read_back_only_in_its_own_form() {
        let version = keys("pub", "priv").version(&company("myco"));
        assert_eq!(CredentialsVersion::parse(version.as_str()), Some(version));
        for text in ["", "abc", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef0"] {
            assert_eq!(CredentialsVersion::parse(text), None, "{text:?}");
        }
    }
}
