use serde_json::Value;

use super::super::profile::Profiles;
use super::*;
use crate::testing::fake_connectwise::{guide_role, levels, row};

fn profile(name: &str) -> std::sync::Arc<Profile> {
    std::sync::Arc::clone(Profiles::builtin().get(name).unwrap())
}

fn role(rows: &[Value]) -> MySecurity {
    MySecurity::of(rows)
}

/// The guide's role with one row replaced, or left out.
fn role_with(function: &str, replacement: Option<Value>) -> MySecurity {
    let mut rows = guide_role();
    rows.retain(|row| row["moduleFunctionName"] != function);
    rows.extend(replacement);
    role(&rows)
}

fn judge(my_security: &MySecurity, probes: &[(ProbeRoute, ProbeAnswer)]) -> Permissions {
    evaluate(&profile("GuideV1"), my_security, None, &probes.iter().copied().collect())
}

/// `Module / Function action: actual`.
fn shown(lines: &[Line]) -> Vec<String> {
    let show =
        |line: &Line| format!("{} / {} {}: {:?}", line.module, line.function, line.action, line.actual);
    lines.iter().map(show).collect()
}

const ITEMS: [&str; 3] = [
    "System / Table Setup / Project / Project Board customize: Unknown",
    "System / Table Setup / Service / Service Board customize: Unknown",
    "System / Table Setup / Service / Source customize: Unknown",
];

#[test]
fn the_role_of_the_guide_lacks_nothing_and_leaves_only_the_allow_list_untold() {
    let judged = judge(&role(&guide_role()), &[]);
    assert_eq!(shown(&judged.missing), [""; 0]);
    assert_eq!(shown(&judged.unknown), ITEMS);
    assert_eq!(judged.advice, []);
}

#[test]
fn the_later_profile_asks_for_no_finance_and_for_two_more_tables() {
    let without_finance = role_with("Agreements", None);
    let judged = evaluate(&profile("TicketingV2"), &without_finance, None, &Probes::new());
    assert_eq!(judged.missing, []);
    assert_eq!(judged.unknown.len(), 5);
}

#[test]
fn a_level_below_the_profiles_is_missing_with_the_level_that_is_there() {
    let judged = judge(&role_with("Contacts", Some(row("Companies", "Contacts", "My"))), &[]);
    assert_eq!(shown(&judged.missing), ["Companies / Contacts inquire: Level(My)"]);
}

#[test]
fn each_action_of_a_function_is_a_line_of_its_own() {
    let tickets = levels("Service Desk", "service ticket", ["NONE", "MINE", "None", "ALL"]);
    let judged = judge(&role_with("Service Tickets", Some(tickets)), &[]);
    assert_eq!(
        shown(&judged.missing),
        ["Service Desk / Service Tickets add: Level(None)", "Service Desk / Service Tickets edit: Level(My)"]
    );
}

#[test]
fn a_function_that_is_not_listed_is_unknown_and_so_is_a_strange_level() {
    for replacement in [None, Some(row("System", "API Reports", "Some"))] {
        let judged = judge(&role_with("API Reports", replacement), &[]);
        assert_eq!(judged.missing, []);
        assert_eq!(shown(&judged.unknown)[0], "System / API Reports inquire: Unknown");
    }
}

#[test]
fn where_my_security_is_silent_a_refused_probe_proves_that_reading_is_missing() {
    for silent in [MySecurity::Refused, MySecurity::Empty, role_with("API Reports", None)] {
        let judged = judge(&silent, &[(ProbeRoute::Reports, ProbeAnswer::Refused)]);
        assert_eq!(shown(&judged.missing), ["System / API Reports inquire: Refused"]);
    }
}

#[test]
fn an_answered_probe_proves_some_reading_but_never_all() {
    let probes = [(ProbeRoute::Reports, ProbeAnswer::Answered)].into_iter().collect();
    let reports = "System / API Reports inquire: Unknown".to_owned();
    let all = evaluate(&profile("GuideV1"), &MySecurity::Refused, None, &probes);
    assert!(shown(&all.unknown).contains(&reports));

    let text =
        "{profiles: {Own: {source: x, functions: [{module: System, function: API Reports, inquire: My}]}}}";
    let profiles = Profiles::with_file(text, "own.yaml").unwrap();
    let mine = evaluate(profiles.get("Own").unwrap(), &MySecurity::Refused, None, &probes);
    assert_eq!(mine, Permissions::default());
}

