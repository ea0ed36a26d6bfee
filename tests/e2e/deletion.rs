//! Resources that are deleted, and what is left of them at Petra.

use harness::simulators::{Effect, Rule, Service};
use harness::{Error, OperatorOptions, Result, Rights, wait_for};
use serde_json::{Value, json};

use crate::ledger::LINK;
use crate::linked::RARELY;
use crate::stage::{SPEED, Stage};

/// An operator slow enough that nobody can miss the two minutes in which a deletion is only held up.
fn slow(namespace: &str) -> Result<Stage> {
    Stage::set_with(OperatorOptions { time_speed: 10.0, ..OperatorOptions::in_namespace(namespace) })
}

fn linked(stage: &Stage, company: &str) -> Result<()> {
    stage.linked(company, |link| link.field("interval", json!(RARELY))).map(drop)
}

fn delete(stage: &Stage, name: &str) -> Result<()> {
    stage.cluster.delete(&stage.namespace, name)
}

fn wait_gone(stage: &Stage, name: &str) -> Result<()> {
    stage.cluster.wait_gone(&stage.namespace, name)
}

fn petra_is_down(stage: &Stage) {
    let rule = Rule::on(Service::Petra, Effect::Html { status: 503 });
    stage.sims.faults().add(rule).expect("the rule can be carried out");
}

fn assert_petra_has_no_link(stage: &Stage) -> Result<()> {
    assert_eq!(stage.sims.petra().links()?, Vec::<Value>::new());
    Ok(())
}

/// Runs a line as a person who copies it from a message would.
fn run_as_typed(stage: &Stage, line: &str) -> Result<()> {
    let kubectl = stage.cluster.kubectl_command();
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(format!("kubectl() {{ \"$KUBECTL\" \"$@\"; }}\n{line}"));
    shell.env("KUBECTL", kubectl.get_program());
    shell.envs(kubectl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let failed = |stderr: String| Error::Kubectl { arguments: line.to_owned(), stderr };
    let output = shell.output().map_err(|error| failed(error.to_string()))?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(failed(stderr)) }
}

#[test]
fn deleting_a_link_removes_it_at_petra_first() -> Result<()> {
    let stage = Stage::set("deletion")?;
    linked(&stage, "acme")?;
    linked(&stage, "bravo")?;
    let moment = stage.moment()?;
    delete(&stage, "acme")?;
    wait_gone(&stage, "acme")?;
    let links = stage.sims.petra().links()?;
    assert_eq!(links.len(), 1, "the other one stays: {links:?}");
    assert_eq!(links[0]["companyId"], "bravo");
    let span = stage.since(&moment)?;
    assert_eq!(span.petra("DELETE", LINK).len(), 1);
    assert_eq!(span.connectwise(None).len(), 0, "ConnectWise has no part in it");
    assert_eq!(span.secrets_read(), Vec::<&str>::new(), "nor has the Secret");
    Ok(())
}

#[test]
fn a_deletion_that_petra_holds_up_says_how_to_end_it_and_that_ends_it() -> Result<()> {
    let stage = slow("deletion-blocked")?;
    linked(&stage, "acme")?;
    petra_is_down(&stage);
    let mut history = stage.follow("acme")?;
    delete(&stage, "acme")?;
    history.until("held up", |status| status.is("Ready", "False", "Deleting"))?;
    let blocked = history.until("blocked", |status| status.is("Ready", "False", "DeletionBlocked"))?;
    assert_eq!(
        history.course("Ready"),
        ["True Linked", "False Deleting", "False DeletionBlocked"],
        "the way out is shown only after a while"
    );
    assert!(blocked.is("Registered", "True", "Confirmed"), "{blocked}");
    let event = stage.wait_for_event("acme", "DeletionBlocked")?;
    let message = blocked.message("Ready");
    assert_eq!(event, message);

    let (start, end) = (message.find("kubectl").unwrap_or(0), message.rfind('\'').unwrap_or(0));
    let command = &message[start..=end];
    let moment = stage.moment()?;
    run_as_typed(&stage, command)?;
    wait_gone(&stage, "acme")?;
    assert_eq!(stage.since(&moment)?.petra("DELETE", LINK).len(), 0);
    assert_eq!(stage.sims.petra().links()?.len(), 1, "the link is left at Petra, as the policy says");
    Ok(())
}

