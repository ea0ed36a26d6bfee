//! What is shipped in `deploy/` fits together, and a real API server takes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use harness::{Cluster, Error, Result};
use serde_json::Value;

/// The namespace that the shipped files have links in.
const LINKS: &str = "connectwise-links";

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(&mut |line| eprintln!("{line}")).expect("the control plane starts"))
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(name)
}

fn shipped(name: &str) -> Result<String> {
    let path = path(name);
    fs::read_to_string(&path).map_err(|source| Error::Io { action: "reading", path, source })
}

fn objects(name: &str) -> Result<Vec<Value>> {
    let text = shipped(name)?;
    serde_saphyr::from_multiple(&text)
        .map_err(|error| Error::Unreadable { what: name.to_owned(), problem: error.to_string() })
}

fn rules_of(kind: &str, name: &str) -> Result<Value> {
    let role = objects(name)?.into_iter().find(|object| object["kind"] == kind);
    Ok(role.map(|role| role["rules"].clone()).unwrap_or_default())
}

/// Asks the API server whether it would take a file, without storing it.
fn is_accepted(name: &str, namespace: &str) -> Result<()> {
    let arguments = ["apply", "--dry-run=server", "--namespace", namespace, "--filename=-"];
    cluster().kubectl(&arguments, Some(&shipped(name)?)).map(drop)
}

/// The template of the operator's pod.
fn pod_template() -> Result<Value> {
    let deployment = objects("install.yaml")?.into_iter().find(|object| object["kind"] == "Deployment");
    Ok(deployment.expect("there is a Deployment")["spec"]["template"].clone())
}

#[test]
fn the_operator_has_the_same_rights_in_one_namespace_as_in_all() -> Result<()> {
    let one = rules_of("Role", "rbac/namespace.yaml")?;
    assert!(one.as_array().is_some_and(|rules| !rules.is_empty()));
    assert_eq!(one, rules_of("ClusterRole", "rbac/cluster.yaml")?);
    Ok(())
}

#[test]
fn links_and_their_secrets_live_apart_from_the_operators_own() -> Result<()> {
    let own = rules_of("Role", "install.yaml")?;
    let resources: Vec<_> =
        own.as_array().into_iter().flatten().map(|rule| rule["resources"][0].as_str()).collect();
    assert_eq!(resources, [Some("leases"), Some("leases"), Some("events")], "no Secret, no link");

    let watched = pod_template()?["spec"]["containers"][0]["args"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|argument| argument.as_str()?.strip_prefix("--watch-namespaces=").map(str::to_owned));
    assert_eq!(watched.as_deref(), Some(LINKS));
    for name in ["secret", "link", "link-api", "external-secret"] {
        let name = format!("examples/{name}.yaml");
        for object in objects(&name)? {
            assert_eq!(object["metadata"]["namespace"], LINKS, "{name}");
        }
    }
    Ok(())
}

#[test]
fn the_pod_reads_its_keys_from_files_and_nothing_from_services() -> Result<()> {
    let spec = pod_template()?["spec"].clone();
    assert_eq!(spec["enableServiceLinks"], false);
    assert_eq!(spec["volumes"][0]["secret"]["defaultMode"], 0o440);
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["readOnly"], true);
    assert!(spec["securityContext"]["fsGroup"].is_number(), "without it the mode shuts the operator out");
    Ok(())
}

#[test]
fn what_stays_when_a_namespace_is_deleted_is_about_links_alone() -> Result<()> {
    let rules = rules_of("ClusterRole", "rbac/namespace-deletion.yaml")?;
    let rules = rules.as_array().expect("it has rules");
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["resources"], serde_json::json!(["connectwiselinks"]));
    assert_eq!(rules[0]["verbs"], serde_json::json!(["list", "watch", "patch"]));
    // RBAC cannot say less than patch: a person who applies the file learns what that means.
    assert!(
        shipped("rbac/namespace-deletion.yaml")?
            .contains("to change every ConnectWiseLink, including its spec")
    );
    Ok(())
}

#[test]
fn no_right_is_a_wildcard_and_secrets_are_never_changed() -> Result<()> {
    for (kind, name) in [
        ("Role", "install.yaml"),
        ("Role", "rbac/namespace.yaml"),
        ("Role", "rbac/secret-get-only.yaml"),
        ("ClusterRole", "rbac/cluster.yaml"),
    ] {
        let rules = rules_of(kind, name)?;
        assert!(!rules.to_string().contains('*'), "{name}");
        let of_secrets =
            rules.as_array().into_iter().flatten().filter(|rule| rule["resources"][0] == "secrets");
        for rule in of_secrets {
            let verbs = rule["verbs"].as_array().into_iter().flatten();
            assert!(verbs.clone().all(|verb| verb == "get" || verb == "list" || verb == "watch"), "{name}");
            assert!(name != "rbac/secret-get-only.yaml" || verbs.eq(["get"].iter()), "{name}");
        }
    }
    Ok(())
}

#[test]
fn the_health_check_of_argo_cd_is_installed_as_it_stands_in_its_own_file() -> Result<()> {
    let config = objects("argocd/argocd-cm.yaml")?;
    let data = config[0]["data"].as_object().expect("the ConfigMap has data");
    let (key, script) = data.iter().next().expect("the ConfigMap has one entry");
    assert_eq!(key, "resource.customizations.health.integrations.petrasecurity.com_ConnectWiseLink");
    assert_eq!(script.as_str(), Some(shipped("argocd/health.lua")?.as_str()));
    Ok(())
}

#[test]
fn a_real_api_server_takes_every_shipped_object() -> Result<()> {
    cluster().create_namespace("cwlink-system")?;
    for name in ["install.yaml", "rbac/cluster.yaml", "rbac/namespace-deletion.yaml"] {
        is_accepted(name, "cwlink-system")?;
    }
    cluster().create_namespace(LINKS)?;
    for name in [
        "rbac/namespace.yaml",
        "rbac/secret-get-only.yaml",
        "examples/secret.yaml",
        "examples/link.yaml",
        "examples/link-api.yaml",
    ] {
        is_accepted(name, LINKS)?;
    }
    let examples = path("examples").display().to_string();
    cluster().kubectl(&["apply", "--dry-run=server", "--kustomize", &examples], None).map(drop)
}

#[test]
fn the_pod_is_one_that_the_restricted_pod_security_standard_admits() -> Result<()> {
    let template = pod_template()?;
    let pod = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "cwlink", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    });
    cluster().apply("default", &namespace_that_enforces("restricted-pods"))?;
    cluster().apply("restricted-pods", &account())?;
    // The admission plugin judges pods alone; a Deployment only gets a warning.
    let arguments = ["apply", "--dry-run=server", "--namespace=restricted-pods", "--filename=-"];
    cluster().kubectl(&arguments, Some(&pod.to_string())).map(drop)
}

fn namespace_that_enforces(name: &str) -> String {
    let labels = serde_json::json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let metadata = serde_json::json!({"name": name, "labels": labels});
    serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}).to_string()
}

fn account() -> String {
    serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "cwlink"}})
        .to_string()
}