#[test]
fn where_my_security_and_a_probe_disagree_the_line_is_unknown() {
    let refused = judge(&role(&guide_role()), &[(ProbeRoute::Tickets, ProbeAnswer::Refused)]);
    assert_eq!(refused.missing, []);
    assert_eq!(shown(&refused.unknown)[0], "Service Desk / Service Tickets inquire: Unknown");

    let none = role_with("Contacts", Some(row("Companies", "Contacts", "None")));
    let answered = judge(&none, &[(ProbeRoute::Contacts, ProbeAnswer::Answered)]);
    assert_eq!(answered.missing, []);
    assert_eq!(shown(&answered.unknown)[0], "Companies / Contacts inquire: Unknown");
}

#[test]
fn a_refused_setup_table_is_missing_and_an_answered_one_proves_nothing() {
    let judged = judge(
        &role(&guide_role()),
        &[(ProbeRoute::Sources, ProbeAnswer::Refused), (ProbeRoute::ServiceBoards, ProbeAnswer::Answered)],
    );
    assert_eq!(shown(&judged.missing), ["System / Table Setup / Service / Source customize: Disallowed"]);
    assert_eq!(shown(&judged.unknown), ITEMS[..2]);
}

#[test]
fn a_list_of_two_tables_that_is_refused_is_one_line_that_names_both() {
    use ProbeAnswer::{Answered, Refused};
    use ProbeRoute::{ProjectBoards, ServiceBoards};
    const BOTH: &str =
        "System / Table Setup / Project / Project Board and Service / Service Board customize: Disallowed";
    let judge = |probes: &[(ProbeRoute, ProbeAnswer)]| judge(&role(&guide_role()), probes);
    let both: [&[(ProbeRoute, ProbeAnswer)]; 3] = [
        &[(ProjectBoards, Refused), (ServiceBoards, Refused)],
        // The other one was not answered.
        &[(ProjectBoards, Refused)],
        &[(ServiceBoards, Refused)],
    ];
    for probes in both {
        let judged = judge(probes);
        assert_eq!(shown(&judged.missing), [BOTH], "{probes:?}");
        assert_eq!(shown(&judged.unknown), ITEMS[2..], "{probes:?}");
    }
    let apart = judge(&[(ProjectBoards, Refused), (ServiceBoards, Answered)]);
    assert_eq!(
        shown(&apart.missing),
        ["System / Table Setup / Project / Project Board customize: Disallowed"],
        "this server distinguishes them"
    );
    assert_eq!(shown(&apart.unknown), ITEMS[1..]);
}

#[test]
fn a_refused_list_of_two_tables_is_no_proof_against_one_of_them() {
    for item in ["Project / Project Board", "Service / Service Board"] {
        let text = format!(
            "{{profiles: {{Own: {{source: x, functions: [{{module: System, function: Table Setup, inquire: All, \
             customize: {{identifier: SystemTableSetup, allow: [{item}]}}}}]}}}}}}"
        );
        let profiles = Profiles::with_file(&text, "own.yaml").unwrap();
        let route = probe_for_item("SystemTableSetup", item).unwrap();
        let probes = [(route, ProbeAnswer::Refused)].into_iter().collect();
        let judged = evaluate(profiles.get("Own").unwrap(), &role(&guide_role()), None, &probes);
        assert_eq!(judged.missing, [], "{item}");
        assert_eq!(shown(&judged.unknown), [format!("System / Table Setup / {item} customize: Unknown")]);
    }
}

#[test]
fn without_table_setup_itself_its_items_cannot_be_told() {
    let none = role_with("Table Setup", Some(row("System", "Table Setup", "None")));
    let refused = [ProbeRoute::ProjectBoards, ProbeRoute::ServiceBoards, ProbeRoute::Sources]
        .map(|route| (route, ProbeAnswer::Refused));
    let judged = judge(&none, &refused);
    assert_eq!(shown(&judged.missing), ["System / Table Setup inquire: Level(None)"]);
    assert_eq!(shown(&judged.unknown), ITEMS);
}

#[test]
fn of_a_whole_module_the_decisive_function_decides_and_the_rest_is_advice() {
    let mut rows = guide_role();
    rows.push(levels("Finance", "Invoicing", ["None", "All", "None", "My"]));
    rows.push(row("Finance", "A function of this tenant alone", "All"));
    let judged = judge(&role(&rows), &[]);
    assert_eq!(judged.missing, []);
    assert_eq!(shown(&judged.advice), ["Finance / * add: Level(None)", "Finance / * inquire: Level(My)"]);

    let judged = judge(&role_with("Agreements", Some(row("Finance", "Agreements", "My"))), &[]);
    assert_eq!(
        shown(&judged.missing),
        [
            "Finance / Agreements add: Level(My)",
            "Finance / Agreements edit: Level(My)",
            "Finance / Agreements inquire: Level(My)",
        ]
    );
}

