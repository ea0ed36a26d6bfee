//! Bad days of Petra that hit all links at once.

use harness::{Result, wait_for};
use serde_json::json;

use super::{
    FLEET, INTERVAL, ask_and_follow, assert_always_ready, linked, stage, wait_for_hold, wait_for_more_looks,
    writes_at_petra,
};
use crate::conditions::LINKED;
use crate::ledger::{LINK, LIST, MY_SECURITY};
use crate::stage::Stage;

/// Waits until Petra was asked for the list so many more times.
fn wait_for_lists(stage: &Stage, more: u64) -> Result<()> {
    let before = stage.sims.petra_requests(Some("GET"), Some(LIST));
    wait_for("the list is asked for", || {
        let asked = stage.sims.petra_requests(Some("GET"), Some(LIST)) - before;
        if asked >= more { Ok(()) } else { Err(format!("{asked} times")) }
    })
}

#[test]
fn a_refused_petra_key_accuses_nobody_and_another_wakes_the_waiting() -> Result<()> {
    let stage = stage("fleet-petra-key")?;
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    let before = writes_at_petra(&stage)?;
    let moment = stage.moment()?;
    stage.operator.write_petra_key("not-a-key-of-this-petra")?;
    wait_until_proved(&stage, false)?;

    stage.apply_link("bravo", |link| link)?;
    let waits = stage.wait_for("bravo", ("Ready", "Unknown", "PetraKeyRejected"))?;
    assert!(waits.is("AuthFailed", "False", "CredentialsAccepted"), "{waits}");
    wait_for("every link is checked", || {
        let span = stage.since(&moment).map_err(|error| error.to_string())?;
        let missing: Vec<_> =
            FLEET.iter().filter(|name| span.connectwise_at(MY_SECURITY, name).is_empty()).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("not yet: {missing:?}")) }
    })?;
    stage.operator.write_petra_key(stage.sims.petra_key())?;
    stage.wait_for("bravo", LINKED[0])?;
    for (name, history) in &mut fleet {
        ask_and_follow(&stage, name, history)?;
        assert_always_ready(name, history);
    }
    let written = writes_at_petra(&stage)?.split_off(before.len());
    assert_eq!(written.len(), 1, "only the new link was registered: {written:?}");
    wait_until_proved(&stage, true)
}

/// Waits until the operator's own account at Petra is proved, or refused.
fn wait_until_proved(stage: &Stage, good: bool) -> Result<()> {
    wait_for("the account is asked about anew", || {
        let proved = stage.operator.metric("cwlink_petra_account_proved", &[]);
        let proved = proved.map_err(|error| error.to_string())?;
        if (proved > 0.5) == good { Ok(()) } else { Err(proved.to_string()) }
    })
}

#[test]
fn a_petra_key_that_dies_is_noticed_long_before_the_daily_proof() -> Result<()> {
    let stage = stage("fleet-petra-key-dies")?;
    wait_until_proved(&stage, true)?;
    stage.sims.petra().set(&json!({"apiKeys": ["another"]}))?;
    wait_until_proved(&stage, false)?;
    stage.sims.petra().set(&json!({"apiKeys": [stage.sims.petra_key()]}))?;
    wait_until_proved(&stage, true)
}

#[test]
fn an_empty_list_at_petra_registers_nobody_and_ends_with_a_good_list() -> Result<()> {
    let stage = stage("fleet-empty-list")?;
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    let before = writes_at_petra(&stage)?;
    // Its lists are empty from now on, though each link is there.
    stage.sims.petra().set(&json!({"pageSize": 0}))?;
    wait_for_lists(&stage, 2)?;
    let reads = stage.sims.petra_requests(Some("GET"), Some(LINK));
    let (name, history) = &mut fleet[0];
    let asked = ask_and_follow(&stage, name, history)?;
    assert!(asked.is("Ready", "True", "Linked"), "its own GET tells: {asked}");
    assert!(stage.sims.petra_requests(Some("GET"), Some(LINK)) > reads);

    stage.sims.petra().set(&json!({"pageSize": 100}))?;
    wait_for_lists(&stage, 1)?;
    for (name, history) in &mut fleet[1..] {
        ask_and_follow(&stage, name, history)?;
    }
    for (name, history) in &fleet {
        assert_always_ready(name, history);
    }
    assert_eq!(writes_at_petra(&stage)?, before, "nothing was created, replaced or deleted");
    Ok(())
}

#[test]
fn a_fleet_gone_at_petra_is_registered_again_when_a_person_asks() -> Result<()> {
    let stage = stage("fleet-gone")?;
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    let puts = stage.sims.petra_requests(Some("PUT"), None);
    stage.sims.petra().forget_all()?;
    wait_for_lists(&stage, 2)?;
    assert_eq!(stage.sims.petra_requests(Some("PUT"), None), puts, "nobody is registered again");

    let (asked, rest) = fleet.split_first_mut().expect("a fleet");
    stage.check_now(asked.0, "1")?;
    let again = ["True Linked", "Unknown RemoteLinkMissing", "Unknown AwaitingConfirmation", "True Linked"];
    asked.1.until("lost", |status| status.is("Registered", "False", "RemoteLinkMissing"))?;
    asked.1.until("registered again", |status| status.is("Ready", "True", "Linked"))?;
    assert_eq!(asked.1.course("Ready"), again);

    for (_, history) in rest.iter_mut() {
        history.until("stale", |status| status.is("Ready", "Unknown", "ValidationStale"))?;
    }
    wait_for_hold(&stage, true)?;
    wait_for_more_looks(&stage, 2 * rest.len())?;
    let registered = stage.sims.petra_requests(Some("PUT"), None) - puts;
    assert!(registered <= 4, "only three may be lost one by one: {registered}");
    for (name, history) in rest.iter_mut() {
        stage.check_now(name, "2")?;
        history.until("registered again", |status| status.is("Ready", "True", "Linked"))?;
        let mut course = again.to_vec();
        course.insert(1, "Unknown ValidationStale");
        assert_eq!(history.course("Ready"), course, "{name}");
        assert!(!history.was_ever("AuthFailed", "True"), "{name}");
    }
    assert_eq!(stage.sims.petra_requests(Some("PUT"), None), puts + FLEET.len() as u64, "once each");
    wait_for_hold(&stage, false)
}
