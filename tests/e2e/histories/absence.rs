//! Histories in which somebody is away: ConnectWise, or the operator itself.

use std::time::Duration;

use harness::simulators::{Effect, Rule, Service};
use harness::{OperatorOptions, Result, wait_for};
use jiff::Timestamp;
use serde_json::json;

use super::timeline::{Timeline, maybe, sure};
use super::{
    ACCEPTED, AWAITING, BLANK, CONFIRMED, GRANTED, LINKED, NOTHING_YET, STRAIGHT, checking, pending,
};
use crate::ledger::LINK;
use crate::linked::RARELY;
use crate::stage::Stage;

fn stage(namespace: &str, time_speed: f64) -> Result<Stage> {
    Stage::set_with(OperatorOptions { time_speed, ..OperatorOptions::in_namespace(namespace) })
}

#[test]
fn connectwise_is_down_for_two_hours_and_the_interval_is_thirty_minutes() -> Result<()> {
    const SPEED: f64 = 240.0;
    let two_hours = Duration::from_hours(2).div_f64(SPEED).as_millis();
    let stage = stage("histories-outage", SPEED)?;
    let mut history = Timeline::begin(&stage, SPEED, "acme", "acme")?;
    history.deed("the link is applied, with the interval of thirty minutes that is the default");
    stage.apply_link("acme", |link| link)?;
    history.sees(&STRAIGHT)?;
    history.deed("ConnectWise answers 503 to everything");
    let moment = stage.moment()?;
    let rule = Rule::on(Service::ConnectWise, Effect::Html { status: 503 });
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    let silent = "Unknown ValidationStale";
    history.sees(&[sure([silent, silent, silent, CONFIRMED])])?;
    wait_for("two hours of failed checks", || {
        let span = stage.since(&moment).map_err(|error| error.to_string())?;
        let failed = span.connectwise(Some("acme"));
        let [Some(first), Some(last)] = [failed.first(), failed.last()] else {
            return Err("none".to_owned());
        };
        let lasted = u128::from(last.at_ms - first.at_ms);
        if lasted >= two_hours { Ok(()) } else { Err(format!("{lasted} ms of {two_hours}")) }
    })?;
    history.deed("ConnectWise is back");
    stage.sims.faults().clear();
    history.sees(&[sure(LINKED)])?;
    assert_eq!(history.end()?.changes, ["created"], "Petra has no part in it");
    for (reason, told) in [("CheckInconclusive", 1), ("ValidationStale", 1)] {
        stage.wait_for_event("acme", reason)?;
        assert_eq!(stage.notes("acme", reason)?.len(), told, "an outage is told once: {reason}");
    }
    Ok(())
}

#[test]
fn the_operator_is_away_while_petra_confirms_one_of_two_links() -> Result<()> {
    // Ten minutes, in which a confirmation does not time out, are half a minute.
    const SPEED: f64 = 20.0;
    let mut stage = stage("histories-restart", SPEED)?;
    stage.sims.petra().set(&json!({"confirmAfterMs": 3_600_000}))?;
    let begun = [maybe(BLANK), maybe(pending(NOTHING_YET)), maybe(checking(NOTHING_YET)), sure(AWAITING)];
    let mut ids = Vec::new();
    for company in ["acme", "bravo"] {
        stage.apply_link(company, |link| link.field("interval", json!(RARELY)))?;
        let awaiting = stage.wait_for(company, ("Ready", "Unknown", "AwaitingConfirmation"))?;
        ids.push(awaiting.text("/link/id").to_owned());
    }
    stage.operator.kill();
    for company in ["acme", "bravo"] {
        long_registered(&stage, company)?;
    }
    stage.sims.petra().force_state(&ids[0], &json!({"state": "connected"}))?;
    let rule = Rule::on(Service::Petra, Effect::Html { status: 503 }).path_contains("/connectwise");
    let petra_down = stage.sims.faults().add(rule).expect("the rule can be carried out");
    stage.operator.restart()?;

    let stage = stage;
    let mut confirmed = Timeline::begin(&stage, SPEED, "acme", "acme")?;
    let mut unconfirmed = Timeline::begin(&stage, SPEED, "bravo", "bravo")?;
    for history in [&mut confirmed, &mut unconfirmed] {
        history.deed(
            "the operator is back after fifteen minutes, of which it knows nothing; Petra does not answer",
        );
        history.sees(&begun)?;
    }
    wait_for("Petra is asked in vain", || {
        let met =
            stage.sims.faults().list().iter().find(|rule| rule.id == petra_down).map_or(0, |it| it.acted);
        if met >= 3 { Ok(()) } else { Err(format!("{met} times")) }
    })?;
    for history in [&mut confirmed, &mut unconfirmed] {
        history.deed("Petra answers again");
    }
    stage.sims.faults().clear();
    confirmed.sees(&[sure(LINKED)])?;
    // Ten minutes of its own, with answered polls.
    let late = ["False ConfirmationTimedOut", ACCEPTED, GRANTED, "Unknown ConfirmationTimedOut"];
    unconfirmed.sees(&[sure(late)])?;
    unconfirmed.deed("Petra confirms after all");
    stage.sims.petra().force_state(&ids[1], &json!({"state": "connected"}))?;
    unconfirmed.sees(&[sure(LINKED)])?;
    for history in [confirmed, unconfirmed] {
        let cost = history.end()?;
        assert_eq!(cost.changes, Vec::<String>::new());
        assert_eq!(cost.ledger.petra("PUT", LINK).len(), 0, "nothing is sent again");
        assert_eq!(cost.ledger.connectwise(None).len(), 0, "the verdict stands");
    }
    Ok(())
}

/// Lets Petra's acceptance lie fifteen minutes further back, as if nobody had run meanwhile.
fn long_registered(stage: &Stage, name: &str) -> Result<()> {
    let registered: Timestamp =
        stage.status(name)?.text("/link/registeredTime").parse().expect("a link that Petra took says when");
    let earlier = registered - Duration::from_mins(15);
    let registered_time = earlier.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    stage.forge_status(name, &json!({"link": {"registeredTime": registered_time}}))
}
