//! `TicketingV2`, whole and line by line, and the change to it from `GuideV1`.

use harness::Result;
use harness::simulators::scenario::{BoardList, Level, Role};
use serde_json::{Value, json};

use super::tenants::{
    BOTH_BOARDS, Tenant, assert_lacking, assert_ready, column, guide, items, line, lines, set, shared,
    ticketing, verdict, verdicts,
};

const PROFILE: &str = "TicketingV2";

/// Every function line of the profile, sorted.
const LINES: [(&str, &str, &str); 9] = [
    ("Companies", "Company Maintenance", "inquire"),
    ("Companies", "Contacts", "inquire"),
    ("Service Desk", "Close Service Tickets", "edit"),
    ("Service Desk", "Close Service Tickets", "inquire"),
    ("Service Desk", "Service Tickets", "add"),
    ("Service Desk", "Service Tickets", "edit"),
    ("Service Desk", "Service Tickets", "inquire"),
    ("System", "API Reports", "inquire"),
    ("System", "Table Setup", "inquire"),
];

const PROJECT_BOARD: &str = "Project / Project Board";
const SERVICE_BOARD: &str = "Service / Service Board";

/// Every item of the profile's allow-list, sorted.
const ITEMS: [&str; 5] =
    ["Company / Company Status", PROJECT_BOARD, "Service / Priority", SERVICE_BOARD, "Service / Source"];

/// The items that `GuideV1` has not.
const LATER_ITEMS: [&str; 2] = ["Company / Company Status", "Service / Priority"];

/// The items other than these.
fn others(gone: &[&str]) -> Vec<&'static str> {
    ITEMS.into_iter().filter(|item| !gone.contains(item)).collect()
}

fn without_items(gone: &[&str]) -> Role {
    let mut role = ticketing();
    role.customize.allow.retain(|item| !gone.contains(&item.as_str()));
    role
}

#[test]
fn a_role_that_has_ticketing_v2_and_nothing_else_is_ready() -> Result<()> {
    let status = verdict(shared(), Tenant::new("ticketing", ticketing()).profile(PROFILE))?;
    assert_ready("ticketing", &status, "False GrantedAsFarAsVisible");
    assert_eq!(lines(&status, "unknown"), items(&ITEMS, "unknown"));
    assert_eq!(lines(&status, "advice"), json!([]));
    assert_eq!(status.text("/permissions/profile"), PROFILE);
    assert!(status.text("/permissions/source").starts_with("Petra guide, later versions"), "{status}");
    assert_eq!(status.text("/inputs/permissionProfile"), PROFILE);
    Ok(())
}

#[test]
fn each_level_of_ticketing_v2_that_is_lowered_alone_is_named_alone() -> Result<()> {
    let cases = LINES.iter().enumerate().flat_map(|(number, place)| {
        [(Level::None, "None"), (Level::My, "My")].map(|(level, word)| {
            let name = format!("lowered-{number}-{}", word.to_ascii_lowercase());
            (name, *place, level, word)
        })
    });
    let cases: Vec<_> = cases.collect();
    let tenants = cases.iter().map(|(name, place, level, _)| {
        let mut role = ticketing();
        set(&mut role, *place, *level);
        Tenant::new(name, role).profile(PROFILE)
    });
    let verdicts = verdicts(shared(), tenants.collect())?;
    for (name, place, _, word) in cases {
        let status = &verdicts[&name];
        assert_lacking(&name, status, &json!([line(place, "All", word)]));
        assert_eq!(lines(status, "unknown"), items(&ITEMS, "unknown"), "{name}: {status}");
        let (module, function, _) = place;
        let message = status.message("Ready");
        for part in
            ["1 permission required by profile TicketingV2", &format!("{module} > {function}: "), "(now "]
        {
            assert!(message.contains(part), "{name}: {message}");
        }
    }
    Ok(())
}

