//! What a key is shown of its own rights.

use serde_json::{Value, json};
use simulators::scenario::{
    BoardList, HiddenBoards, ItemSpelling, Level, LevelSpelling, MySecurity, Override, Polarity, Settings,
    TableWithoutRight,
};

use crate::client::{Run, json_of, outcome};

const ROLE: &str = "Petra";

async fn functions(run: &Run, company: &str) -> Vec<Value> {
    let rows = run.json(company, "/system/mySecurity?pageSize=1000").await;
    rows.as_array().expect("the body is a list").clone()
}

fn levels<'a>(rows: &'a [Value], module: &str, function: &str) -> Option<[&'a Value; 4]> {
    let row = rows.iter().find(|row| row["moduleName"] == module && row["moduleFunctionName"] == function)?;
    Some(["addLevel", "editLevel", "deleteLevel", "inquireLevel"].map(|name| &row[name]))
}

async fn items(run: &Run) -> Vec<Value> {
    let rows = run.json("acme", "/system/mySecurity/customizeItems/?pageSize=1000").await;
    let rows = rows.as_array().expect("the body is a list");
    rows.iter()
        .filter(|row| row["customizeIdentifier"] == "SystemTableSetup")
        .map(|row| row["itemIdentifier"].clone())
        .collect()
}

#[tokio::test]
async fn the_role_of_a_good_tenant_shows_its_levels() {
    let run = Run::start().await;
    let rows = functions(&run, "acme").await;
    assert!(rows.len() > 100);
    assert_eq!(
        levels(&rows, "Service Desk", "Service Tickets"),
        Some([&json!("All"), &json!("All"), &json!("None"), &json!("All")])
    );
    assert_eq!(levels(&rows, "Sales", "Opportunity"), Some([&json!("None"); 4]));
}

#[tokio::test]
async fn charlie_lacks_two_lines() {
    let run = Run::start().await;
    let rows = functions(&run, "charlie").await;
    let agreements = levels(&rows, "Finance", "Agreements").expect("the function is listed");
    assert_eq!(agreements, [&json!("My"), &json!("All"), &json!("None"), &json!("All")]);
    let closing = levels(&rows, "Service Desk", "Close Service Tickets").expect("the function is listed");
    assert_eq!(closing, [&json!("None"), &json!("None"), &json!("None"), &json!("All")]);
}

#[tokio::test]
async fn the_default_page_hides_most_functions_and_paging_finds_them_all() {
    let run = Run::start().await;
    let all = functions(&run, "acme").await;
    let mut found = Vec::new();
    let mut next = Some(run.call("acme", "/system/mySecurity"));
    while let Some(request) = next {
        let response = request.send().await.expect("an answer comes");
        let link = response.headers().get("link").map(|link| link.to_str().expect("text").to_owned());
        let rows = json_of(response).await;
        assert!(rows.as_array().is_some_and(|rows| rows.len() <= 25));
        found.extend(rows.as_array().cloned().unwrap_or_default());
        let target = link.as_deref().and_then(next_of).map(str::to_owned);
        next = target.map(|target| {
            run.http
                .get(target)
                .basic_auth("acme+acme-public", Some("CANARY-acme-private"))
                .header("clientId", crate::client::CLIENT_ID)
        });
    }
    assert_eq!(found, all);
}

/// The address of rel next in a `Link` header.
fn next_of(link: &str) -> Option<&str> {
    let part = link.split(", ").find(|part| part.ends_with("rel=\"next\""))?;
    part.strip_prefix('<')?.split_once('>').map(|(address, _)| address)
}

#[tokio::test]
async fn levels_and_functions_can_be_spelled_otherwise_left_out_or_refused() {
    let run = Run::start().await;
    let world = run.simulators.world();
    world
        .change_role(ROLE, |role| {
            role.level_spelling = LevelSpelling::Older;
            role.spellings.insert("Close Service Tickets".to_owned(), "Close service ticket".to_owned());
            role.unlisted.push("API Reports".to_owned());
        })
        .expect("the role is there");
    let rows = functions(&run, "acme").await;
    let closing =
        levels(&rows, "Service Desk", "Close service ticket").expect("the other spelling is listed");
    assert_eq!(closing, [&json!("NONE"), &json!("ALL"), &json!("NONE"), &json!("ALL")]);
    assert_eq!(levels(&rows, "System", "API Reports"), None);

    world.change_role(ROLE, |role| role.my_security = MySecurity::Empty).expect("the role is there");
    assert!(functions(&run, "acme").await.is_empty());
    world.change_role(ROLE, |role| role.my_security = MySecurity::Forbidden).expect("the role is there");
    assert_eq!(outcome(run.call("acme", "/system/mySecurity")).await.0, 403);
}

#[tokio::test]
async fn customize_items_follow_the_roles_polarity_and_spelling() {
    let run = Run::start().await;
    let world = run.simulators.world();
    assert_eq!(items(&run).await, ["Project / Project Board", "Service / Service Board", "Service / Source"]);
    world
        .change_role(ROLE, |role| role.customize.spelling = ItemSpelling::Compact)
        .expect("the role is there");
    assert_eq!(items(&run).await, ["ProjectBoard", "ServiceBoard", "Source"]);
    world
        .change_role(ROLE, |role| {
            role.customize.spelling = ItemSpelling::Table;
            role.customize.polarity = Polarity::Disallowed;
        })
        .expect("the role is there");
    assert_eq!(items(&run).await, ["Company Status", "Company Type", "Manage Hosted API", "Priority"]);
}

