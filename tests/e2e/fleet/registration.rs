//! A changed default of the operator: links that are registered keep the mode that they were registered in.

use harness::{Operator, OperatorOptions, Result};
use serde_json::json;

use super::{FLEET, SPEED, ask_and_follow, assert_always_ready, linked, stage, writes_at_petra};
use crate::linked::OFTEN;
use crate::stage::{Stage, binary};

/// Ends the operator, and starts another one in its place with these flags beside the usual ones.
fn restart_with(stage: &mut Stage, flags: &[&str]) -> Result<()> {
    assert!(stage.operator.stop()?.success());
    let options = OperatorOptions {
        time_speed: SPEED,
        extra_args: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        ..OperatorOptions::in_namespace(&stage.namespace)
    };
    stage.operator = Operator::start(binary(), stage.cluster, &stage.sims, &options)?;
    Ok(())
}

#[test]
fn another_default_mode_changes_nothing_that_is_registered() -> Result<()> {
    let mut stage = stage("fleet-registration")?;
    let mut fleet = linked(&stage, &FLEET[..4], OFTEN)?;
    let before = writes_at_petra(&stage)?;

    restart_with(&mut stage, &["--registration=Portal"])?;
    for (name, _) in &fleet {
        let status = stage.wait_for_checks(name, 1)?;
        assert_eq!(status.text("/link/mode"), "Api", "{status}");
    }
    // A new link goes the new way: the flag is in force.
    stage.apply_link("bravo", |link| link.field("interval", json!(OFTEN)))?;
    let asked = stage.wait_for("bravo", ("Ready", "False", "PortalActionRequired"))?;
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    let acknowledged = json!({"spec": {"registration": {"acknowledged": token}}});
    stage.cluster.patch(&stage.namespace, "bravo", &acknowledged)?;
    stage.wait_for("bravo", ("Registered", "True", "Acknowledged"))?;
    let mut by_hand = stage.follow("bravo")?;

    restart_with(&mut stage, &[])?;
    let status = stage.wait_for_checks("bravo", 1)?;
    assert_eq!(status.text("/link/mode"), "Portal", "{status}");
    ask_and_follow(&stage, "bravo", &mut by_hand)?;
    assert_eq!(by_hand.course("Ready"), ["True Linked"]);
    assert_eq!(by_hand.course("Registered"), ["True Acknowledged"]);
    for (name, history) in &mut fleet {
        ask_and_follow(&stage, name, history)?;
        assert_always_ready(name, history);
    }
    assert_eq!(writes_at_petra(&stage)?, before, "nothing was created, replaced or deleted");
    Ok(())
}
