//! The admin port changes the run as an administrator would.

use serde_json::{Value, json};
use simulators::{Options, Scenario, Simulators};

use crate::client::{CLOUD, Run, json_of, outcome};

async fn read(run: &Run, path: &str) -> Value {
    json_of(run.http.get(run.admin(path)).send().await.expect("an answer comes")).await
}

#[tokio::test]
async fn rotated_keys_work_and_the_old_ones_stop() {
    let run = Run::start().await;
    let keys = json!({"keys": [{"public": "acme-public", "private": "CANARY-rotated"}]});
    run.change("/members/acme/petraapi", keys).await;
    assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 401);
    assert_eq!(outcome(run.call_with("acme", "CANARY-rotated", "/system/info")).await.0, 200);
}

#[tokio::test]
async fn a_role_that_is_mended_is_mended_at_once() {
    let run = Run::start().await;
    run.change("/roles/Nothing", json!({"mySecurity": "empty"})).await;
    run.change("/members/acme/petraapi", json!({"role": "Nothing"})).await;
    assert_eq!(outcome(run.call("acme", "/company/contacts")).await.0, 403);
    assert_eq!(run.json("acme", "/system/mySecurity").await, json!([]));
    let line = json!({"module": "Companies", "function": "Contacts", "inquire": "All"});
    run.change("/roles/Nothing/overrides", line).await;
    assert_eq!(outcome(run.call("acme", "/company/contacts")).await.0, 200);
}

#[tokio::test]
async fn boards_sites_companies_settings_and_client_ids_can_change() {
    let run = Run::start().await;
    run.change("/boards/acme", json!({"name": "Help Desk", "inactive": true})).await;
    let boards = run.json("acme", "/service/boards?conditions=name=%22Help%20Desk%22").await;
    assert_eq!(boards[0]["inactiveFlag"], true);

    run.change(&format!("/sites/{CLOUD}"), json!({"isCloudAsText": true, "siteUrl": false})).await;
    let info = run.get(CLOUD, "/login/companyinfo/acme").send().await.expect("an answer comes");
    let info = json_of(info).await;
    assert_eq!((&info["IsCloud"], info.get("SiteUrl")), (&json!("True"), None));

    run.change("/companies/bravo", json!({"name": "Bravo Renamed"})).await;
    run.change("/settings", json!({"rowsPerTable": 3})).await;
    assert_eq!(run.column("bravo", "/company/companies", "id").await.len(), 3);
    run.change("/clientids", json!(["11111111-2222-4333-8444-555555555555"])).await;
    assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 401);

    let deleted = run.http.delete(run.admin("/companies/bravo")).send().await.expect("an answer comes");
    assert_eq!(deleted.status(), 204);
    let gone = run.get(CLOUD, "/login/companyinfo/bravo").send().await.expect("an answer comes");
    assert_eq!(json_of(gone).await, Value::Null);
}

#[tokio::test]
async fn rules_are_added_listed_and_removed() {
    let run = Run::start().await;
    let rule = json!({"service": "connectwise", "pathContains": "info", "effect": {"html": {"status": 503}}});
    run.change("/faults", rule).await;
    assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 503);
    let rules = read(&run, "/faults").await;
    assert_eq!((&rules[0]["id"], &rules[0]["acted"]), (&json!(0), &json!(1)));
    let removed = run.http.delete(run.admin("/faults/0")).send().await.expect("an answer comes");
    assert_eq!(removed.status(), 204);
    assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 200);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_the_reason() {
    let run = Run::start().await;
    for (path, body, status, reason) in [
        ("/members/acme/petraapi", json!({"role": "Boss"}), 400, "no role is called \"Boss\""),
        ("/members/acme/nobody", json!({}), 404, "there is no member \"nobody\""),
        ("/companies/nobody", json!({}), 404, "there is no company \"nobody\""),
        ("/members/acme/petraapi", json!({"active": true}), 400, "unknown field `active`"),
        (
            "/faults",
            json!({"service": "petra", "effect": {"named": "x"}}),
            400,
            "there are permission-denied",
        ),
    ] {
        let request = run.http.post(run.admin(path)).json(&body);
        let (actual, text) = outcome(request).await;
        assert_eq!(actual, status, "{path}: {text}");
        assert!(text.contains(&reason.replace('"', "\\\"")), "{path}: {text}");
    }
}

#[tokio::test]
async fn counts_are_filtered_and_reset() {
    let run = Run::start().await;
    run.json("acme", "/service/boards/1001/teams").await;
    outcome(run.call_with("bravo", "wrong", "/system/info")).await;
    let teams = read(&run, "/counts?company=acme&route=/service/boards/{parentId}/teams&status=200").await;
    assert_eq!(teams["total"], 1);
    assert_eq!(teams["lines"][0]["agent"], "test-client");
    assert_eq!(read(&run, "/log").await[1]["status"], 401);
    run.change("/counts/reset", json!(null)).await;
    assert_eq!(read(&run, "/counts").await["total"], 0);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let run = Run::start().await;
    let options = Options { petra_port: run.simulators.petra_port(), ..Options::default() };
    let error = Simulators::start(Scenario::demo(), options).await.expect_err("the port is taken");
    let expected = format!("failed to listen for petra on port {} of loopback", run.simulators.petra_port());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn after_the_end_the_ports_are_free() {
    let run = Run::start().await;
    let options = Options { connectwise_port: run.simulators.connectwise_port(), ..Options::default() };
    run.json("acme", "/system/info").await;
    run.simulators.shutdown().await;
    Simulators::start(Scenario::demo(), options).await.expect("the port is free").shutdown().await;
}
