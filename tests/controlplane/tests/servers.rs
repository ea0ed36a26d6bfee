//! A running control plane does what tests and the demo count on. All tests share one; it ends with the test
//! process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

use controlplane::{Assets, ControlPlane, Error};

fn plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        let assets =
            Assets::locate_or_build(&mut |line| eprintln!("{line}")).expect("the binaries are there");
        ControlPlane::start(&assets).expect("the control plane starts")
    })
}

fn kubectl_as(kubeconfig: &Path, arguments: &[&str]) -> Output {
    plane()
        .kubectl_command()
        .env("KUBECONFIG", kubeconfig)
        .args(arguments)
        .output()
        .expect("kubectl can be run")
}

fn administrator(arguments: &[&str]) -> String {
    plane().run_kubectl(arguments).expect("an administrator may do everything")
}

#[test]
fn the_server_reports_the_kubernetes_version_that_go_mod_pins() {
    let answer = administrator(&["version", "--output=json"]);
    let versions: serde_json::Value = serde_json::from_str(&answer).expect("kubectl answers in JSON");
    let version = versions["serverVersion"]["gitVersion"].as_str().expect("the server has a version");
    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        assert!(include_str!("../go.mod").contains(&format!("k8s.io/kubernetes {version} ")), "{version}");
    }
}

#[test]
fn namespace_default_exists_from_the_start() {
    assert_eq!(administrator(&["get", "namespace", "default", "--output=name"]), "namespace/default\n");
}

#[test]
fn a_user_without_rights_is_refused() {
    let kubeconfig = plane().kubeconfig("jane", None).expect("a kubeconfig can be written");
    let output = kubectl_as(&kubeconfig, &["get", "secrets", "--namespace=default"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(stderr.contains("Forbidden") && stderr.contains(r#"User "jane""#), "{stderr}");
}

#[test]
fn a_user_has_the_rights_of_the_group_in_the_kubeconfig() {
    administrator(&["create", "clusterrolebinding", "auditors", "--clusterrole=view", "--group=auditors"]);
    let kubeconfig = plane().kubeconfig("john", Some("auditors")).expect("a kubeconfig can be written");
    let output = kubectl_as(&kubeconfig, &["get", "configmaps", "--namespace=default"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_service_account_has_exactly_the_rights_bound_to_it() {
    administrator(&["create", "namespace", "accounts"]);
    administrator(&["create", "serviceaccount", "reader", "--namespace=accounts"]);
    administrator(&[
        "create",
        "rolebinding",
        "reader",
        "--namespace=accounts",
        "--clusterrole=view",
        "--serviceaccount=accounts:reader",
    ]);
    let kubeconfig =
        plane().service_account_kubeconfig("accounts", "reader").expect("the service account has a token");

    let own_namespace = kubectl_as(&kubeconfig, &["get", "configmaps"]);
    let other_namespace = kubectl_as(&kubeconfig, &["get", "configmaps", "--namespace=default"]);

    assert!(own_namespace.status.success(), "{}", String::from_utf8_lossy(&own_namespace.stderr));
    let stderr = String::from_utf8_lossy(&other_namespace.stderr);
    assert!(stderr.contains("system:serviceaccount:accounts:reader"), "{stderr}");
}

#[test]
fn a_kubeconfig_for_an_unknown_service_account_is_an_error() {
    let error =
        plane().service_account_kubeconfig("default", "nobody").expect_err("there is no such account");
    assert!(matches!(error, Error::Kubectl { .. }), "{error}");
    assert!(error.to_string().contains("nobody"), "{error}");
}

#[test]
fn only_the_owner_can_read_a_kubeconfig() {
    let kubeconfig = plane().kubeconfig("mary", None).expect("a kubeconfig can be written");
    for path in [kubeconfig.as_path(), plane().admin_kubeconfig()] {
        let mode = path.metadata().expect("the file exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn a_deleted_namespace_goes_away_with_what_is_in_it() {
    administrator(&["create", "namespace", "leaving"]);
    administrator(&["create", "configmap", "luggage", "--namespace=leaving"]);
    administrator(&["delete", "namespace", "leaving", "--wait=true", "--timeout=120s"]);
    let error = plane().run_kubectl(&["get", "namespace", "leaving"]).expect_err("the namespace is gone");
    assert!(error.to_string().contains("NotFound"), "{error}");
}
