//! Pages, fields, conditions and counts of the tables.

use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::client::Run;

const LISTS: [&str; 8] = [
    "/company/companies",
    "/company/contacts",
    "/finance/agreements",
    "/service/tickets",
    "/system/reports",
    "/service/boards",
    "/service/sources",
    "/system/mySecurity",
];

#[tokio::test]
async fn every_probe_list_has_at_least_thirty_rows_and_shows_25() {
    let run = Run::start().await;
    for list in LISTS {
        assert_eq!(run.column("acme", list, "id").await.len(), 25, "{list}");
        assert!(run.column("acme", &format!("{list}?pageSize=1000"), "id").await.len() >= 30, "{list}");
        assert_eq!(
            run.column("acme", &format!("{list}?pageSize=1&fields=id"), "id").await.len(),
            1,
            "{list}"
        );
    }
}

#[tokio::test]
async fn links_are_absolute_and_keep_the_rest_of_the_query() {
    let run = Run::start().await;
    let response =
        run.call("acme", "/company/companies?pageSize=10&fields=id").send().await.expect("an answer");
    let link = response.headers()["link"].to_str().expect("text").to_owned();
    let port = run.simulators.connectwise_port();
    let root = format!("<https://api-na.myconnectwise.localhost:{port}/v2025_1/apis/3.0/company/companies");
    let next = format!("{root}?fields=id&pageSize=10&page=2>; rel=\"next\"");
    let last = format!("{root}?fields=id&pageSize=10&page=4>; rel=\"last\"");
    assert_eq!(link, format!("{next}, {last}"));
}

#[tokio::test]
async fn conditions_and_fields_narrow_a_list() {
    let run = Run::start().await;
    let route =
        "/service/tickets?conditions=summary%20=%20%22printer%203%20is%20offline%22&fields=id,summary";
    let expected = json!([{"id": 3, "summary": "Printer 3 is offline"}]);
    assert_eq!(run.json("acme", route).await, expected);
}

#[tokio::test]
async fn count_counts_what_the_conditions_admit() {
    let run = Run::start().await;
    assert_eq!(run.json("acme", "/company/companies/count").await, json!({"count": 40}));
    // The conditions of a count are about the rows, not about the number.
    let route = "/company/companies/count?conditions=identifier=%22Client5%22";
    assert_eq!(run.json("acme", route).await, json!({"count": 1}));
}

#[tokio::test]
async fn a_pinned_model_version_is_answered_in_the_vendors_media_type() {
    let run = Run::start().await;
    let pinned = "application/vnd.connectwise.com+json; version=2025.1";
    let response =
        run.call("acme", "/system/info").header(ACCEPT, pinned).send().await.expect("an answer comes");
    assert_eq!(response.headers()[CONTENT_TYPE], format!("{pinned}; charset=utf-8"));
    let plain = run.call("acme", "/system/info").send().await.expect("an answer comes");
    assert_eq!(plain.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
}

#[tokio::test]
async fn the_connection_test_of_every_vendor_works() {
    let run = Run::start().await;
    let cloud = run.json("acme", "/system/info").await;
    assert_eq!(
        (&cloud["version"], &cloud["isCloud"], &cloud["cloudRegion"]),
        (&json!("v2025.1.113045"), &json!(true), &json!("NA"))
    );
    let own = run.json("golf", "/system/info").await;
    assert_eq!(
        (&own["version"], &own["isCloud"], &own["cloudRegion"]),
        (&json!("v2023.2.98812"), &json!(false), &Value::Null)
    );
}
