//! Lists of Petra that are old, or behind the links themselves.

use harness::{Link, OperatorOptions, Result, Status, wait_for};
use serde_json::{Value, json};

use crate::ledger::{LINK, LIST};
use crate::linked::RARELY;
use crate::stage::Stage;

/// An operator so slow that no list is requested while a test looks, unless something waits for one.
fn idle(namespace: &str) -> Result<Stage> {
    Stage::set_with(OperatorOptions { time_speed: 10.0, ..OperatorOptions::in_namespace(namespace) })
}

/// A Ready link, after the last list for long: the one that was due when the link was confirmed.
fn linked(stage: &Stage, shape: impl FnOnce(Link) -> Link) -> Result<Status> {
    stage.apply_link("acme", shape)?;
    let linked = stage.wait_for("acme", ("Ready", "True", "Linked"))?;
    let moment = stage.moment()?;
    wait_for("the last list", || match stage.since(&moment) {
        Ok(span) if !span.petra("GET", LIST).is_empty() => Ok(()),
        Ok(_) => Err("not yet".to_owned()),
        Err(error) => Err(error.to_string()),
    })?;
    Ok(linked)
}

#[test]
fn a_deletion_ends_while_the_list_still_names_its_link() -> Result<()> {
    let stage = idle("lists-deletion")?;
    let linked = linked(&stage, |link| link.field("interval", json!(RARELY)))?;
    stage.sims.petra().set(&json!({"listLagMs": 30_000}))?;
    stage.sims.petra().vanish(linked.text("/link/id"))?;
    let moment = stage.moment()?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    let span = stage.since(&moment)?;
    assert_eq!(span.petra("DELETE", LINK).len(), 1, "the first answer was clear");
    let lists = span.petra("GET", LIST).len();
    assert!(lists <= 6, "{lists}: one a visit, and the operator had just begun to lead");
    assert_eq!(stage.sims.petra().links()?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_resource_that_is_made_again_is_not_judged_by_the_list_from_before() -> Result<()> {
    let stage = idle("lists-namesake")?;
    let shape = |link: Link| link.field("deletionPolicy", json!("Orphan"));
    let linked = linked(&stage, shape)?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    let by_hand = json!({"companyId": "acme", "siteUrl": linked.text("/site/apiHost")});
    stage.sims.petra().place(linked.text("/link/id"), &by_hand)?;
    stage.apply_link("acme", shape)?;
    let mut history = stage.follow("acme")?;
    history.until("judged", |status| status.is("Ready", "False", "LinkConflict"))?;
    assert!(!history.was_ever("Ready", "True"), "{:?}", history.course("Ready"));
    Ok(())
}

#[test]
fn a_check_that_a_person_asks_for_reads_the_link_at_petra_too() -> Result<()> {
    let stage = idle("lists-requested")?;
    let linked = linked(&stage, |link| link.field("interval", json!(RARELY)))?;
    let failed = json!({"state": "failed", "reason": "credentials_rejected"});
    stage.sims.petra().force_state(linked.text("/link/id"), &failed)?;
    let moment = stage.moment()?;
    stage.check_now("acme", "now")?;
    let mut history = stage.follow("acme")?;
    history.until("checked", |status| status.text("/lastHandledReconcileAt") == "now")?;
    assert!(!stage.since(&moment)?.petra("GET", LINK).is_empty(), "the link itself is read");
    assert_eq!(stage.since(&moment)?.petra("GET", LIST).len(), 0, "no list said so");
    history.until("accused", |status| status.is("Ready", "False", "RegistrationRejected"))?;
    Ok(())
}
