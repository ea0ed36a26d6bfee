//! A Secret with anything in it.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::connectwise::{CompanyId, CredentialsVersion, Keys};
use crate::crd::SecretVersion;
use crate::link::facts::SecretRead;
use crate::link::secret;

/// The data of a Secret: any names, any bytes.
pub type Data = BTreeMap<String, Vec<u8>>;

/// The data of a Secret with these two values, each of which may be absent.
#[must_use]
pub fn data(public: Option<&[u8]>, private: Option<&[u8]>) -> Data {
    [("publicKey", public), ("privateKey", private)]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_vec())))
        .collect()
}

/// The same of a Secret as the API server sends it, which may be anything.
///
/// # Panics
/// Where that does not hold.
pub fn sent(json: &[u8], company: &str) {
    if let Ok(sent) = serde_json::from_slice::<Secret>(json) {
        let _ = judged(sent, company);
    }
}

/// A Secret gives keys only when both are well-formed, and for a company that is; what is told of it is the same text for
/// every content.
///
/// # Panics
/// Where that does not hold.
pub fn stored(data: &Data, company: &str) {
    let _ = read(data, company);
}

/// The same, and what the rules see of it.
#[must_use]
pub(crate) fn read(data: &Data, company: &str) -> SecretRead {
    let mut sent = Secret::default();
    (sent.metadata.uid, sent.metadata.resource_version) = (Some("secret".to_owned()), Some("1".to_owned()));
    sent.data = Some(data.iter().map(|(name, value)| (name.clone(), ByteString(value.clone()))).collect());
    judged(sent, company)
}

fn judged(sent: Secret, company: &str) -> SecretRead {
    let version = SecretVersion {
        uid: sent.metadata.uid.clone().unwrap_or_default(),
        resource_version: sent.metadata.resource_version.clone().unwrap_or_default(),
    };
    let value = |name: &str| sent.data.as_ref()?.get(name).map(|value| value.0.as_slice());
    let well_formed = |name: &str, but: &str| value(name).is_some_and(|value| is_key(value, but));
    let both = well_formed("publicKey", ":") && well_formed("privateKey", "");
    let usable = both && CompanyId::parse(company).is_ok();

    let (told, keys) = secret::read(sent, company);
    assert_eq!(keys.is_some(), usable, "{told:?}");
    match &told {
        SecretRead::Keys { secret, credentials } => {
            assert!(usable, "{told:?}");
            assert_eq!(*secret, version);
            assert_eq!(CredentialsVersion::parse(credentials.as_str()).as_ref(), Some(credentials));
        }
        SecretRead::Invalid { secret, problem } => {
            assert!(!both, "{told:?}");
            assert_eq!(*secret, version);
            super::tells_nothing(&format!("{problem} {problem:?}"));
        }
        SecretRead::Unavailable => assert!(both && !usable, "{told:?}"),
        SecretRead::Absent | SecretRead::Forbidden => panic!("it was read: {told:?}"),
    }
    told
}

/// One line of text that fits a header, without the characters in `but`.
fn is_key(value: &[u8], but: &str) -> bool {
    let line = std::str::from_utf8(value).map(|text| text.trim_matches([' ', '\t', '\n', '\r', '\u{c}']));
    line.is_ok_and(|line| {
        (1..=Keys::MAX_BYTES).contains(&line.len())
            && !line.chars().any(|char| char.is_control() || but.contains(char))
    })
}
