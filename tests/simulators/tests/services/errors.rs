//! Each cause of a refusal has its own body.

use serde_json::{Value, json};
use simulators::scenario::{ClientIdRefusal, InactiveMember, StaleCodebase};
use simulators::world::{MemberChange, SiteChange};
use simulators::{Filter, Options, Scenario};

use crate::client::{CLIENT_ID, CLOUD, CLOUD_API, Run, json_of, outcome};

const INFO: &str = "/apis/3.0/system/info";
const UNAUTHORIZED: &str = r#"{"code":"Unauthorized","message":"Unauthorized"}"#;
const CANNOT_ROUTE: &str = "Cannot route. Codebase/company is invalid";

async fn body(run: &Run, company: &str, route: &str) -> (u16, Value) {
    let response = run.call(company, route).send().await.expect("an answer comes");
    (response.status().as_u16(), json_of(response).await)
}

#[tokio::test]
async fn wrong_keys_are_401_at_the_versioned_codebase_and_an_empty_404_at_the_router() {
    let run = Run::start().await;
    let wrong = run.call_with("acme", "wrong", "/system/info");
    assert_eq!(outcome(wrong).await, (401, UNAUTHORIZED.to_owned()));

    for host in [CLOUD, CLOUD_API] {
        let request =
            run.get(host, &format!("/v4_6_release{INFO}")).basic_auth("acme+acme-public", Some("wrong"));
        let response = request.header("clientId", CLIENT_ID).send().await.expect("an answer comes");
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert_eq!(response.text().await.expect("the body is text"), "");
    }
}

#[tokio::test]
async fn good_keys_pass_the_router() {
    let run = Run::start().await;
    let request = run.get(CLOUD, &format!("/v4_6_release{INFO}"));
    let request =
        request.basic_auth("acme+acme-public", Some("CANARY-acme-private")).header("clientId", CLIENT_ID);
    assert_eq!(outcome(request).await.0, 200);
}

#[tokio::test]
async fn wrong_keys_on_premise_have_another_body() {
    let run = Run::start().await;
    let expected = r#"{"code":"ConnectWiseApi","message":"UserNotAuthenticated"}"#;
    assert_eq!(outcome(run.call_with("golf", "wrong", "/system/info")).await, (401, expected.to_owned()));
}

#[tokio::test]
async fn a_wrong_codebase_host_or_company_cannot_be_routed() {
    let run = Run::start().await;
    for (host, codebase, user) in [
        (CLOUD_API, "v2019_1", "acme+acme-public"),
        (CLOUD, "v2025_1", "acme+acme-public"),
        (CLOUD_API, "v2025_1", "nobody+acme-public"),
    ] {
        let request =
            run.get(host, &format!("/{codebase}{INFO}")).basic_auth(user, Some("CANARY-acme-private"));
        let response = request.header("clientId", CLIENT_ID).send().await.expect("an answer comes");
        assert_eq!(response.status(), 400, "{host} {codebase} {user}");
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(response.text().await.expect("the body is text"), CANNOT_ROUTE);
    }
}

#[tokio::test]
async fn after_an_upgrade_the_old_codebase_is_stale() {
    let run = Run::start().await;
    let world = run.simulators.world();
    let upgrade = SiteChange { codebase: Some("v2025_2/".to_owned()), ..SiteChange::default() };
    world.change_site(CLOUD, upgrade).expect("the site is there");
    assert_eq!(outcome(run.call("acme", "/system/info")).await, (400, CANNOT_ROUTE.to_owned()));
    let settings =
        simulators::scenario::Settings { stale_codebase: StaleCodebase::NotFound, ..Default::default() };
    world.set_settings(settings);
    assert_eq!(outcome(run.call("acme", "/system/info")).await, (404, String::new()));
}

