//! An administrator puts back what a backup held: an older status, or a resource that was lost with its uid.

use std::collections::BTreeSet;

use harness::{PATIENCE, Result, Status, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::RARELY;
use crate::stage::Stage;

/// Who changed a link at Petra, and how.
fn changes(stage: &Stage) -> Result<Vec<String>> {
    let told = |change: &Value| format!("{} {}", change["action"], change["credentialsVersion"]);
    Ok(stage.sims.petra().changes()?.iter().map(told).collect())
}

fn set_status(stage: &Stage, status: &Value) -> Result<()> {
    let patch = json!([{"op": "replace", "path": "/status", "value": status}]);
    let (namespace, patch) = (&stage.namespace, format!("--patch={patch}"));
    let arguments =
        ["patch", "cwlink", "acme", "--namespace", namespace, "--subresource=status", "--type=json", &patch];
    stage.cluster.kubectl(&arguments, None).map(drop)
}

fn take_finalizers_off(stage: &Stage) -> Result<()> {
    stage.cluster.patch(&stage.namespace, "acme", &json!({"metadata": {"finalizers": null}}))
}

fn finalizers(stage: &Stage) -> Result<Value> {
    Ok(stage.cluster.link(&stage.namespace, "acme")?["metadata"]["finalizers"].clone())
}

/// Asks for a check, and waits until the link is Ready after it.
fn check(stage: &Stage, requested_at: &str) -> Result<Status> {
    stage.check_now("acme", requested_at)?;
    stage.cluster.wait_until(&stage.namespace, "acme", "Ready after a check", |status| {
        status.is("Ready", "True", "Linked") && status.text("/lastHandledReconcileAt") == requested_at
    })
}

#[test]
fn an_older_status_that_is_restored_changes_nothing_at_petra() -> Result<()> {
    let stage = Stage::set("restored-status")?;
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    stage.cluster.wait_until(&stage.namespace, "acme", "seen", |status| {
        status.state("Ready") == "Unknown" || status.state("Ready") == "True"
    })?;
    let linked = stage.wait_for("acme", LINKED[0])?;
    // Keys are rotated since the backup.
    stage.set_good_keys("acme", &["CANARY-acme-second"])?;
    stage.apply_keys("acme", "CANARY-acme-second")?;
    let first = linked.text("/link/credentialsVersion").to_owned();
    stage.cluster.wait_until(&stage.namespace, "acme", "Ready with other keys", |status| {
        status.is("Ready", "True", "Linked") && status.text("/link/credentialsVersion") != first
    })?;
    let now = check(&stage, "before")?;
    let before = changes(&stage)?;

    let mut earliest = linked.value().clone();
    let fields = earliest.as_object_mut().expect("a status");
    fields.retain(|name, _| name == "observedGeneration" || name == "conditions");
    for (nth, older) in
        [linked.value().clone(), earliest, json!({"observedGeneration": -1})].into_iter().enumerate()
    {
        set_status(&stage, &older)?;
        let after = check(&stage, &format!("restored-{nth}"))?;
        for what in ["/link/id", "/link/owner", "/link/credentialsVersion", "/link/state", "/inputs"] {
            assert_eq!(after.field(what), now.field(what), "{what} after {older}");
        }
        assert_eq!(changes(&stage)?, before, "after {older}");
    }

    // Nor is anything left behind when finalizer and record were lost with it.
    take_finalizers_off(&stage)?;
    set_status(&stage, &json!({"observedGeneration": -1}))?;
    check(&stage, "without-finalizer")?;
    wait_for("the finalizer is back", || {
        let now = finalizers(&stage).map_err(|error| error.to_string())?;
        if now.is_null() { Err(now.to_string()) } else { Ok(()) }
    })?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().links()?, Vec::<Value>::new());
    Ok(())
}

fn ids(stage: &Stage) -> Result<BTreeSet<String>> {
    Ok(stage.sims.petra().links()?.iter().map(|link| link["linkId"].to_string()).collect())
}

#[test]
fn a_lost_resource_that_is_created_again_from_a_file_is_the_same_link() -> Result<()> {
    let mut stage = Stage::set("restored-resource")?;
    let first = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let uid = stage.cluster.link(&stage.namespace, "acme")?["metadata"]["uid"].clone();
    let before = changes(&stage)?;
    let links = ids(&stage)?;

    // Nobody is there to put the finalizer back before the resource is gone.
    stage.operator.stop()?;
    take_finalizers_off(&stage)?;
    let now = ["delete", "cwlink", "acme", "--namespace", &stage.namespace];
    let patience = format!("--timeout={}s", PATIENCE.as_secs());
    stage.cluster.kubectl(&[&now[..], &[&patience]].concat(), None)?;
    stage.operator.restart()?;
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    let second = stage.wait_for("acme", LINKED[0])?;
    assert_ne!(stage.cluster.link(&stage.namespace, "acme")?["metadata"]["uid"], uid);
    for what in ["/link/id", "/link/owner", "/link/credentialsVersion"] {
        assert_eq!(second.field(what), first.field(what), "{what}");
    }
    assert_eq!(ids(&stage)?, links);
    // It takes the link over, once, with the same keys.
    let taken_over = format!("\"replaced\" {}", first.field("/link/credentialsVersion"));
    assert_eq!(changes(&stage)?, [&before[..], &[taken_over]].concat());
    let uid = stage.cluster.link(&stage.namespace, "acme")?["metadata"]["uid"].clone();
    assert_eq!((&stage.sims.petra().links()?[0]["ownerUid"], second.field("/link/ownerUid")), (&uid, &uid));
    assert_eq!(finalizers(&stage)?, json!(["integrations.petrasecurity.com/unlink"]));
    Ok(())
}

#[test]
fn a_namesake_after_a_deletion_is_not_ready_before_petra_has_its_link() -> Result<()> {
    let stage = Stage::set("restored-namesake")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    // The shared poll has seen the link, and sees nothing else for a quarter of an hour.
    let uid = stage.cluster.link(&stage.namespace, "acme")?["metadata"]["uid"].clone();
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(ids(&stage)?, BTreeSet::new());
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    stage.wait_for("acme", LINKED[0])?;
    assert_ne!(stage.cluster.link(&stage.namespace, "acme")?["metadata"]["uid"], uid);
    assert_eq!(ids(&stage)?.len(), 1, "it is Ready for a link that there is");
    Ok(())
}
