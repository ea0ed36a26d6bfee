//! Admission policies that keep the operator from writing links.

use harness::{Result, wait_for};
use serde_json::json;

use crate::conditions::LINKED;
use crate::linked::RARELY;
use crate::stage::Stage;

/// What the operator must write, by the resource that a policy names.
const STATUS: &str = "connectwiselinks/status";
const FINALIZERS: &str = "connectwiselinks";

/// What such a policy says.
const SAYS: &str = "not before Monday";

/// Keeps the operator of this stage from updating `resource`, and returns when the API server does so.
fn refuse(stage: &Stage, resource: &str) -> Result<()> {
    let Stage { cluster, operator, namespace, .. } = stage;
    let name = format!("refuse-{namespace}");
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["integrations.petrasecurity.com"],
                "apiVersions": ["*"],
                "operations": ["UPDATE"],
                "resources": [resource],
            }]},
            "matchConditions": [{
                "name": "the-operator-or-the-probe",
                "expression": format!("request.userInfo.username == '{}' || request.name == 'probe'", operator.user()),
            }],
            "validations": [{"expression": "false", "message": SAYS}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    });
    cluster.apply(
        "default",
        &json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}).to_string(),
    )?;
    let (patch, subresource) = if resource == STATUS {
        (r#"{"status":{"lastHandledReconcileAt":"x"}}"#, &["--subresource=status"][..])
    } else {
        (r#"{"metadata":{"annotations":{"x":"y"}}}"#, &[][..])
    };
    let patch = format!("--patch={patch}");
    let probe =
        ["patch", "cwlink", "probe", "--namespace", namespace, "--type=merge", "--dry-run=server", &patch];
    let probe = [&probe[..], subresource].concat();
    wait_for("the policy is in force", || {
        let output = cluster.try_kubectl(&probe, None).map_err(|error| error.to_string())?;
        if output.stderr.contains(SAYS) { Ok(()) } else { Err(output.stderr) }
    })
}

/// Removes the policy.
fn allow(stage: &Stage) -> Result<()> {
    let name = format!("refuse-{}", stage.namespace);
    for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
        stage.cluster.kubectl(&["delete", kind, &name], None)?;
    }
    Ok(())
}

/// A stage with a suspended link, for [`refuse`] to try on.
fn stage(namespace: &str) -> Result<Stage> {
    let stage = Stage::set(namespace)?;
    stage.cluster.apply(
        &stage.namespace,
        &harness::Link::new("probe", &stage.sims).company("golf").field("suspend", json!(true)).yaml(),
    )?;
    stage.wait_for("probe", ("Ready", "Unknown", "Suspended"))?;
    Ok(stage)
}

fn assert_names_the_policy(text: &str, stage: &Stage) {
    let named = format!("ValidatingAdmissionPolicy \"refuse-{}\" refuses it ({SAYS})", stage.namespace);
    assert!(text.contains(&named), "{text}");
}

#[test]
fn new_keys_stay_where_they_are_while_no_status_can_be_stored() -> Result<()> {
    let stage = stage("refuse-status")?;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let puts = stage.sims.petra_requests(Some("PUT"), None);
    refuse(&stage, STATUS)?;
    stage.set_good_keys("acme", &["CANARY-acme-second"])?;
    stage.apply_keys("acme", "CANARY-acme-second")?;
    assert_names_the_policy(&stage.wait_for_event("acme", "WriteRefused")?, &stage);
    let refused =
        |stage: &Stage| stage.operator.metric("cwlink_link_writes_refused_total", &["write=\"status\""]);
    assert!(refused(&stage)? >= 1.0);
    assert_eq!(
        stage.sims.petra_requests(Some("PUT"), None),
        puts,
        "nothing is changed that cannot be recorded"
    );
    assert_eq!(stage.status("acme")?.value(), before.value());
    allow(&stage)?;
    let version = before.text("/link/credentialsVersion").to_owned();
    stage.cluster.wait_until(&stage.namespace, "acme", "linked with the new keys", |status| {
        status.is("Ready", "True", "Linked") && status.text("/link/credentialsVersion") != version
    })?;
    Ok(())
}

#[test]
fn without_its_finalizer_nothing_is_registered_and_nothing_unlinked() -> Result<()> {
    let stage = stage("refuse-finalizers")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    refuse(&stage, FINALIZERS)?;

    stage.apply_link("bravo", |link| link)?;
    let status = stage.wait_for("bravo", ("Ready", "Unknown", "FinalizerForbidden"))?;
    assert_names_the_policy(status.message("Ready"), &stage);
    assert!(status.is("AuthFailed", "False", "CredentialsAccepted"), "{status}");
    assert_names_the_policy(&stage.wait_for_event("bravo", "WriteRefused")?, &stage);
    assert_eq!(stage.sims.petra().links_of("bravo")?.len(), 0);

    stage.cluster.delete(&stage.namespace, "acme")?;
    let status = stage.wait_for("acme", ("Ready", "False", "DeletionBlocked"))?;
    assert_names_the_policy(status.message("Ready"), &stage);
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 1, "the link stays while the deletion cannot end");
    assert!(stage.operator.metric("cwlink_link_writes_refused_total", &["write=\"finalizer\""])? >= 2.0);

    allow(&stage)?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 0);
    stage.wait_for("bravo", LINKED[0])?;
    Ok(())
}