#[test]
fn each_disallowed_table_of_ticketing_v2_is_named_where_visible() -> Result<()> {
    let cases: [(&str, &[&str], &[&str]); 6] = [
        ("no-status", &["Company / Company Status"], &["Company / Company Status"]),
        ("no-priority", &["Service / Priority"], &["Service / Priority"]),
        ("no-source", &["Service / Source"], &["Service / Source"]),
        // Both are read from one list, which is answered as long as one of them is allowed.
        ("no-project-board", &[PROJECT_BOARD], &[]),
        ("no-service-board", &[SERVICE_BOARD], &[]),
        ("no-boards", &[PROJECT_BOARD, SERVICE_BOARD], &[BOTH_BOARDS]),
    ];
    let tenants =
        cases.iter().map(|(name, gone, _)| Tenant::new(*name, without_items(gone)).profile(PROFILE));
    let verdicts = verdicts(shared(), tenants.collect())?;
    for (name, _, told) in cases {
        let status = &verdicts[name];
        if told.is_empty() {
            assert_ready(name, status, "False GrantedAsFarAsVisible");
        } else {
            assert_lacking(name, status, &items(told, "disallowed"));
        }
        let told = if told == [BOTH_BOARDS] { &[PROJECT_BOARD, SERVICE_BOARD] } else { told };
        assert_eq!(lines(status, "unknown"), items(&others(told), "unknown"), "{name}: {status}");
    }
    Ok(())
}

#[test]
fn a_refused_list_of_boards_names_both_tables_whichever_is_missing() -> Result<()> {
    let without = |table: &str, board_list| Role { board_list, ..without_items(&[table]) };
    let cases = [
        ("both-no-project-board", without(PROJECT_BOARD, BoardList::Both)),
        ("both-no-service-board", without(SERVICE_BOARD, BoardList::Both)),
        ("service-no-service-board", without(SERVICE_BOARD, BoardList::Service)),
    ];
    let tenants = cases.map(|(name, role)| Tenant::new(name, role).profile(PROFILE));
    for (name, status) in verdicts(shared(), tenants.into())? {
        assert_lacking(&name, &status, &items(&[BOTH_BOARDS], "disallowed"));
        let others = others(&[PROJECT_BOARD, SERVICE_BOARD]);
        assert_eq!(lines(&status, "unknown"), items(&others, "unknown"), "{name}: {status}");
    }
    Ok(())
}

#[test]
fn a_role_with_nothing_lacks_every_line_in_a_fixed_order() -> Result<()> {
    let status = verdict(shared(), Tenant::new("nothing", Role::default()).profile(PROFILE))?;
    let all: Value = LINES.iter().map(|place| line(*place, "All", "None")).collect();
    assert_lacking("nothing", &status, &all);
    assert_eq!(lines(&status, "unknown"), items(&ITEMS, "unknown"), "out of reach with their function");
    Ok(())
}

#[test]
fn a_link_that_goes_over_to_ticketing_v2_gets_a_new_verdict() -> Result<()> {
    let stage = shared();
    let change = |profile: &str| {
        let spec = json!({"spec": {"permissionProfile": profile}});
        stage.cluster.patch(&stage.namespace, "over", &spec)
    };
    verdict(stage, Tenant::new("over", guide()).profile("GuideV1"))?;

    let mut history = stage.follow("over")?;
    change(PROFILE)?;
    let lacking = history.until("a verdict on TicketingV2", |status| status.state("Ready") == "False")?;
    assert_lacking("over", &lacking, &items(&LATER_ITEMS, "disallowed"));
    assert_eq!(lacking.text("/permissions/profile"), PROFILE);
    let course = history.course("Ready");
    assert_eq!(course[..2], ["True Linked", "Unknown Pending"], "{course:?}");
    let between = history.statuses().find(|status| status.is("Ready", "Unknown", "Pending"));
    let between = between.expect("the course has it");
    for condition in ["AuthFailed", "PermissionDenied"] {
        assert_eq!(column(&between, condition), "Unknown Pending", "{between}");
    }
    assert!(between.field("/permissions").is_null(), "no line of the former profile: {between}");

    stage.sims.world().set_role("over", ticketing())?;
    let good = history.until("Ready with the later role", |status| status.state("Ready") == "True")?;
    assert_ready("over", &good, "False GrantedAsFarAsVisible");
    assert_eq!(lines(&good, "unknown"), items(&ITEMS, "unknown"));
    assert!(!history.was_ever("Registered", "False") && !history.was_ever("Registered", "Unknown"));

    change("GuideV1")?;
    let lacking = history.until("a verdict on GuideV1", |status| status.state("Ready") == "False")?;
    let agreements =
        ["add", "edit", "inquire"].map(|action| line(("Finance", "Agreements", action), "All", "None"));
    assert_lacking("over", &lacking, &json!(agreements));
    assert_eq!(lacking.text("/permissions/profile"), "GuideV1");

    let changes = stage.sims.petra().changes()?;
    let changes = changes.iter().filter(|change| change["companyId"] == "over");
    assert_eq!(changes.map(|change| &change["action"]).collect::<Vec<_>>(), ["created"]);
    Ok(())
}
