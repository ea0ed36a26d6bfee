//! A check that a person asks for, of a link that is Ready.

use harness::Result;
use harness::simulators::scenario::{Board, Team};
use harness::simulators::world::MemberChange;
use serde_json::json;

use crate::conditions::LINKED;
use crate::ledger::COMPANYINFO;
use crate::linked::{MEMBER, RARELY};
use crate::stage::Stage;

/// Asks for a check that finds `fault`, and for another one once that is fixed.
fn finds(stage: &Stage, fault: &str, breaks: impl Fn(bool) -> Result<()>) -> Result<()> {
    let moment = stage.moment()?;
    breaks(true)?;
    stage.check_now("bravo", fault)?;
    let found = stage.wait_for("bravo", ("Ready", "False", fault))?;
    assert_eq!(found.text("/lastHandledReconcileAt"), fault, "{found}");
    assert_eq!(stage.since(&moment)?.connectwise_at(COMPANYINFO, "bravo").len(), 2, "two full checks");
    breaks(false)?;
    stage.check_now("bravo", &format!("{fault} fixed"))?;
    stage.wait_for("bravo", LINKED[0])?;
    Ok(())
}

#[test]
fn a_requested_check_reports_the_member_and_the_board_of_a_ready_link() -> Result<()> {
    let stage = Stage::set("check-now")?;
    let world = stage.sims.world();
    stage.linked("bravo", |link| {
        link.field("interval", json!(RARELY)).field("serviceBoard", json!("Help Desk"))
    })?;

    finds(&stage, "MemberInactive", |inactive| {
        let change = MemberChange { inactive: Some(inactive), ..MemberChange::default() };
        Ok(world.change_member("bravo", MEMBER, change)?)
    })?;
    finds(&stage, "ServiceBoardNotReady", |inactive| {
        let team = Team { name: "Team".to_owned(), default_flag: true };
        let board = Board { name: "Help Desk".to_owned(), inactive, project_flag: false, teams: vec![team] };
        Ok(world.set_boards("bravo", vec![board])?)
    })
}
