//! Configuration of the operator that is lost at a restart.

use harness::Result;

use super::{
    FLEET, INTERVAL, ask_and_follow, linked, restart_with, stage, wait_for_hold, wait_until_held,
    writes_at_petra,
};

#[test]
fn a_restart_without_allow_site_reports_no_fleet_and_sends_nothing() -> Result<()> {
    let mut stage = stage("fleet-sites")?;
    let mut fleet = linked(&stage, &FLEET, INTERVAL)?;
    let before = writes_at_petra(&stage)?;

    restart_with(&mut stage, |options| options.allow_sites = false)?;
    let moment = stage.moment()?;
    // A new link shows that no host is allowed, and that this operator looks at links.
    stage.apply_link("bravo", |link| link)?;
    stage.wait_for("bravo", ("Ready", "False", "SiteNotAllowed"))?;
    wait_until_held(&stage, 2 * FLEET.len())?;
    wait_for_hold(&stage, true)?;
    assert_eq!(stage.since(&moment)?.connectwise(None).len(), 0, "nothing is sent");

    restart_with(&mut stage, |_| {})?;
    for (name, history) in &mut fleet {
        let status = ask_and_follow(&stage, name, history)?;
        assert!(status.is("Ready", "True", "Linked"), "{status}");
        assert!(!history.was_ever("Ready", "False"), "{name}: {:?}", history.course("Ready"));
    }
    let after = writes_at_petra(&stage)?;
    assert_eq!(after[..before.len()], before, "nothing of the fleet was replaced or deleted");
    assert!(after.len() <= before.len() + 1, "only the new link was registered: {after:?}");
    Ok(())
}

#[test]
fn a_site_that_is_allowed_no_more_is_reported_for_one_link() -> Result<()> {
    let mut stage = stage("fleet-site")?;
    let mut fleet = linked(&stage, &FLEET[..1], INTERVAL)?;
    restart_with(&mut stage, |options| options.allow_sites = false)?;
    let (name, history) = &mut fleet[0];
    history.until("reported", |status| status.is("Ready", "False", "SiteNotAllowed"))?;
    assert_eq!(history.course("Ready"), ["True Linked", "False SiteNotAllowed"], "{name}");
    restart_with(&mut stage, |_| {})?;
    history.until("allowed again", |status| status.is("Ready", "True", "Linked"))?;
    Ok(())
}
