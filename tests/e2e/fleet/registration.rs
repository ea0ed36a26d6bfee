//! A changed default of the operator: links that are registered keep the mode that they were registered in.

use harness::Result;
use serde_json::json;

use super::{FLEET, ask_and_follow, assert_always_ready, linked, restart_with, stage, writes_at_petra};
use crate::linked::OFTEN;

#[test]
fn another_default_mode_changes_nothing_that_is_registered() -> Result<()> {
    let mut stage = stage("fleet-registration")?;
    let mut fleet = linked(&stage, &FLEET[..4], OFTEN)?;
    let before = writes_at_petra(&stage)?;

    restart_with(&mut stage, |options| options.extra_args.push("--registration=Portal".to_owned()))?;
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

    restart_with(&mut stage, |_| {})?;
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
