//! Boards that a member may not see.

use harness::Result;

use super::own_profiles::time_sheets;
use super::tenants::{Tenant, column, guide, shared, verdict, verdicts};

#[test]
fn a_board_that_is_kept_from_the_member_is_not_ready_and_no_denial() -> Result<()> {
    let tenants = vec![
        Tenant::new("board-hidden", guide()).board("Help Desk").without_board("Help Desk"),
        Tenant::new("another-board-hidden", guide()).board("Help Desk").without_board("Executive"),
        Tenant::new("board-of-projects", guide()).board("Rollouts"),
    ];
    let verdicts = verdicts(shared(), tenants)?;
    assert_eq!(column(&verdicts["another-board-hidden"], "Ready"), "True Linked");
    for (name, said) in [
        (
            "board-hidden",
            "Service board \"Help Desk\" is hidden from the API member. In ConnectWise, open System > Members > API \
             Members. Open the member and remove the board from its excluded service boards. Save the member. The operator \
             rechecks automatically within about 5 minutes.",
        ),
        (
            "board-of-projects",
            "Service board \"Rollouts\" does not exist, or the API member may not see it. In ConnectWise, open System \
             > Setup Tables > Service Board. Compare the name with spec.serviceBoard. The operator rechecks \
             automatically within about 5 minutes.",
        ),
    ] {
        let status = &verdicts[name];
        assert_eq!(column(status, "Ready"), "False ServiceBoardNotReady", "{name}: {status}");
        assert_eq!(column(status, "PermissionDenied"), "False GrantedAsFarAsVisible", "{name}: {status}");
        assert_eq!(status.message("Ready"), said, "{name}");
    }
    Ok(())
}

#[test]
fn a_role_that_may_read_no_boards_is_told_what_to_allow() -> Result<()> {
    // The profile asks for no setup table, so that no line of it is missing.
    let tenant = Tenant::new("board-refused", time_sheets()).profile("TimeSheets").board("Help Desk");
    let status = verdict(shared(), tenant)?;
    assert_eq!(column(&status, "Ready"), "False ServiceBoardNotReady", "{status}");
    assert_eq!(column(&status, "PermissionDenied"), "False PermissionsGranted", "{status}");
    assert_eq!(
        status.message("Ready"),
        "Service board \"Help Desk\" cannot be read with the API member's role. In ConnectWise, open System > Security \
         Roles > the API member's role. Set System > Table Setup: Inquire Level All. Click (customize) beside it and \
         move Service / Service Board to the Allow list. Save the role. If this is not enough, move Project / Project \
         Board to the Allow list as well. The operator rechecks automatically within about 5 minutes."
    );
    Ok(())
}
