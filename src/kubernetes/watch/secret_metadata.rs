//! What is kept of a watched Secret: its name and its version.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use kube::core::PartialObjectMeta;
use zeroize::Zeroize as _;

use super::secret_versions::SecretSeen;
use crate::crd::SecretVersion;

/// Drops everything from a Secret's metadata but its name and version. Annotations are overwritten before: kubectl keeps
/// what it applied there, with the keys in it, and of every Secret of the namespace it comes along.
pub(super) fn strip_to_identity(secret: &mut PartialObjectMeta<Secret>) {
    wipe_annotations(&mut secret.metadata);
    let metadata = std::mem::take(&mut secret.metadata);
    secret.metadata.name = metadata.name;
    secret.metadata.namespace = metadata.namespace;
    secret.metadata.uid = metadata.uid;
    secret.metadata.resource_version = metadata.resource_version;
}

/// Overwrites the values of an object's annotations in memory.
pub(crate) fn wipe_annotations(metadata: &mut ObjectMeta) {
    for value in metadata.annotations.iter_mut().flat_map(|annotations| annotations.values_mut()) {
        value.zeroize();
    }
}

/// The namespace and the name of a Secret.
pub(super) fn key(secret: &PartialObjectMeta<Secret>) -> (String, String) {
    (secret.namespace().unwrap_or_default(), secret.name_any())
}

/// A Secret, as the watch reports it.
pub(super) fn seen(secret: &PartialObjectMeta<Secret>) -> SecretSeen {
    let (namespace, name) = key(secret);
    let version = SecretVersion {
        uid: secret.uid().unwrap_or_default(),
        resource_version: secret.resource_version().unwrap_or_default(),
    };
    SecretSeen { namespace, name, version }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_secret_only_name_and_version_are_kept_and_what_was_applied_is_overwritten() {
        let mut secret: PartialObjectMeta<Secret> = serde_json::from_value(json!({
            "metadata": {
                "name": "keys", "namespace": "a", "uid": "u", "resourceVersion": "7", "labels": {"team": "a"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "CANARY"},
            },
        }))
        .expect("metadata");
        let mut metadata = secret.metadata.clone();
        wipe_annotations(&mut metadata);
        // `zeroize` overwrites the whole allocation and leaves it empty.
        let values: Vec<_> = metadata.annotations.iter().flat_map(|all| all.values()).collect();
        assert_eq!(values, [""]);
        strip_to_identity(&mut secret);
        let kept = serde_json::to_value(&secret.metadata).expect("json");
        assert_eq!(kept, json!({"name": "keys", "namespace": "a", "uid": "u", "resourceVersion": "7"}));
    }
}
