//! What is shipped in `crds/` and `deploy/`, applied as it is.

use serde_json::{Value, json};

use crate::{Cluster, Error, Result};

/// The shipped CRD.
pub const CRD: &str = include_str!("../../../crds/connectwiselinks.yaml");

const INSTALL: &str = include_str!("../../../deploy/install.yaml");
const IN_NAMESPACE: &str = include_str!("../../../deploy/rbac/namespace.yaml");
const SECRET_GET_ONLY: &str = include_str!("../../../deploy/rbac/secret-get-only.yaml");
const CLUSTER: &str = include_str!("../../../deploy/rbac/cluster.yaml");
const NAMESPACE_DELETION: &str = include_str!("../../../deploy/rbac/namespace-deletion.yaml");

/// The namespace and the service account that the shipped files name.
const NAMESPACE: &str = "cwlink-system";
pub(crate) const SERVICE_ACCOUNT: &str = "cwlink";

/// The Secret that `secret-get-only.yaml` names, for people to replace.
const NAMED_SECRET: &str = "acme-connectwise";

/// Which of the shipped tiers of rights the operator gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// A Role in each watched namespace: `deploy/rbac/namespace.yaml`.
    EachNamespace,
    /// The same without listing Secrets: `deploy/rbac/secret-get-only.yaml`, with these Secrets named.
    NamedSecrets(Vec<String>),
    /// All namespaces: `deploy/rbac/cluster.yaml`.
    Cluster,
}

/// Applies `deploy/install.yaml` with `own` as the operator's namespace, and the rights in what it watches.
pub(crate) fn install(cluster: &Cluster, own: &str, watched: &[String], rights: &Rights) -> Result<()> {
    apply(cluster, own, objects(INSTALL)?, &own_namespace(own))?;
    let own_alone = [own.to_owned()];
    let watched = if watched.is_empty() { &own_alone[..] } else { watched };
    match rights {
        Rights::EachNamespace => {
            for namespace in watched {
                apply_rights(cluster, namespace, IN_NAMESPACE, own, &[])?;
            }
        }
        Rights::NamedSecrets(secrets) => {
            for namespace in watched {
                apply_rights(cluster, namespace, SECRET_GET_ONLY, own, secrets)?;
            }
        }
        Rights::Cluster => {
            let mut objects = self::objects(CLUSTER)?;
            rename_bindings(&mut objects, &format!("cwlink-{own}"));
            apply(cluster, own, objects, &own_namespace(own))?;
        }
    }
    Ok(())
}

/// Applies `deploy/rbac/namespace-deletion.yaml` for the operator in `own`.
pub(crate) fn allow_namespace_deletion(cluster: &Cluster, own: &str) -> Result<()> {
    let mut objects = objects(NAMESPACE_DELETION)?;
    rename_bindings(&mut objects, &format!("cwlink-namespace-deletion-{own}"));
    apply(cluster, own, objects, &own_namespace(own))
}

/// Several operators of one test binary share the cluster.
fn rename_bindings(objects: &mut [Value], name: &str) {
    for binding in objects.iter_mut().filter(|object| object["kind"] == "ClusterRoleBinding") {
        binding["metadata"]["name"] = json!(name);
    }
}

fn apply_rights(cluster: &Cluster, namespace: &str, yaml: &str, own: &str, secrets: &[String]) -> Result<()> {
    apply(cluster, namespace, rights(yaml, own, secrets)?, &|_| None)
}

/// What `deploy/rbac/namespace.yaml` gives the operator in `own` in each namespace that it watches.
pub(crate) fn rights_in_namespace(own: &str) -> Result<Vec<Value>> {
    rights(IN_NAMESPACE, own, &[])
}

fn rights(yaml: &str, own: &str, secrets: &[String]) -> Result<Vec<Value>> {
    let mut objects = objects(yaml)?;
    for rule in objects.iter_mut().filter_map(|object| object["rules"].as_array_mut()).flatten() {
        if rule["resourceNames"] == json!([NAMED_SECRET]) {
            rule["resourceNames"] = json!(secrets);
        }
    }
    // Several operators may watch one namespace.
    let name = format!("cwlink-of-{own}");
    for object in &mut objects {
        object["metadata"]["name"] = json!(name);
        if object["roleRef"].is_object() {
            object["roleRef"]["name"] = json!(name);
        }
        replace(object, &own_namespace(own));
    }
    Ok(objects)
}

/// Puts the operator's namespace in the place of the one that the shipped files name.
fn own_namespace(own: &str) -> impl Fn(&str) -> Option<Value> {
    move |text| (text == NAMESPACE).then(|| json!(own))
}

fn apply(
    cluster: &Cluster,
    namespace: &str,
    mut objects: Vec<Value>,
    replacement: &dyn Fn(&str) -> Option<Value>,
) -> Result<()> {
    for object in &mut objects {
        replace(object, replacement);
    }
    cluster.apply(namespace, &json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string())
}

/// Replaces every text for which there is a replacement.
fn replace(value: &mut Value, replacement: &dyn Fn(&str) -> Option<Value>) {
    match value {
        Value::String(text) => {
            if let Some(other) = replacement(text) {
                *value = other;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, replacement)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, replacement)),
        _ => {}
    }
}

fn objects(yaml: &str) -> Result<Vec<Value>> {
    serde_saphyr::from_multiple(yaml).map_err(Error::unreadable("a shipped file"))
}
