//! Profiles of the operator's own file.

use harness::Result;
use harness::simulators::scenario::{Level, Role};
use serde_json::json;

use super::tenants::{
    Tenant, assert_lacking, assert_ready, column, file_for, guide, line, lines, set, shared, stage, verdict,
    verdicts,
};

/// Two profiles of a team, one of them with a function that no tenant has.
pub const FILE: &str = "\
profiles:
  TimeSheets:
    source: the team's own
    functions:
      - {module: Time & Expense, function: Time Entry, add: My, inquire: All}
      - {module: Service Desk, function: Service Tickets, delete: My}
  Futuristic:
    source: the team's own
    functions:
      - {module: Time & Expense, function: Time Travel, inquire: My}
";

const TIME_ENTRY: &str = "Time Entry";
const TIME: &str = "Time & Expense";

/// Exactly what `TimeSheets` asks for.
pub fn time_sheets() -> Role {
    let mut role = Role::default();
    set(&mut role, (TIME, TIME_ENTRY, "add"), Level::My);
    set(&mut role, (TIME, TIME_ENTRY, "inquire"), Level::All);
    set(&mut role, ("Service Desk", "Service Tickets", "delete"), Level::My);
    role
}

#[test]
fn a_role_is_held_against_a_profile_of_the_teams_own() -> Result<()> {
    let mut elsewhere = time_sheets();
    elsewhere.spellings.insert(TIME.to_owned(), "Time and Expenses".to_owned());
    let mut lacking = time_sheets();
    set(&mut lacking, (TIME, TIME_ENTRY, "add"), Level::None);
    set(&mut lacking, (TIME, TIME_ENTRY, "inquire"), Level::My);
    let tenants = vec![
        Tenant::new("own", time_sheets()),
        Tenant::new("own-spelled-otherwise", elsewhere),
        Tenant::new("own-lacking", lacking),
    ];
    let tenants = tenants.into_iter().map(|tenant| tenant.profile("TimeSheets"));
    let verdicts = verdicts(shared(), tenants.collect())?;
    for name in ["own", "own-spelled-otherwise"] {
        let status = &verdicts[name];
        assert_ready(name, status, "False PermissionsGranted");
        assert_eq!(lines(status, "unknown"), json!([]), "{name}: {status}");
        assert_eq!(status.text("/permissions/profile"), "TimeSheets");
        assert_eq!(status.text("/permissions/source"), "the team's own");
    }
    let missing = json!([
        line((TIME, TIME_ENTRY, "add"), "My", "None"),
        line((TIME, TIME_ENTRY, "inquire"), "All", "My"),
    ]);
    assert_lacking("own-lacking", &verdicts["own-lacking"], &missing);
    Ok(())
}

#[test]
fn a_function_that_a_tenant_does_not_list_is_unknown_and_not_missing() -> Result<()> {
    let status = verdict(shared(), Tenant::new("futuristic", Role::default()).profile("Futuristic"))?;
    assert_ready("futuristic", &status, "Unknown NotVerifiable");
    assert_eq!(lines(&status, "unknown"), json!([line((TIME, "Time Travel", "inquire"), "My", "unknown")]));
    Ok(())
}

#[test]
fn a_profile_gone_after_a_restart_is_named_with_the_known_ones() -> Result<()> {
    const NAMESPACE: &str = "roles-restart";
    let mut stage = stage(NAMESPACE)?;
    let tenants = vec![
        Tenant::new("of-the-team", time_sheets()).profile("TimeSheets"),
        Tenant::new("of-the-guide", guide()),
    ];
    for (name, status) in verdicts(&stage, tenants)? {
        assert_eq!(column(&status, "Ready"), "True Linked", "{name}: {status}");
    }

    assert!(stage.operator.stop()?.success());
    file_for(NAMESPACE, &FILE.replace("TimeSheets", "Sheets"))?;
    stage.operator.restart()?;
    let status = stage.wait_for("of-the-team", ("Ready", "False", "SpecInvalid"))?;
    assert_eq!(
        status.message("Ready"),
        "spec.permissionProfile does not name a profile of this operator. Use one of Futuristic, GuideV1, Sheets, \
         TicketingV2, or ask the operator's administrator to add yours to the profiles file."
    );
    assert_eq!(column(&status, "PermissionDenied"), "Unknown NotEvaluated", "{status}");
    assert_eq!(column(&status, "Registered"), "True Confirmed", "{status}");
    assert_eq!(column(&stage.status("of-the-guide")?, "Ready"), "True Linked");

    assert!(stage.operator.stop()?.success());
    file_for(NAMESPACE, FILE)?;
    stage.operator.restart()?;
    let status = stage.wait_for("of-the-team", ("Ready", "True", "Linked"))?;
    assert_eq!(column(&status, "PermissionDenied"), "False PermissionsGranted", "{status}");
    let changes = stage.sims.petra().changes()?;
    let deeds: Vec<_> = changes.iter().map(|change| &change["action"]).collect();
    assert_eq!(deeds, ["created", "created"], "Petra has no part in it");
    Ok(())
}
