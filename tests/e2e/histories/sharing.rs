//! Histories in which a link goes: one of two for a company, and one that Petra does not let go.

use harness::simulators::{Effect, Rule, Service};
use harness::{Link, Result};
use serde_json::json;

use super::timeline::{Timeline, maybe, sure};
use super::{
    ACCEPTED, AWAITING, BLANK, CONFIRMED, CONFLICT, GRANTED, LINKED, NOTHING_YET, STRAIGHT, checking,
    pending, shared,
};
use crate::linked::{RARELY, private_key};
use crate::stage::{SPEED, Stage};

/// Two links for one company, the older Ready, the newer in conflict; the history is the newer's.
fn two_links(company: &str, older_policy: &str) -> Result<Timeline<'static>> {
    let stage = shared();
    let (older, newer) = (format!("{company}-older"), format!("{company}-newer"));
    let link = |name: &str| {
        let link = Link::new(name, &stage.sims).company(company).secret(&format!("{company}-keys"));
        link.field("interval", json!(RARELY))
    };
    let mut history = Timeline::begin(stage, SPEED, &newer, company)?;
    history.deed("an older link of the company is Ready");
    stage.apply_keys(company, &private_key(company))?;
    let older_link = link(&older).field("deletionPolicy", json!(older_policy));
    stage.cluster.apply(&stage.namespace, &older_link.yaml())?;
    stage.wait_for(&older, ("Ready", "True", "Linked"))?;
    history.deed("a newer link of the company is applied");
    stage.cluster.apply(&stage.namespace, &link(&newer).yaml())?;
    history.sees(&[
        maybe(BLANK),
        maybe(pending(NOTHING_YET)),
        maybe(checking(NOTHING_YET)),
        sure(CONFLICT),
    ])?;
    history.deed(&format!("the older one is deleted with {older_policy}"));
    stage.cluster.delete(&stage.namespace, &older)?;
    stage.cluster.wait_gone(&stage.namespace, &older)?;
    Ok(history)
}

#[test]
fn the_older_of_two_links_is_unlinked_and_the_newer_takes_its_place() -> Result<()> {
    let mut history = two_links("acme", "Unlink")?;
    history.sees(&[sure(AWAITING), sure(LINKED)])?;
    assert_eq!(history.end()?.changes, ["created", "deleted", "created"]);
    Ok(())
}

#[test]
fn the_older_of_two_links_is_orphaned_and_the_newer_adopts_its_link() -> Result<()> {
    let stage = shared();
    let mut history = two_links("delta", "Orphan")?;
    let still = stage.status("delta-newer")?;
    let owner = "harness/histories/delta-older";
    assert!(still.message("Ready").contains(&format!("adoptFrom: {owner} ")), "{still}");
    history.deed("adoptFrom and deletionPolicy are set as the message says");
    let adopt = json!({"spec": {"registration": {"adoptFrom": owner}, "deletionPolicy": "Unlink"}});
    stage.cluster.patch(&stage.namespace, "delta-newer", &adopt)?;
    history.sees(&[sure(AWAITING), sure(LINKED)])?;
    assert_eq!(history.end()?.changes, ["created", "adopted"], "Petra's link was never gone");
    Ok(())
}

#[test]
fn a_deletion_while_petra_is_down_that_ends_with_orphan() -> Result<()> {
    let stage = Stage::set("histories-deletion")?;
    let held = |reason| [reason, ACCEPTED, GRANTED, CONFIRMED];
    let mut history = Timeline::begin(&stage, SPEED, "acme", "acme")?;
    history.deed("the link is applied");
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    history.sees(&STRAIGHT)?;
    history.deed("Petra goes down, and the link is deleted");
    let rule = Rule::on(Service::Petra, Effect::Html { status: 503 });
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    stage.cluster.delete(&stage.namespace, "acme")?;
    history.sees(&[sure(held("False Deleting")), sure(held("False DeletionBlocked"))])?;
    history.deed("deletionPolicy is set to Orphan, as the message says");
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"deletionPolicy": "Orphan"}}))?;
    assert_eq!(history.end_gone()?.changes, ["created"], "the link is left at Petra");
    Ok(())
}
