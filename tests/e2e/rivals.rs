//! In `Portal`, which of several resources of one company comes first: acknowledged, else older, with accepted keys.

use harness::{Link, OperatorOptions, Result, Status, credentials};
use serde_json::json;

use crate::conditions::Row;
use crate::linked::private_key;
use crate::stage::Stage;

const ASKED: Row = ("Ready", "False", "PortalActionRequired");
const CONFLICT: Row = ("Ready", "False", "LinkConflict");
const REFUSED: Row = ("Ready", "False", "CredentialsRejected");

/// So slow that a link which asks a person looks again by itself only after this test has given up: what it sees before,
/// it was woken for.
const SPEED: f64 = 10.0;

fn apply_keys(stage: &Stage, name: &str, private_key: &str) -> Result<()> {
    let keys = credentials(&format!("{name}-keys"), "acme-public", private_key);
    stage.cluster.apply(&stage.namespace, &keys)
}

/// Applies a link of acme, and waits for what becomes of it.
fn apply(stage: &Stage, name: &str, private_key: &str, condition: Row) -> Result<Status> {
    apply_keys(stage, name, private_key)?;
    stage.cluster.apply(&stage.namespace, &Link::new(name, &stage.sims).company("acme").yaml())?;
    stage.wait_for(name, condition)
}

/// Waits until a link is in conflict with this one.
fn wait_for_conflict_with(stage: &Stage, name: &str, holder: &str) -> Result<()> {
    let what = format!("in conflict with {holder}");
    let is_lost = |status: &Status| {
        status.is("Ready", "False", "LinkConflict")
            && status.message("Ready").contains(&format!("ConnectWiseLink \"{holder}\" in this namespace"))
    };
    stage.cluster.wait_until(&stage.namespace, name, &what, is_lost).map(drop)
}

/// Does what a link asks a person for.
fn acknowledge(stage: &Stage, name: &str) -> Result<()> {
    let asked = stage.wait_for(name, ASKED)?;
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    let acknowledged = json!({"spec": {"registration": {"acknowledged": token}}});
    stage.cluster.patch(&stage.namespace, name, &acknowledged)?;
    stage.wait_for(name, ("Ready", "True", "Linked")).map(drop)
}

#[test]
fn what_a_person_saved_keeps_its_company_suspended_or_restarted() -> Result<()> {
    let options = OperatorOptions {
        petra: false,
        time_speed: 60.0,
        ..OperatorOptions::in_namespace("rivals-suspended")
    };
    let mut stage = Stage::set_with(options)?;
    let good = private_key("acme");
    apply(&stage, "holder", &good, ASKED)?;
    acknowledge(&stage, "holder")?;
    apply(&stage, "other", &good, CONFLICT)?;
    stage.cluster.patch(&stage.namespace, "holder", &json!({"spec": {"suspend": true}}))?;

    stage.operator.restart()?;
    // The new process has looked at both since.
    stage.cluster.patch(&stage.namespace, "holder", &json!({"spec": {"interval": "1h"}}))?;
    stage.cluster.wait_until(&stage.namespace, "holder", "seen as it is now", |status| {
        *status.field("/observedGeneration") == 4
    })?;
    stage.check_now("other", "after the restart")?;
    let looked = stage.cluster.wait_until(&stage.namespace, "other", "looked at anew", |status| {
        status.text("/lastHandledReconcileAt") == "after the restart"
    })?;
    assert!(looked.is("Ready", "False", "LinkConflict"), "{looked}");
    Ok(())
}

#[test]
fn refused_keys_give_way_and_an_acknowledged_link_keeps_its_place() -> Result<()> {
    let options =
        OperatorOptions { petra: false, time_speed: SPEED, ..OperatorOptions::in_namespace("rivals") };
    let stage = Stage::set_with(options)?;
    let good = private_key("acme");
    apply(&stage, "first", "CANARY-acme-mistyped", REFUSED)?;
    apply(&stage, "second", &good, ASKED)?;
    apply(&stage, "third", &good, CONFLICT)?;
    wait_for_conflict_with(&stage, "third", "second")?;

    // Mended, the oldest comes first, and the next is told at once: two people must not be asked for one company.
    apply_keys(&stage, "first", &good)?;
    stage.wait_for("first", ASKED)?;
    wait_for_conflict_with(&stage, "second", "first")?;

    // Refused, it is out of the way again.
    apply_keys(&stage, "first", "CANARY-acme-mistyped")?;
    stage.wait_for("first", REFUSED)?;
    acknowledge(&stage, "second")?;

    // What a person saved stands, whoever is older.
    apply_keys(&stage, "first", &good)?;
    wait_for_conflict_with(&stage, "first", "second")?;
    assert!(stage.status("second")?.is("Ready", "True", "Linked"));

    stage.cluster.delete(&stage.namespace, "second")?;
    stage.wait_for("first", ASKED)?;
    wait_for_conflict_with(&stage, "third", "first")
}