#[tokio::test]
async fn a_missing_or_unknown_client_id_is_refused_as_the_settings_say() {
    let run = Run::start().await;
    let without = || {
        run.get(CLOUD_API, &format!("/v2025_1{INFO}"))
            .basic_auth("acme+acme-public", Some("CANARY-acme-private"))
    };
    assert_eq!(outcome(without()).await, (401, UNAUTHORIZED.to_owned()));
    assert_eq!(outcome(without().header("clientId", "not-a-guid")).await.0, 401);
    run.simulators.world().set_client_ids(vec!["11111111-2222-4333-8444-555555555555".to_owned()]);
    assert_eq!(outcome(without().header("clientId", CLIENT_ID)).await.0, 401);
    for (refusal, status) in [(ClientIdRefusal::BadRequest, 400), (ClientIdRefusal::Forbidden, 403)] {
        let settings = simulators::scenario::Settings { client_id_refusal: refusal, ..Default::default() };
        run.simulators.world().set_settings(settings);
        assert_eq!(outcome(without()).await.0, status);
    }
}

#[tokio::test]
async fn an_inactive_member_answers_and_says_so_or_is_refused() {
    let run = Run::start().await;
    let change = MemberChange { inactive: Some(true), ..MemberChange::default() };
    run.simulators.world().change_member("acme", "petraapi", change).expect("the member is there");
    assert_eq!(run.json("acme", "/system/myMembers/info").await["inactiveFlag"], true);
    let settings = simulators::scenario::Settings {
        inactive_member: InactiveMember::Unauthorized,
        ..Default::default()
    };
    run.simulators.world().set_settings(settings);
    assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 401);
}

#[tokio::test]
async fn a_missing_permission_is_403_with_the_permission_message() {
    let run = Run::start().await;
    let expected = json!({
        "code": "Security",
        "message": "You do not have security permission to perform this action.",
        "errors": null,
    });
    for route in ["/system/members", "/service/priorities", "/company/companies/statuses"] {
        assert_eq!(body(&run, "acme", route).await, (403, expected.clone()), "{route}");
    }
}

#[tokio::test]
async fn unknown_routes_records_and_conditions_have_their_bodies() {
    let run = Run::start().await;
    let missing = json!({"code": "ConnectWiseApi", "message": "The endpoint does not exist."});
    assert_eq!(body(&run, "acme", "/system/nothing").await, (404, missing));
    let no_record = json!({"code": "NotFound", "message": "Contact 57919 not found"});
    assert_eq!(body(&run, "acme", "/company/contacts/57919").await, (404, no_record));
    let no_name =
        json!({"code": "ApiFindCondition", "message": "resources/identifier is not a recognized name."});
    let route = "/service/tickets?conditions=resources/identifier=%22x%22";
    assert_eq!(body(&run, "acme", route).await, (400, no_name));
    assert_eq!(body(&run, "acme", "/company/contacts?pageSize=many").await.0, 500);
}

#[tokio::test]
async fn only_get_is_served_and_another_method_is_counted() {
    let run = Run::start().await;
    let url = run.url(CLOUD_API, "/v2025_1/apis/3.0/service/tickets");
    let request = run.http.post(url).basic_auth("acme+acme-public", Some("CANARY-acme-private"));
    let (status, _) = outcome(request.header("clientId", CLIENT_ID).json(&json!({"summary": "x"}))).await;
    assert_eq!(status, 405);
    let posts = Filter { method: Some("POST".to_owned()), ..Filter::default() };
    assert_eq!(run.simulators.counts().total(&posts), 1);
}

#[tokio::test]
async fn above_the_rate_a_company_gets_429_with_retry_after_and_others_go_on() {
    let options = Options { connectwise_rate_limit: Some(2), ..Options::default() };
    let run = Run::with(Scenario::demo(), options).await;
    for _ in 0..2 {
        assert_eq!(outcome(run.call("acme", "/system/info")).await.0, 200);
    }
    let response = run.call("acme", "/system/info").send().await.expect("an answer comes");
    assert_eq!(response.status(), 429);
    let seconds: u64 = response.headers()["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=60).contains(&seconds));
    assert_eq!(json_of(response).await["error"], "ConnectWiseAPI");
    assert_eq!(outcome(run.call("bravo", "/system/info")).await.0, 200);
}
