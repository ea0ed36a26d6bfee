//! A fleet does not flip at once: what is the operator's own fault, or looks like it, accuses and re-registers nobody.

mod configuration;
mod connectwise;
mod petra;
mod registration;

use harness::simulators::scenario::{Company, KeyPair, Member, PrivateKey};
use harness::{Operator, OperatorOptions, Result, Status, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::History;
use crate::stage::{Stage, binary};

/// A minute passes in half a second.
const SPEED: f64 = 120.0;
/// A quarter of a minute at [`SPEED`], and three quarters until a link is stale: long enough for a test to look at a held
/// fleet.
const INTERVAL: &str = "30m";

/// More than three, so that all together are a fleet and three are not; three are more than a fifth.
const FLEET: [&str; 7] = ["fleet-1", "fleet-2", "fleet-3", "fleet-4", "fleet-5", "fleet-6", "fleet-7"];

/// A stage with companies named as [`FLEET`], made after the pattern of the demo's bravo.
fn stage(namespace: &str) -> Result<Stage> {
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) };
    let stage = Stage::set_with(options)?;
    let scenario = stage.sims.world().scenario();
    let pattern = scenario.companies.iter().find(|company| company.id == "bravo");
    let pattern = pattern.expect("the demo has a company bravo");
    for name in FLEET {
        let key = KeyPair {
            public: format!("{name}-public"),
            private: PrivateKey::new(crate::linked::private_key(name)),
        };
        let member = Member { keys: vec![key], ..pattern.members[0].clone() };
        stage.sims.world().set_company(Company {
            id: name.to_owned(),
            members: vec![member],
            ..pattern.clone()
        })?;
    }
    Ok(stage)
}

/// Makes these links Ready by `Api`, and follows them from then on.
fn linked(stage: &Stage, names: &[&'static str], interval: &str) -> Result<Vec<(&'static str, History)>> {
    for name in names {
        stage.apply_link(name, |link| link.field("interval", json!(interval)))?;
    }
    for name in names {
        stage.wait_for(name, LINKED[0])?;
    }
    names.iter().map(|name| Ok((*name, stage.follow(name)?))).collect()
}

/// Ends the operator, and starts another one in its place with these changes of its options.
fn restart_with(stage: &mut Stage, change: impl FnOnce(&mut OperatorOptions)) -> Result<()> {
    assert!(stage.operator.stop()?.success());
    let mut options =
        OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(&stage.namespace) };
    change(&mut options);
    stage.operator = Operator::start(binary(), stage.cluster, &stage.sims, &options)?;
    Ok(())
}

/// How many looks of this operator ended with a held fleet.
fn held_looks(stage: &Stage) -> Result<f64> {
    stage.operator.metric("cwlink_held_verdicts_total", &["cause=\"fleet\""])
}

/// Waits until so many looks of this operator ended with a held fleet.
fn wait_for_looks(stage: &Stage, wanted: f64) -> Result<()> {
    wait_for("the fleet is held", || {
        let held = held_looks(stage).map_err(|error| error.to_string())?;
        if held >= wanted { Ok(()) } else { Err(format!("{held} looks ended so")) }
    })
}

/// Waits until so many more looks ended with a held fleet.
fn wait_for_more_looks(stage: &Stage, more: usize) -> Result<()> {
    wait_for_looks(stage, held_looks(stage)? + as_float(more))
}

fn as_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Waits until the operator says that it holds so much of the fleet: more looks than this ended so.
fn wait_until_held(stage: &Stage, looks: usize) -> Result<()> {
    wait_for_looks(stage, as_float(looks))?;
    wait_for("the event about the fleet", || {
        let events = stage.cluster.events(&stage.namespace, "reason=FleetHold");
        let events = events.map_err(|error| error.to_string())?;
        if events.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    })
}

/// Waits until the gauge of the hold says this.
fn wait_for_hold(stage: &Stage, on: bool) -> Result<()> {
    wait_for("cwlink_fleet_hold", || {
        let value = stage.operator.metric("cwlink_fleet_hold", &[]).map_err(|error| error.to_string())?;
        if (value > 0.5) == on { Ok(()) } else { Err(value.to_string()) }
    })
}

/// Asks for a full check, and follows the link until it has ended: all earlier states are read by then.
fn ask_and_follow(stage: &Stage, name: &str, history: &mut History) -> Result<Status> {
    stage.check_now(name, "the end")?;
    history.until("the check that was asked for", |status| {
        status.text("/lastHandledReconcileAt") == "the end" && status.state("Reconciling").is_empty()
    })
}

/// The link was Ready all the time.
#[track_caller]
fn assert_always_ready(name: &str, history: &History) {
    assert_eq!(history.course("Ready"), ["True Linked"], "{name}");
    assert_eq!(history.course("Registered"), ["True Confirmed"], "{name}");
    assert!(!history.was_ever("AuthFailed", "True"), "{name}");
}

/// The ids of all links at Petra and how often each was written.
fn writes_at_petra(stage: &Stage) -> Result<Vec<(String, String)>> {
    let text = |change: &Value, field: &str| change[field].as_str().unwrap_or_default().to_owned();
    let changes = stage.sims.petra().changes()?;
    Ok(changes.iter().map(|change| (text(change, "action"), text(change, "linkId"))).collect())
}
