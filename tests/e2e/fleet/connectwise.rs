//! Refusals of ConnectWise that hit many at once.

use harness::simulators::petra::CLIENT_ID as PETRAS_OWN;
use harness::{OperatorOptions, Result, wait_for};

use super::{
    FLEET, INTERVAL, ask_and_follow, assert_always_ready, linked, stage, wait_for_hold, wait_for_more_looks,
    wait_until_held,
};
use crate::conditions::LINKED;
use crate::ledger::COMPANYINFO;
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::Stage;

const GOOD: &str = "5a0c0de0-0000-4000-8000-0000000000ca";
const BAD: &str = "5a0c0de0-0000-4000-8000-00000000bad0";

/// Writes the clientId file, and waits until the operator has read it.
fn change_client_id(stage: &Stage, client_id: &str) -> Result<()> {
    let labels = ["client-id", "outcome=\"loaded\""];
    let changes = || stage.operator.metric("cwlink_secret_file_reloads_total", &labels);
    let before = changes()?;
    stage.operator.write_client_id(client_id)?;
    wait_for("the clientId file is read again", || {
        let now = changes().map_err(|error| error.to_string())?;
        if now > before { Ok(()) } else { Err(format!("{now} changes")) }
    })
}

#[test]
fn a_bad_client_id_holds_the_fleet_and_a_good_one_frees_it() -> Result<()> {
    let stage = stage("fleet-client-id")?;
    stage.sims.world().set_client_ids(vec![GOOD.to_owned(), PETRAS_OWN.to_owned()]);
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    // Healthy, and not asked about: it is not woken by any of this.
    stage.linked("acme", |link| link.field("interval", RARELY.into()))?;
    let moment = stage.moment()?;

    change_client_id(&stage, BAD)?;
    // Its keys are good; only the clientId is at fault, and the message says that it may be.
    stage.apply_link("bravo", |link| link)?;
    let refused = stage.wait_for("bravo", ("Ready", "False", "CredentialsRejected"))?;
    assert!(refused.message("Ready").contains("clientId"), "{refused}");
    wait_until_held(&stage, 2 * FLEET.len())?;
    wait_for_hold(&stage, true)?;

    change_client_id(&stage, GOOD)?;
    // The next look of refused keys is five minutes away and more, and shall not be waited for.
    stage.wait_for("bravo", LINKED[0])?;
    wait_for_hold(&stage, false)?;
    for (name, history) in &mut fleet {
        let ended = ask_and_follow(&stage, name, history)?;
        assert!(ended.is("Ready", "True", "Linked"), "{ended}");
        assert_always_ready(name, history);
    }
    assert_eq!(stage.since(&moment)?.connectwise(Some("acme")).len(), 0, "healthy, and not due");
    Ok(())
}

/// Revokes the keys of the whole fleet, waits until all were asked about and refused, and tells who is still Ready.
///
/// The checks are spread out, so that the first three may have been accused by then; from the fourth on they are a fleet.
fn revoke_everywhere(stage: &Stage) -> Result<Vec<&'static str>> {
    let moment = stage.moment()?;
    for name in FLEET {
        stage.set_good_keys(name, &[])?;
    }
    wait_for("every link is asked about", || {
        let span = stage.since(&moment).map_err(|error| error.to_string())?;
        // The second full round is the second answer, which would accuse.
        let missing: Vec<_> =
            FLEET.iter().filter(|name| span.connectwise_at(COMPANYINFO, name).len() < 2).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("not yet: {missing:?}")) }
    })?;
    let mut held = Vec::new();
    for name in FLEET {
        if stage.status(name)?.state("Ready") == "True" {
            held.push(name);
        }
    }
    assert!(held.len() >= FLEET.len() - 3, "only three may be accused: {held:?}");
    wait_until_held(stage, held.len())?;
    Ok(held)
}

#[test]
fn keys_revoked_everywhere_are_held_until_a_person_asks() -> Result<()> {
    let stage = stage("fleet-revoked")?;
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    let held = revoke_everywhere(&stage)?;
    wait_for_hold(&stage, true)?;
    for (_, history) in fleet.iter_mut().filter(|(name, _)| held.contains(name)) {
        history.until("stale", |status| status.is("Ready", "Unknown", "ValidationStale"))?;
    }
    let (asked, held) = held.split_first().expect("some are held");
    // A person asks about one link: it alone is judged.
    stage.check_now(asked, "1")?;
    for (name, history) in fleet.iter_mut().filter(|(name, _)| !held.contains(name)) {
        history.until("accused", |status| status.state("AuthFailed") == "True")?;
        assert_eq!(history.was_ever("Ready", "Unknown"), *name == *asked, "{name}");
    }
    // Time alone accuses none of the others.
    wait_for_more_looks(&stage, 2 * held.len())?;
    for name in held {
        stage.set_good_keys(name, &[&private_key(name)])?;
    }
    for (name, history) in fleet.iter_mut().filter(|(name, _)| held.contains(name)) {
        history.until("Ready again", |status| status.is("Ready", "True", "Linked"))?;
        let course = ["True Linked", "Unknown ValidationStale", "True Linked"];
        assert_eq!(history.course("Ready"), course, "{name}");
        assert!(!history.was_ever("AuthFailed", "True"), "{name}");
    }
    wait_for_hold(&stage, false)
}

