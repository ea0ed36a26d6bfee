//! Two replicas: one acts, the other stands by, and neither a crash nor a frozen process makes two act at once.

use harness::simulators::{Effect, Rule, Service};
use harness::{Operator, OperatorOptions, Result, wait_for};
use serde_json::json;

use crate::conditions::LINKED;
use crate::ledger::LINK;
use crate::linked::{OFTEN, RARELY};
use crate::stage::{SPEED, Stage, binary};

fn options(namespace: &str) -> OperatorOptions {
    OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) }
}

/// A second replica, which is ready but does not lead.
fn standby(stage: &Stage) -> Result<Operator> {
    let standby = Operator::start(binary(), stage.cluster, &stage.sims, &options(&stage.namespace))?;
    assert!(!leads(&standby)?);
    Ok(standby)
}

fn leads(operator: &Operator) -> Result<bool> {
    Ok(operator.metrics()?.lines().any(|line| line == "cwlink_leader 1"))
}

fn wait_until_it_leads(operator: &Operator) -> Result<()> {
    wait_for("the other replica leads", || {
        if leads(operator).map_err(|error| error.to_string())? {
            Ok(())
        } else {
            Err("it stands by".to_owned())
        }
    })
}

fn holder(stage: &Stage) -> Result<String> {
    let lease = stage.cluster.json(&["get", "lease", "cwlink", "--namespace", &stage.namespace])?;
    Ok(lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn who_stands_by_asks_nobody_and_takes_over_when_the_leader_crashes() -> Result<()> {
    let mut stage = Stage::set("leader-crash")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let first = holder(&stage)?;
    let moment = stage.moment()?;
    let standby = standby(&stage)?;
    let span = stage.since(&moment)?;
    assert_eq!(span.connectwise(None).len(), 0);
    assert_eq!(span.writes(), Vec::<String>::new());
    assert_eq!(span.secrets_read(), Vec::<&str>::new());

    stage.operator.kill();
    stage.apply_link("bravo", |link| link.field("interval", json!(OFTEN)))?;
    wait_until_it_leads(&standby)?;
    stage.wait_for("bravo", LINKED[0])?;
    assert_ne!(holder(&stage)?, first);
    let span = stage.since(&moment)?;
    assert_eq!(span.connectwise(Some("acme")).len(), 0, "a healthy link does not notice");
    assert_eq!(stage.sims.petra().links()?.len(), 2);
    Ok(())
}

#[test]
fn a_leader_that_is_told_to_stop_hands_over_at_once() -> Result<()> {
    let mut stage = Stage::set("leader-stop")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let standby = standby(&stage)?;
    assert!(stage.operator.stop()?.success());
    // Given back, or taken over already: what a crash leaves behind is the former holder for fifteen seconds.
    let released = holder(&stage)?;
    wait_until_it_leads(&standby)?;
    let now = holder(&stage)?;
    assert!(released.is_empty() || released == now, "{released:?}, then {now:?}");
    stage.linked("bravo", |link| link.field("interval", json!(RARELY)))?;
    Ok(())
}

/// The worst that can happen to a leader: frozen with its keys on the way to Petra, and woken when all is over.
#[test]
fn a_late_put_of_a_frozen_leader_recreates_nothing_after_a_delete() -> Result<()> {
    let mut stage = Stage::set("leader-frozen")?;
    // Longer than the lease, and than everything that the next leader does.
    let held = Rule { method: Some("PUT".to_owned()), ..Rule::on(Service::Petra, Effect::Hold(45_000)) };
    stage.sims.faults().add(held.times(1)).expect("the rule can be carried out");
    let moment = stage.moment()?;
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    wait_for("the keys are on their way", || match stage.sims.petra_requests(Some("PUT"), None) {
        0 => Err("no PUT yet".to_owned()),
        _ => Ok(()),
    })?;
    stage.operator.freeze()?;
    let standby = standby(&stage)?;
    wait_until_it_leads(&standby)?;
    stage.wait_for("acme", LINKED[0])?;
    stage.cluster.kubectl(&["delete", "cwlink", "acme", "--wait=false", "-n", &stage.namespace], None)?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().links()?.len(), 0);

    // The held request is answered last: by then it has been judged.
    wait_for("the late keys arrive", || {
        let puts = stage.since(&moment).map_err(|error| error.to_string())?;
        let answered = puts.petra("PUT", LINK).iter().filter_map(|put| put.status).collect::<Vec<_>>();
        if answered.contains(&410) { Ok(()) } else { Err(format!("answered so far: {answered:?}")) }
    })?;
    assert_eq!(stage.sims.petra().links()?.len(), 0, "the late keys made a link");

    stage.operator.thaw()?;
    let ended = stage.operator.wait_until_ended()?;
    assert!(!ended.success(), "a leader that lost the lease has to start anew");
    stage.linked("bravo", |link| link.field("interval", json!(RARELY)))?;
    Ok(())
}
