//! The allow-list behind Table Setup (customize). Nobody outside ConnectWise knows whether the rows of `customizeItems`
//! are what is allowed or what is not, nor how they are spelled: whatever they are, they accuse nobody.

use harness::Result;
use harness::simulators::Service;
use harness::simulators::counts::Filter;
use harness::simulators::scenario::{
    ItemSpelling, Level, LevelSpelling, MySecurity, Polarity, Role, TableWithoutRight,
};
use serde_json::{Value, json};

use super::tenants::{
    BOTH_BOARDS, Tenant, assert_lacking, assert_ready, column, guide, items, line, lines, set, shared,
    verdict, verdicts,
};

/// The items of `GuideV1`, sorted.
const ITEMS: [&str; 3] = ["Project / Project Board", "Service / Service Board", "Service / Source"];

/// What a role allows, and what a setup table answers that it does not allow.
const LISTS: [(&str, &[&str], TableWithoutRight); 3] = [
    ("all", &ITEMS, TableWithoutRight::Forbidden),
    ("some", &["Project / Project Board"], TableWithoutRight::Answered),
    ("none", &[], TableWithoutRight::Answered),
];

fn allowing(tables: &[&str], without_right: TableWithoutRight) -> Role {
    let mut role = guide();
    role.customize.allow = tables.iter().map(|&table| table.to_owned()).collect();
    role.table_without_right = without_right;
    role
}

#[test]
fn whatever_customize_items_lists_in_any_spelling_nobody_is_denied() -> Result<()> {
    let stage = shared();
    let mut tenants = Vec::new();
    for (list, tables, without_right) in LISTS {
        for polarity in [Polarity::Allowed, Polarity::Disallowed] {
            for spelling in ItemSpelling::ALL {
                let mut role = allowing(tables, without_right);
                role.customize.polarity = polarity;
                role.customize.spelling = spelling;
                let name = format!("{list}-{polarity:?}-{spelling:?}").to_ascii_lowercase();
                tenants.push(Tenant::new(name, role));
            }
        }
    }
    let verdicts = verdicts(stage, tenants)?;
    assert_eq!(verdicts.len(), 36);
    for (name, status) in verdicts {
        assert_ready(&name, &status, "False GrantedAsFarAsVisible");
        assert_eq!(lines(&status, "unknown"), items(&ITEMS, "unknown"), "{name}: {status}");
        let message = status.message("PermissionDenied");
        assert!(
            message.contains("cannot be read through the API. In ConnectWise, check them manually in System > Security Roles"),
            "{message}"
        );
    }
    let asked = Filter {
        service: Some(Service::ConnectWise),
        route: Some("/system/mySecurity/customizeItems/".to_owned()),
        agent: Some("cwlink".to_owned()),
        ..Filter::default()
    };
    assert_eq!(stage.sims.counts().total(&asked), 0, "an answer that tells nothing is not asked for");
    Ok(())
}

#[test]
fn a_setup_table_that_is_refused_is_told_whatever_customize_items_lists() -> Result<()> {
    let cases = [Polarity::Allowed, Polarity::Disallowed].map(|polarity| {
        let role = |tables| {
            let mut role = allowing(tables, TableWithoutRight::Forbidden);
            role.customize.polarity = polarity;
            role
        };
        let word = format!("{polarity:?}").to_ascii_lowercase();
        [
            (format!("refused-all-{word}"), role(&[]), (&[BOTH_BOARDS, ITEMS[2]][..], &[][..])),
            (format!("refused-source-{word}"), role(&ITEMS[..2]), (&ITEMS[2..], &ITEMS[..2])),
        ]
    });
    let cases = cases.into_iter().flatten();
    let (tenants, told): (Vec<_>, Vec<_>) =
        cases.map(|(name, role, told)| (Tenant::new(&name, role), (name, told))).unzip();
    let verdicts = verdicts(shared(), tenants)?;
    for (name, (refused, untold)) in told {
        let status = &verdicts[&name];
        assert_lacking(&name, status, &items(refused, "disallowed"));
        assert_eq!(lines(status, "unknown"), items(untold, "unknown"), "{name}: {status}");
    }
    Ok(())
}

