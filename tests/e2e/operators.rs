//! Two operators that watch one namespace: one serves a link, the other one leaves it alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use harness::{Operator, OperatorOptions, Result, Status, wait_for};

use crate::stage::{Stage, binary};

/// An hour passes in half a minute.
const SPEED: f64 = 120.0;
/// So fast that an operator has been silent for too long after nine seconds.
const FAST: f64 = 600.0;

/// Companies of the demo with good keys and a good role.
const NAMES: [&str; 3] = ["acme", "bravo", "delta"];

fn options(own: &str, watched: &str, time_speed: f64) -> OperatorOptions {
    OperatorOptions {
        watch_namespaces: vec![watched.to_owned()],
        time_speed,
        log_level: "info".to_owned(),
        ..OperatorOptions::in_namespace(own)
    }
}

/// The namespace of the operator that serves a link.
fn serving(status: &Status) -> &str {
    status.text("/operator/namespace")
}

#[test]
fn two_operators_of_one_namespace_cost_no_more_than_one_in_an_hour() -> Result<()> {
    let watched = "operators-team";
    let first = OperatorOptions { installation_id: "a".to_owned(), ..options("operators-a", watched, SPEED) };
    let second = OperatorOptions { petra: false, ..options("operators-b", watched, SPEED) };
    let mut stage = Stage::set_with(first)?;
    watched.clone_into(&mut stage.namespace);
    let other = Operator::start(binary(), stage.cluster, &stage.sims, &second)?;
    for name in NAMES {
        stage.apply_link(name, |link| link)?;
    }
    let mut served = BTreeMap::new();
    for name in NAMES {
        let status = stage.cluster.wait_until(watched, name, "served", |status| {
            status.is("Ready", "True", "Linked") || status.is("Ready", "False", "PortalActionRequired")
        })?;
        served.insert(name, serving(&status).to_owned());
        stage.wait_for_event(name, "ServedByAnotherOperator")?;
    }
    let users = [stage.operator.user(), other.user()];
    let writes = || -> Result<Vec<_>> {
        let mut all = Vec::new();
        for user in users {
            all.extend(stage.cluster.writes_by(user)?);
        }
        all.retain(|write| write.resource == "connectwiselinks");
        Ok(all)
    };
    let (writes_before, asked_before) = (writes()?.len(), stage.sims.connectwise_requests(None));
    thread::sleep(Duration::from_hours(1).div_f64(SPEED));
    let (written, asked) = (writes()?, stage.sims.connectwise_requests(None) - asked_before);
    let in_the_hour = written.len() - writes_before;

    let told =
        format!("two operators, 3 links, one hour: {in_the_hour} writes, {asked} requests to ConnectWise\n");
    let _ = std::io::stderr().write_all(told.as_bytes());
    // Two checks of each link, and a third where the shift makes room for it.
    assert!(in_the_hour <= 3 * NAMES.len(), "{in_the_hour} writes: {served:?}");
    assert!(asked <= 3 * NAMES.len() as u64, "{asked} requests");
    for name in NAMES {
        let status = stage.status(name)?;
        assert_eq!(serving(&status), served[name], "{name} changed hands");
        assert_eq!(stage.notes(name, "ServedByAnotherOperator")?.len(), 1, "{name}: said once");
        let user = format!("system:serviceaccount:{}:", served[name]);
        let strangers =
            written.iter().filter(|it| it.name == name && it.status < 300 && !it.user.starts_with(&user));
        assert_eq!(strangers.count(), 0, "{name} was written by the operator that does not serve it");
    }
    let left_alone = |operator: &Operator| operator.metric("cwlink_links_of_other_operators", &[]);
    let total = left_alone(&stage.operator)? + left_alone(&other)?;
    assert_eq!(total.to_string(), NAMES.len().to_string(), "each link is left alone by one of the two");
    Ok(())
}

#[test]
fn the_links_of_an_operator_that_stopped_are_taken_over_deletions_too() -> Result<()> {
    let watched = "takeover-team";
    let mut stage = Stage::set_with(options("takeover-a", watched, FAST))?;
    watched.clone_into(&mut stage.namespace);
    stage.linked("acme", |link| link)?;
    stage.linked("bravo", |link| link)?;
    stage.operator.stop()?;
    let _other =
        Operator::start(binary(), stage.cluster, &stage.sims, &options("takeover-b", watched, FAST))?;
    stage.cluster.delete(watched, "bravo")?;
    for name in ["acme", "bravo"] {
        let note = stage.wait_for_event(name, "ServedByAnotherOperator")?;
        assert!(note.contains("\"takeover-a/cwlink\" serves this link"), "{note}");
    }
    assert_eq!(
        stage.sims.petra().links()?.len(),
        2,
        "a deletion is left to the operator that serves the link"
    );
    stage.cluster.wait_gone(watched, "bravo")?;
    wait_for("the other operator serves the link", || {
        let status = stage.status("acme").map_err(|error| error.to_string())?;
        let is_done = serving(&status) == "takeover-b" && status.is("Ready", "True", "Linked");
        if is_done { Ok(()) } else { Err(status.to_string()) }
    })?;
    assert_eq!(stage.sims.petra().links()?.len(), 1);
    Ok(())
}
