//! What a Secret tells: the link's keys, or what is wrong with them. Nothing else of it is kept.

use k8s_openapi::api::core::v1::Secret;
use zeroize::Zeroize as _;

use super::facts::SecretRead;
use crate::connectwise::{CompanyId, Keys};
use crate::crd::SecretVersion;
use crate::kubernetes::wipe_annotations;

/// Takes the keys for a company from a Secret, whose other content is wiped.
pub(crate) fn read(mut secret: Secret, company: &str) -> (SecretRead, Option<Keys>) {
    let version = SecretVersion {
        uid: secret.metadata.uid.clone().unwrap_or_default(),
        resource_version: secret.metadata.resource_version.clone().unwrap_or_default(),
    };
    let field = |name: &str| secret.data.as_ref()?.get(name).map(|value| value.0.as_slice());
    let keys = Keys::from_secret_data(field("publicKey"), field("privateKey"));
    wipe(&mut secret);
    match (keys, CompanyId::parse(company)) {
        (Ok(keys), Ok(company)) => {
            let credentials = keys.version(&company);
            (SecretRead::Keys { secret: version, credentials }, Some(keys))
        }
        (Err(problem), _) => (SecretRead::Invalid { secret: version, problem }, None),
        // The rules judge the company before they ask for the Secret.
        (Ok(_), Err(_)) => (SecretRead::Unavailable, None),
    }
}

/// Overwrites what the API server sent: it would stay in memory that is free.
fn wipe(secret: &mut Secret) {
    for value in secret.data.iter_mut().flat_map(|data| data.values_mut()) {
        value.0.zeroize();
    }
    wipe_annotations(&mut secret.metadata);
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret() -> Secret {
        let mut secret = Secret::default();
        let value = |text: &str| ByteString(text.as_bytes().to_vec());
        secret.data = Some(
            [("publicKey", "public"), ("privateKey", "private"), ("other", "of somebody else")]
                .map(|(name, text)| (name.to_owned(), value(text)))
                .into(),
        );
        let applied = "kubectl.kubernetes.io/last-applied-configuration".to_owned();
        secret.metadata.annotations =
            Some([(applied, r#"{"data":{"privateKey":"cHJpdmF0ZQ=="}}"#.to_owned())].into());
        secret
    }

    #[test]
    fn every_value_of_a_secret_and_of_its_annotations_is_wiped() {
        let mut secret = secret();
        wipe(&mut secret);
        // `zeroize` overwrites the whole allocation and leaves it empty.
        let data = secret.data.expect("its names are left");
        assert_eq!(data.values().map(|value| value.0.len()).collect::<Vec<_>>(), [0, 0, 0]);
        let annotations = secret.metadata.annotations.expect("their names are left");
        assert_eq!(annotations.values().collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn keys_are_told_apart_for_the_company_that_the_link_names() {
        let (one, keys) = read(secret(), "acme");
        assert!(keys.is_some_and(|keys| (keys.public(), keys.private()) == ("public", "private")));
        assert_ne!(read(secret(), "other").0, one);
        assert_eq!(read(secret(), "no company").0, SecretRead::Unavailable);
    }
}