#[test]
fn without_table_setup_itself_its_items_cannot_be_told() -> Result<()> {
    let table_setup = ("System", "Table Setup", "inquire");
    let mut role = allowing(&[], TableWithoutRight::Forbidden);
    set(&mut role, table_setup, Level::None);
    let status = verdict(shared(), Tenant::new("no-table-setup", role))?;
    assert_lacking("no-table-setup", &status, &json!([line(table_setup, "All", "None")]));
    assert_eq!(lines(&status, "unknown"), items(&ITEMS, "unknown"));
    Ok(())
}

#[test]
fn without_my_security_only_refused_tables_are_reported() -> Result<()> {
    let silent = |tables, without_right| {
        let mut role = allowing(tables, without_right);
        role.my_security = MySecurity::Forbidden;
        role
    };
    let tenants = vec![
        Tenant::new("silent", silent(&[], TableWithoutRight::Answered)),
        Tenant::new("silent-refused", silent(&ITEMS[..2], TableWithoutRight::Forbidden)),
    ];
    let verdicts = verdicts(shared(), tenants)?;
    let functions = [
        ("Companies", "Company Maintenance", "inquire"),
        ("Companies", "Contacts", "inquire"),
        ("Finance", "Agreements", "add"),
        ("Finance", "Agreements", "edit"),
        ("Finance", "Agreements", "inquire"),
        ("Service Desk", "Close Service Tickets", "edit"),
        ("Service Desk", "Close Service Tickets", "inquire"),
        ("Service Desk", "Service Tickets", "add"),
        ("Service Desk", "Service Tickets", "edit"),
        ("Service Desk", "Service Tickets", "inquire"),
        ("System", "API Reports", "inquire"),
        ("System", "Table Setup", "inquire"),
    ];
    let unknown = |untold: &[&str]| -> Value {
        let functions = functions.iter().map(|place| line(*place, "All", "unknown"));
        let items = items(untold, "unknown");
        functions.chain(items.as_array().into_iter().flatten().cloned()).collect()
    };
    let status = &verdicts["silent"];
    assert_ready("silent", status, "Unknown NotVerifiable");
    assert_eq!(lines(status, "unknown"), unknown(&ITEMS));
    let status = &verdicts["silent-refused"];
    assert_lacking("silent-refused", status, &items(&ITEMS[2..], "disallowed"));
    assert_eq!(lines(status, "unknown"), unknown(&ITEMS[..2]));
    Ok(())
}

#[test]
fn levels_and_functions_are_known_in_every_spelling_that_was_seen() -> Result<()> {
    let words =
        [LevelSpelling::Api, LevelSpelling::Older, LevelSpelling::Capitals, LevelSpelling::NullForNone];
    let tenants = words.iter().flat_map(|words| {
        ["Close Service Ticket", "Close service tickets"].map(|spelling| {
            let mut role = guide();
            role.level_spelling = *words;
            role.spellings.insert("Close Service Tickets".to_owned(), spelling.to_owned());
            let name = format!("{words:?}-{spelling}").to_ascii_lowercase().replace(' ', "-");
            let mut lacking = role.clone();
            set(&mut lacking, ("Service Desk", "Close Service Tickets", "edit"), Level::My);
            [Tenant::new(&name, role), Tenant::new(format!("{name}-my"), lacking)]
        })
    });
    for (name, status) in verdicts(shared(), tenants.flatten().collect())? {
        if name.ends_with("-my") {
            // Told in the profile's own spelling, whatever the tenant's.
            let closing = line(("Service Desk", "Close Service Tickets", "edit"), "All", "My");
            assert_lacking(&name, &status, &json!([closing]));
        } else {
            assert_ready(&name, &status, "False GrantedAsFarAsVisible");
        }
        assert_eq!(column(&status, "AuthFailed"), "False CredentialsAccepted", "{name}: {status}");
    }
    Ok(())
}