#[test]
fn a_deletion_names_a_refused_petra_key_and_ends_with_a_good_one() -> Result<()> {
    let stage = Stage::set("deletion-key")?;
    linked(&stage, "acme")?;
    stage.operator.write_petra_key("not-a-key-of-this-petra")?;
    stage.apply_link("bravo", |link| link)?;
    stage.wait_for("bravo", ("Ready", "Unknown", "PetraKeyRejected"))?;
    delete(&stage, "acme")?;
    let blocked = stage.wait_for("acme", ("Ready", "False", "DeletionBlocked"))?;
    let message = blocked.message("Ready");
    assert!(message.contains("because Petra refuses the operator's own API key"), "{message}");
    assert!(message.contains("kubectl -n deletion-key patch cwlink acme"), "{message}");
    assert_eq!(stage.sims.petra().links()?.len(), 1);
    stage.operator.write_petra_key(stage.sims.petra_key())?;
    wait_gone(&stage, "acme")?;
    assert_eq!(stage.sims.petra().links_of("acme")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_deletion_that_petra_held_up_ends_by_itself_when_petra_is_back() -> Result<()> {
    let stage = slow("deletion-later")?;
    linked(&stage, "acme")?;
    petra_is_down(&stage);
    delete(&stage, "acme")?;
    stage.wait_for("acme", ("Ready", "False", "Deleting"))?;
    stage.sims.faults().clear();
    wait_gone(&stage, "acme")?;
    assert_petra_has_no_link(&stage)
}

#[test]
fn a_link_that_was_never_registered_goes_at_once_whatever_petra_does() -> Result<()> {
    let stage = Stage::set("deletion-never")?;
    stage.apply_refused_link("acme")?;
    stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    let link = stage.cluster.link(&stage.namespace, "acme")?;
    assert_eq!(link["metadata"]["finalizers"], Value::Null, "there is nothing to clean up");
    petra_is_down(&stage);
    delete(&stage, "acme")?;
    wait_gone(&stage, "acme")?;
    assert_eq!(stage.sims.petra_requests(Some("DELETE"), None), 0);
    assert_eq!(stage.sims.petra().changes()?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_deletion_needs_neither_the_secret_nor_a_link_that_is_not_suspended() -> Result<()> {
    let stage = Stage::set("deletion-bare")?;
    let Stage { cluster, namespace, .. } = &stage;
    linked(&stage, "acme")?;
    linked(&stage, "bravo")?;

    cluster.kubectl(&["delete", "secret", "acme-keys", "--namespace", namespace], None)?;
    stage.wait_for("acme", ("Ready", "Unknown", "WaitingForSecret"))?;
    delete(&stage, "acme")?;
    wait_gone(&stage, "acme")?;

    cluster.patch(namespace, "bravo", &json!({"spec": {"suspend": true}}))?;
    let suspended = stage.wait_for("bravo", ("Ready", "True", "Linked"))?;
    assert_eq!(*suspended.field("/observedGeneration"), 2, "the operator has seen it");
    delete(&stage, "bravo")?;
    wait_gone(&stage, "bravo")?;
    assert_petra_has_no_link(&stage)
}

#[test]
fn an_orphaned_link_is_left_at_petra() -> Result<()> {
    let stage = Stage::set("deletion-orphan")?;
    stage.linked("acme", |link| link.field("deletionPolicy", json!("Orphan")))?;
    let links = stage.sims.petra().links()?;
    let moment = stage.moment()?;
    delete(&stage, "acme")?;
    wait_gone(&stage, "acme")?;
    assert_eq!(stage.sims.petra().links()?, links);
    assert_eq!(stage.since(&moment)?.petra_about_links().len(), 0);
    Ok(())
}

#[test]
fn deleting_a_link_that_was_saved_by_hand_says_what_to_click() -> Result<()> {
    let stage = Stage::set("deletion-portal")?;
    stage.acknowledged("acme", |link| link.field("interval", json!(RARELY)))?;
    let link = stage.cluster.link(&stage.namespace, "acme")?;
    assert_eq!(link["metadata"]["finalizers"], Value::Null, "there is nothing that the operator could do");
    delete(&stage, "acme")?;
    wait_gone(&stage, "acme")?;
    let note = stage.wait_for_event("acme", "PortalUnlinkRequired")?;
    assert!(note.contains("https://app.petrasecurity.com/settings"), "{note}");
    assert_eq!(stage.sims.petra_requests(Some("DELETE"), None), 0);
    Ok(())
}

/// The operator is killed while its DELETE is under way, with this done to it; the next one ends the deletion.
fn killed_in_the_middle(namespace: &str, effect: Effect) -> Result<()> {
    let mut stage = Stage::set(namespace)?;
    linked(&stage, "acme")?;
    let rule = Rule { method: Some("DELETE".to_owned()), ..Rule::on(Service::Petra, effect) };
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    delete(&stage, "acme")?;
    wait_for("the DELETE is under way", || match stage.sims.petra_requests(Some("DELETE"), None) {
        0 => Err("none yet".to_owned()),
        _ => Ok(()),
    })?;
    stage.operator.kill();
    stage.sims.faults().clear();
    let link = stage.cluster.link(&stage.namespace, "acme")?;
    assert_eq!(link["metadata"]["finalizers"].as_array().map(Vec::len), Some(1), "it is not forgotten");
    stage.operator.restart()?;
    wait_gone(&stage, "acme")?;
    assert_petra_has_no_link(&stage)
}

#[test]
fn a_crash_before_petra_took_the_delete_leaves_nothing_behind() -> Result<()> {
    killed_in_the_middle("deletion-crash", Effect::Hang)
}

#[test]
fn a_crash_after_petra_took_the_delete_leaves_nothing_behind() -> Result<()> {
    killed_in_the_middle("deletion-crash-late", Effect::Hold(1_500))
}

#[test]
fn keys_that_reach_petra_after_a_crash_and_a_deletion_are_not_left_there() -> Result<()> {
    let mut stage = Stage::set("deletion-late-keys")?;
    let rule = Rule { method: Some("PUT".to_owned()), ..Rule::on(Service::Petra, Effect::Hold(2_500)) };
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    stage.apply_link("acme", |link| link)?;
    wait_for("the PUT is under way", || match stage.sims.petra_requests(Some("PUT"), None) {
        0 => Err("none yet".to_owned()),
        _ => Ok(()),
    })?;
    stage.operator.kill();
    assert_petra_has_no_link(&stage)?;
    delete(&stage, "acme")?;
    stage.operator.restart()?;
    wait_gone(&stage, "acme")?;
    let changes = stage.sims.petra().changes()?;
    let actions: Vec<_> =
        changes.iter().map(|change| change["action"].as_str().unwrap_or_default()).collect();
    assert_eq!(actions, ["created", "deleted"], "it came late and went again");
    assert_petra_has_no_link(&stage)
}

/// An operator with these rights whose Ready link stands in another namespace, which is being deleted.
fn doomed(own: &str, doomed: &str, rights: Rights) -> Result<Stage> {
    let options = OperatorOptions {
        watch_namespaces: vec![doomed.to_owned()],
        rights,
        time_speed: SPEED,
        ..OperatorOptions::in_namespace(own)
    };
    let mut stage = Stage::set_with(options)?;
    doomed.clone_into(&mut stage.namespace);
    linked(&stage, "acme")?;
    stage.cluster.kubectl(&["delete", "namespace", doomed, "--wait=false"], None)?;
    Ok(stage)
}

fn wait_until_namespace_is_gone(stage: &Stage) -> Result<()> {
    let namespace = format!("namespace/{}", stage.namespace);
    stage.cluster.kubectl(&["wait", "--for=delete", &namespace, "--timeout=120s"], None).map(drop)
}

#[test]
fn deleting_a_namespace_removes_its_links_at_petra() -> Result<()> {
    let stage = doomed("deletion-all", "doomed-all", Rights::Cluster)?;
    wait_until_namespace_is_gone(&stage)?;
    assert_petra_has_no_link(&stage)
}

#[test]
fn a_namespace_deleted_with_the_rights_ends_when_they_are_back() -> Result<()> {
    let stage = doomed("deletion-own", "doomed-own", Rights::EachNamespace)?;
    wait_for("Petra has no link", || {
        let links = stage.sims.petra().links().map_err(|error| error.to_string())?;
        if links.is_empty() { Ok(()) } else { Err(format!("{links:?}")) }
    })?;
    let shipped = include_str!("../../deploy/rbac/namespace-deletion.yaml");
    let rights = shipped
        .replace("cwlink-namespace-deletion", "doomed-own-links")
        .replace("cwlink-system", "deletion-own");
    stage.cluster.apply("default", &rights)?;
    wait_until_namespace_is_gone(&stage)
}