#[tokio::test]
async fn customize_items_has_every_spelling_that_a_source_knows() {
    let run = Run::start().await;
    let world = run.simulators.world();
    let mut seen = Vec::new();
    for spelling in ItemSpelling::ALL {
        world
            .change_role(ROLE, |role| {
                role.customize.spelling = spelling;
                role.customize.allow = vec!["Service / Service Board".to_owned()];
            })
            .expect("the role is there");
        seen.extend(items(&run).await);
    }
    let spellings = json!([
        "Service / Service Board",
        "Service/Service Board",
        "Service Board",
        "ServiceBoard",
        "ServiceServiceBoard",
        null
    ]);
    assert_eq!(Value::Array(seen), spellings);
}

#[tokio::test]
async fn modules_can_be_spelled_otherwise_and_levels_in_capitals() {
    let run = Run::start().await;
    let world = run.simulators.world();
    world
        .change_role(ROLE, |role| {
            role.level_spelling = LevelSpelling::Capitals;
            role.spellings.insert("Time & Expense".to_owned(), "Time and Expense".to_owned());
            role.overrides.push(entry("Time & Expense", "Time Entry", Level::My));
        })
        .expect("the role is there");
    let rows = functions(&run, "acme").await;
    let entry = levels(&rows, "Time and Expense", "Time Entry").expect("the other spelling is listed");
    assert_eq!(entry, [&json!("NONE"), &json!("NONE"), &json!("NONE"), &json!("MY")]);
    assert_eq!(levels(&rows, "Time & Expense", "Time Entry"), None);

    let unknown = world.change_role(ROLE, |role| {
        role.spellings.insert("Time Machine".to_owned(), "Clock".to_owned());
    });
    let refusal = unknown.expect_err("there is no such function").to_string();
    assert!(refusal.contains("no module or function is called \"Time Machine\""), "{refusal}");
}

fn entry(module: &str, function: &str, inquire: Level) -> Override {
    let (module, function) = (module.to_owned(), function.to_owned());
    Override { module, function, add: None, edit: None, delete: None, inquire: Some(inquire) }
}

#[tokio::test]
async fn a_setup_table_without_the_right_is_403_or_answers_anyway() {
    let run = Run::start().await;
    assert_eq!(outcome(run.call("acme", "/service/priorities")).await.0, 403);
    let world = run.simulators.world();
    world
        .change_role(ROLE, |role| role.table_without_right = TableWithoutRight::Answered)
        .expect("the role is there");
    assert_eq!(outcome(run.call("acme", "/service/priorities")).await.0, 200);
}

#[tokio::test]
async fn the_list_of_boards_takes_the_tables_that_the_role_says() {
    let run = Run::start().await;
    let world = run.simulators.world();
    for (board_list, allowed, status) in [
        (BoardList::Either, "Project / Project Board", 200),
        (BoardList::Both, "Project / Project Board", 403),
        (BoardList::Both, "Service / Service Board", 403),
        (BoardList::Service, "Project / Project Board", 403),
        (BoardList::Service, "Service / Service Board", 200),
    ] {
        world
            .change_role(ROLE, |role| {
                role.board_list = board_list;
                role.customize.allow = vec![allowed.to_owned()];
            })
            .expect("the role is there");
        for query in ["", "?conditions=projectFlag=true"] {
            let path = format!("/service/boards{query}");
            assert_eq!(outcome(run.call("acme", &path)).await.0, status, "{board_list:?} {allowed} {query}");
        }
    }
}

#[tokio::test]
async fn my_rights_show_fewer_rows_than_all() {
    let run = Run::start().await;
    let everything = run.column("acme", "/company/companies?pageSize=1000", "id").await.len();
    assert!(everything >= 30);
    run.change(
        "/roles/Petra/overrides",
        json!({"module": "Companies", "function": "Company Maintenance", "inquire": "My"}),
    )
    .await;
    let own = run.column("acme", "/company/companies?pageSize=1000", "id").await.len();
    assert!((1..everything).contains(&own));
}

#[tokio::test]
async fn boards_are_those_of_the_scenario_without_the_hidden_ones() {
    let run = Run::start().await;
    let names = run.column("acme", "/service/boards?pageSize=1000", "name").await;
    assert_eq!(names[40..], ["Help Desk", "No Default Team", "Retired", "Rollouts"]);
    assert!(
        !run.column("acme", "/service/boards", "name").await.contains(&json!("Help Desk")),
        "not on page one"
    );
    let hidden = run.json("acme", "/system/myMembers/info").await["excludedServiceBoardIds"].clone();
    assert_eq!(hidden, json!([1005]));
    let world = run.simulators.world();
    world.set_settings(Settings { hidden_boards: HiddenBoards::Listed, ..Settings::default() });
    let names = run.column("acme", "/service/boards?pageSize=1000", "name").await;
    assert_eq!(names[44..], ["Executive"], "excluded and listed all the same");
    let projects = run.column("acme", "/service/boards?conditions=projectFlag=true", "name").await;
    assert_eq!(projects, ["Rollouts"]);
}

#[tokio::test]
async fn a_boards_teams_show_which_is_the_default() {
    let run = Run::start().await;
    assert_eq!(run.column("acme", "/service/boards/1001/teams", "defaultFlag").await, [true, false]);
    assert_eq!(run.column("acme", "/service/boards/1002/teams", "defaultFlag").await, [false]);
    assert_eq!(outcome(run.call("acme", "/service/boards/1005/teams")).await.0, 404);
}