#[test]
fn rights_in_excess_are_named_once_a_function_and_never_in_the_tenants_words() {
    let mut rows = guide_role();
    rows.push(row("System", "security role", "All"));
    rows.push(row("Procurement", "Products", "All"));
    rows.push(levels("Procurement", "Product Catalog", ["My", "None", "None", "All"]));
    rows.push(row("System", "<script>", "All"));
    let judged = judge(&role(&rows), &[]);
    assert_eq!(
        shown(&judged.advice),
        ["Procurement / Products delete: Level(All)", "System / Security Roles delete: Level(All)"]
    );
    assert!(judged.advice.iter().all(|line| line.required == Required::Nothing));
}

#[test]
fn advice_on_an_administrators_role_is_short_and_names_the_gravest() {
    let modules = include_str!("../../../profiles/functions.yaml");
    let catalogue: serde_json::Map<String, Value> = serde_saphyr::from_str(modules).unwrap();
    let mut rows = Vec::new();
    for (module, functions) in catalogue["modules"].as_object().unwrap() {
        rows.extend(
            functions.as_array().unwrap().iter().map(|name| row(module, name.as_str().unwrap(), "All")),
        );
    }
    let advice = judge(&role(&rows), &[]).advice;
    assert_eq!(advice.len(), 20);
    assert!(advice.is_sorted());
    assert!(shown(&advice).contains(&"System / Security Roles delete: Level(All)".to_owned()));
}

#[test]
fn probes_are_wanted_for_open_lines_and_for_setup_tables() {
    use ProbeRoute::{
        Agreements, Companies, Contacts, ProjectBoards, Reports, ServiceBoards, Sources, Tickets,
    };
    let wanted = |my_security: &MySecurity| {
        open_probes(&profile("GuideV1"), my_security).into_iter().collect::<Vec<_>>()
    };
    let tables = [ProjectBoards, ServiceBoards, Sources];
    assert_eq!(wanted(&role(&guide_role())), tables);
    assert_eq!(wanted(&role_with("Contacts", None)), [&[Contacts], &tables[..]].concat());
    assert_eq!(wanted(&role_with("Table Setup", Some(row("System", "Table Setup", "None")))), []);
    assert_eq!(
        wanted(&MySecurity::Refused),
        [&[Companies, Contacts, Agreements, Tickets, Reports], &tables[..]].concat()
    );
}

#[test]
fn once_it_is_settled_what_customize_rows_mean_they_decide_unless_a_probe_disagrees() {
    use CustomizeRows::{AreAllowed, AreDisallowed, Unsettled};
    let item = |rows, listed, probe| allow_list_item(rows, listed, Some(Level::All), probe);
    let refused = Some(ProbeAnswer::Refused);
    for (rows, listed, probe, actual) in [
        (Unsettled, Some(true), None, Actual::Unknown),
        (Unsettled, Some(true), refused, Actual::Disallowed),
        (AreAllowed, Some(true), None, Actual::Allowed),
        (AreAllowed, Some(false), None, Actual::Disallowed),
        (AreAllowed, Some(true), refused, Actual::Unknown),
        (AreAllowed, None, None, Actual::Unknown),
        (AreDisallowed, Some(true), None, Actual::Disallowed),
        (AreDisallowed, Some(false), None, Actual::Allowed),
        (AreDisallowed, Some(false), Some(ProbeAnswer::Answered), Actual::Allowed),
    ] {
        assert_eq!(item(rows, listed, probe), actual, "{rows:?} {listed:?} {probe:?}");
    }
}

#[test]
fn an_item_is_found_among_customize_rows_in_any_spelling_but_only_in_its_own_list() {
    let list = CustomizeList { identifier: "SystemTableSetup".to_owned(), allow: Vec::new() };
    let item = |identifier: &str| CustomizeItem {
        identifier: identifier.to_owned(),
        item: "service/service boards".to_owned(),
    };
    assert!(is_listed(&[item("SystemTableSetup")], &list, "Service / Service Board"));
    assert!(!is_listed(&[item("FinanceAgreements")], &list, "Service / Service Board"));
}