#[test]
fn a_restart_with_a_bad_client_id_accuses_no_link_however_few() -> Result<()> {
    let mut stage = stage("fleet-restart")?;
    stage.sims.world().set_client_ids(vec![GOOD.to_owned(), PETRAS_OWN.to_owned()]);
    let mut fleet = linked(&stage, &FLEET[..2], INTERVAL)?;
    assert!(stage.operator.stop()?.success());
    stage.operator.write_client_id(BAD)?;
    stage.operator.restart()?;
    wait_until_held(&stage, 2)?;
    for (_, history) in &mut fleet {
        history.until("stale", |status| status.is("Ready", "Unknown", "ValidationStale"))?;
    }
    wait_for_more_looks(&stage, 2 * fleet.len())?;

    stage.operator.write_client_id(GOOD)?;
    for (name, history) in &mut fleet {
        history.until("Ready again", |status| status.is("Ready", "True", "Linked"))?;
        let course = ["True Linked", "Unknown ValidationStale", "True Linked"];
        assert_eq!(history.course("Ready"), course, "{name}");
        assert!(!history.was_ever("AuthFailed", "True"), "{name}");
    }
    wait_for_hold(&stage, false)
}

#[test]
fn one_success_in_a_held_fleet_ends_the_hold_and_judges_the_others() -> Result<()> {
    let stage = stage("fleet-success")?;
    // A minute and a half until a link is stale.
    let mut fleet = linked(&stage, &FLEET, "1h")?;
    let held = revoke_everywhere(&stage)?;
    stage.set_good_keys(held[0], &[&private_key(held[0])])?;
    for (name, history) in fleet.iter_mut().filter(|(name, _)| *name != held[0]) {
        history.until("judged", |status| status.state("AuthFailed") == "True")?;
        let course = history.course("Ready");
        assert_eq!(course, ["True Linked", "False CredentialsRejected"], "{name}: before it was stale");
    }
    for (name, history) in fleet.iter_mut().filter(|(name, _)| *name == held[0]) {
        ask_and_follow(&stage, name, history)?;
        assert_always_ready(name, history);
    }
    wait_for_hold(&stage, false)
}

#[test]
fn exactly_three_refused_links_are_accused_however_large_a_part_they_are() -> Result<()> {
    let stage = stage("fleet-three")?;
    let mut fleet = linked(&stage, &FLEET, OFTEN)?;
    let (bad, good) = fleet.split_at_mut(3);
    for (name, _) in bad.iter() {
        stage.set_good_keys(name, &[])?;
    }
    for (name, history) in bad {
        history.until("accused", |status| status.state("AuthFailed") == "True")?;
        assert_eq!(history.course("Ready"), ["True Linked", "False CredentialsRejected"], "{name}");
    }
    assert_eq!(stage.operator.metric("cwlink_held_verdicts_total", &["cause=\"fleet\""])?.to_string(), "0");
    for (name, history) in good {
        ask_and_follow(&stage, name, history)?;
        assert_always_ready(name, history);
    }
    Ok(())
}

#[test]
fn another_client_id_has_refused_links_looked_at_before_their_time() -> Result<()> {
    // The next look of refused keys is further away than anything is waited for.
    let options = OperatorOptions {
        time_speed: 2.0,
        client_id: BAD.to_owned(),
        ..OperatorOptions::in_namespace("fleet-wake")
    };
    let stage = Stage::set_with(options)?;
    stage.sims.world().set_client_ids(vec![GOOD.to_owned(), PETRAS_OWN.to_owned()]);
    stage.apply_refused_link("acme")?;
    stage.apply_link("bravo", |link| link)?;
    for name in ["acme", "bravo"] {
        let refused = stage.wait_for(name, ("Ready", "False", "CredentialsRejected"))?;
        assert!(refused.message("Ready").contains("clientId"), "{refused}");
    }
    change_client_id(&stage, GOOD)?;
    stage.wait_for("bravo", LINKED[0])?;
    wait_for_cleared(&stage, "acme")
}

/// Waits until a refusal no longer names the clientId.
fn wait_for_cleared(stage: &Stage, name: &str) -> Result<()> {
    let what = "a refusal of the keys alone";
    let status = stage.cluster.wait_until(&stage.namespace, name, what, |status| {
        !status.message("Ready").contains("clientId") && !status.message("AuthFailed").contains("clientId")
    })?;
    assert!(status.is("Ready", "False", "CredentialsRejected"), "{status}");
    Ok(())
}

#[test]
fn a_client_id_that_worked_for_one_link_is_not_named_by_another() -> Result<()> {
    let stage = Stage::set_with(OperatorOptions::in_namespace("fleet-named"))?;
    stage.apply_refused_link("acme")?;
    let refused = stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    assert!(refused.message("Ready").contains("clientId"), "{refused}");
    let moment = stage.moment()?;
    stage.apply_link("bravo", |link| link)?;
    wait_for_cleared(&stage, "acme")?;
    let span = stage.since(&moment)?;
    assert_eq!(span.connectwise(Some("acme")).len(), 0);
    let writes = span.writes().into_iter().filter(|write| write == "update connectwiselinks/status acme");
    assert_eq!(writes.count(), 1);
    Ok(())
}
