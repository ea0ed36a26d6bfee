//! What is worth a word and never a denial.

use harness::Result;
use harness::simulators::scenario::{Level, Levels};
use serde_json::{Value, json};

use super::tenants::{
    Tenant, assert_lacking, assert_ready, excess, guide, line, lines, set, shared, verdict, verdicts,
};

const GRANTED: &str = "False GrantedAsFarAsVisible";

#[test]
fn rights_that_no_line_asks_for_are_advice_in_a_fixed_order() -> Result<()> {
    let mut role = guide();
    for (place, level) in [
        (("System", "Security Roles", "edit"), Level::All),
        (("Procurement", "Product Catalog", "add"), Level::All),
        // Of several rights the gravest is named, once.
        (("Companies", "Contacts", "add"), Level::All),
        (("Companies", "Contacts", "delete"), Level::All),
        // Neither reading nor one's own records are worth a word.
        (("Companies", "Configurations", "inquire"), Level::All),
        (("Project", "Project Notes", "delete"), Level::My),
        // A function that is in no public list would be told in the tenant's own words.
        (("Sales", "Opportunity", "delete"), Level::All),
    ] {
        set(&mut role, place, level);
    }
    let status = verdict(shared(), Tenant::new("excess", role))?;
    assert_ready("excess", &status, GRANTED);
    let advice = json!([
        excess("Companies", "Contacts", "delete"),
        excess("Procurement", "Product Catalog", "add"),
        excess("System", "Security Roles", "edit"),
    ]);
    assert_eq!(lines(&status, "advice"), advice);
    Ok(())
}

#[test]
fn what_a_module_lacks_beside_its_decisive_function_is_advice() -> Result<()> {
    let mut role = guide();
    set(&mut role, ("Finance", "Invoicing", "add"), Level::My);
    set(&mut role, ("Finance", "Company Finance", "inquire"), Level::None);
    let lacking = {
        let mut role = role.clone();
        set(&mut role, ("Finance", "Agreements", "edit"), Level::My);
        role
    };
    let tenants = vec![Tenant::new("partly", role), Tenant::new("partly-lacking", lacking)];
    let verdicts = verdicts(shared(), tenants)?;
    let advice =
        json!(
            [line(("Finance", "*", "add"), "All", "My"), line(("Finance", "*", "inquire"), "All", "None"),]
        );
    assert_ready("partly", &verdicts["partly"], GRANTED);
    // The function that decides is missing, and the others are advice all the same.
    let missing = json!([line(("Finance", "Agreements", "edit"), "All", "My")]);
    assert_lacking("partly-lacking", &verdicts["partly-lacking"], &missing);
    for (name, status) in verdicts {
        assert_eq!(lines(&status, "advice"), advice, "{name}: {status}");
    }
    Ok(())
}

#[test]
fn the_role_of_an_administrator_is_ready_with_twenty_pieces_of_advice() -> Result<()> {
    let all = Level::All;
    let mut role = guide();
    role.overrides.clear();
    role.levels = Levels { add: all, edit: all, delete: all, inquire: all };
    let status = verdict(shared(), Tenant::new("administrator", role))?;
    assert_ready("administrator", &status, GRANTED);
    let advice = lines(&status, "advice");
    let advice = advice.as_array().map_or(&[][..], Vec::as_slice);
    assert_eq!(advice.len(), 20, "{status}");
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    assert!(advice.is_sorted_by_key(|line| (text(line, "module"), text(line, "function"))), "{status}");
    for line in advice {
        assert_eq!(*line, excess(&text(line, "module"), &text(line, "function"), "delete"));
    }
    // Who may change roles and members may change everything: these are named whatever else there is.
    let system = |function| excess("System", function, "delete");
    for grave in ["Member Maintenance", "Security Roles"].map(system) {
        assert!(advice.contains(&grave), "{status}");
    }
    Ok(())
}

#[test]
fn keys_of_a_person_work_like_those_of_an_api_member_and_get_advice() -> Result<()> {
    let tenants = ["A", "F", "X"]
        .map(|class| Tenant::new(format!("license-{}", class.to_ascii_lowercase()), guide()).license(class));
    for (name, status) in verdicts(shared(), tenants.into())? {
        assert_ready(&name, &status, GRANTED);
        let advice = if name == "license-a" {
            json!([])
        } else {
            json!([member(
                "License Class",
                ("API member", "not an API member"),
                "System > Members > API Members: create a member with the same security role, create API keys for it, and \
                 put these keys into the Secret; keys of a person stop working when that person loses access",
            )])
        };
        assert_eq!(lines(&status, "advice"), advice, "{name}: {status}");
    }
    Ok(())
}

#[test]
fn boards_that_are_withheld_are_worth_a_word_where_the_spec_names_none() -> Result<()> {
    let tenants = vec![
        Tenant::new("withheld", guide()).without_board("Executive"),
        Tenant::new("withheld-another", guide()).board("Help Desk").without_board("Executive"),
    ];
    let verdicts = verdicts(shared(), tenants)?;
    let advice = json!([member(
        "Excluded Service Boards",
        ("the board for Petra's tickets is not excluded", "1 board excluded"),
        "System > Members > API Members > the member: remove the board for Petra's tickets from its excluded service boards, \
         or set spec.serviceBoard to that board to have it checked",
    )]);
    assert_eq!(lines(&verdicts["withheld"], "advice"), advice);
    assert_eq!(lines(&verdicts["withheld-another"], "advice"), json!([]));
    for (name, status) in &verdicts {
        assert_ready(name, status, GRANTED);
    }
    Ok(())
}

/// Advice about the member itself.
fn member(function: &str, (required, actual): (&str, &str), fix: &str) -> Value {
    json!({
        "module": "Members", "function": function, "action": "", "required": required, "actual": actual, "fix": fix,
    })
}
