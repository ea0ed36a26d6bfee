use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::super::{Actual, Permissions};
use super::*;
use crate::testing::fake_connectwise::{self, Fake, PERMISSION, Reply, companyinfo, guide_role, row, tenant};
use crate::timings::Timings;
use crate::upstream::guard::Guard;

/// A tenant where all is well.
fn healthy() -> Fake {
    let boards = json!([{"id": 7, "name": "Security", "inactiveFlag": false, "projectFlag": false}]);
    Fake::default()
        .with("/login/companyinfo/myco", Reply::ok(&companyinfo("v2025_1/")))
        .api("system/myMembers/info", Reply::ok(&member(false)))
        .api("system/mySecurity", Reply::ok(&json!(guide_role())))
        .api("service/boards", Reply::ok(&boards))
        .api("service/boards/7/teams", Reply::ok(&json!([{"id": 1, "defaultFlag": true}])))
        .api("service/sources", Reply::ok(&json!([])))
}

/// The same, with a tenant that lets nobody see the role.
fn silent() -> Fake {
    let routes =
        ["company/companies", "company/contacts", "finance/agreements", "service/tickets", "system/reports"];
    let fake = healthy().api("system/mySecurity", Reply::refused());
    routes.into_iter().fold(fake, |fake, route| fake.api(route, Reply::ok(&json!([{"id": 1}]))))
}

fn member(inactive: bool) -> Value {
    json!({"id": 3, "identifier": "petra", "inactiveFlag": inactive, "licenseClass": "A", "excludedServiceBoardIds": [9]})
}

async fn ask(fake: Fake, depth: Depth, board: Option<&str>, known: Option<&Tenant>) -> (Round, Vec<String>) {
    let (connectwise, fake) = fake.connect();
    let round = fake_connectwise::ask(&connectwise, depth, board, known).await;
    (round, fake.asked())
}

async fn ask_full(fake: Fake) -> (Round, Vec<String>) {
    ask(fake, Depth::Full, Some("Security"), Some(&tenant("v2025_1/"))).await
}

async fn ask_cheap(fake: Fake) -> (Round, Vec<String>) {
    ask(fake, Depth::Cheap, Some("Security"), Some(&tenant("v2025_1/"))).await
}

fn judged(round: &Round) -> &Permissions {
    match &round.permissions {
        PermissionsAnswer::Judged(permissions) => permissions,
        PermissionsAnswer::Inconclusive(why) => panic!("not judged: {why:?}"),
    }
}

const UNAVAILABLE: Inconclusive = Inconclusive::Unavailable;

#[tokio::test]
async fn a_full_round_asks_for_each_thing_once_and_in_order() {
    let (round, asked) = ask_full(healthy()).await;
    assert_eq!(
        asked,
        [
            "na.myconnectwise.net /login/companyinfo/myco",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/system/myMembers/info",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/system/mySecurity?pageSize=1000",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/service/boards?conditions=projectFlag=true&pageSize=1&fields=id",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/service/boards?pageSize=1&fields=id",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/service/sources?pageSize=1&fields=id",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/service/boards?pageSize=1000&fields=id,name,inactiveFlag,projectFlag",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/service/boards/7/teams?pageSize=1000&fields=id,defaultFlag",
        ]
    );
    assert_eq!(round.company, CompanyAnswer::Found(tenant("v2025_1/")));
    assert_eq!(round.keys, KeysAnswer::Accepted);
    assert_eq!(round.member, MemberAnswer::Active);
    assert_eq!(round.board, BoardAnswer::Ready);
    assert_eq!((judged(&round).missing.len(), judged(&round).unknown.len()), (0, 3));
}

#[tokio::test]
async fn a_cheap_round_is_one_call() {
    let (round, asked) = ask_cheap(healthy()).await;
    assert_eq!(asked, ["api-na.myconnectwise.net /v2025_1/apis/3.0/system/mySecurity?pageSize=1000"]);
    assert_eq!(round.company, CompanyAnswer::Found(tenant("v2025_1/")));
    assert_eq!((round.keys, round.member), (KeysAnswer::Accepted, MemberAnswer::Unknown));
    assert_eq!(round.board, BoardAnswer::NotNamed);
}

#[tokio::test]
async fn a_cheap_round_of_an_unknown_tenant_first_asks_where_it_is() {
    let (round, asked) = ask(healthy(), Depth::Cheap, None, None).await;
    assert_eq!(
        asked,
        [
            "na.myconnectwise.net /login/companyinfo/myco",
            "api-na.myconnectwise.net /v2025_1/apis/3.0/system/mySecurity?pageSize=1000",
        ]
    );
    assert_eq!(round.company, CompanyAnswer::Found(tenant("v2025_1/")));
    assert_eq!((round.depth, round.keys), (Depth::Cheap, KeysAnswer::Accepted));
    let (round, asked) = ask(Fake::default(), Depth::Cheap, None, None).await;
    assert!(matches!(round.company, CompanyAnswer::Inconclusive(_)), "{round:?}");
    assert_eq!(asked.len(), 1, "no key is sent where no tenant was found");
}

#[tokio::test]
async fn a_cheap_round_comes_to_the_same_permissions_as_a_full_one() {
    for fake in [healthy, silent] {
        assert_eq!(ask_cheap(fake()).await.0.permissions, ask_full(fake()).await.0.permissions);
    }
}

#[tokio::test]
async fn a_function_that_the_role_does_not_list_is_no_news_to_a_cheap_round_that_sent_no_probe() {
    let one = json!([row("Companies", "Company Maintenance", "All")]);
    let (round, asked) = ask_cheap(silent().api("system/mySecurity", Reply::ok(&one))).await;
    assert_eq!(asked.len(), 1);
    assert!(judged(&round).unknown.iter().all(|line| line.required == Required::Allowed), "{round:?}");
    assert_eq!(judged(&round).unasked.len(), 11, "it says of which it cannot tell");
}

#[tokio::test]
async fn where_the_role_is_not_shown_a_cheap_round_sends_the_probes() {
    for quiet in [Reply::refused(), Reply::ok(&json!([]))] {
        let (round, asked) = ask_cheap(silent().api("system/mySecurity", quiet)).await;
        assert_eq!(asked.len(), 9);
        assert_eq!((round.keys, judged(&round).missing.len()), (KeysAnswer::Accepted, 0));
    }
}

#[tokio::test]
async fn no_call_follows_refused_keys() {
    let (round, asked) = ask_full(healthy().api("system/myMembers/info", Reply::rejected())).await;
    assert_eq!(asked.len(), 2);
    assert_eq!(round.keys, KeysAnswer::Rejected);
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(UNAVAILABLE));
    assert_eq!(round.board, BoardAnswer::Inconclusive(UNAVAILABLE));

    let (round, asked) = ask_cheap(healthy().api("system/mySecurity", Reply::rejected())).await;
    assert_eq!((round.keys, asked.len()), (KeysAnswer::Rejected, 1));
}

#[tokio::test]
async fn a_refusal_after_an_answer_contradicts_itself_and_accuses_nobody() {
    let (round, _) = ask_full(healthy().api("system/mySecurity", Reply::rejected())).await;
    assert_eq!(round.keys, KeysAnswer::Accepted);
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn a_refusal_for_want_of_a_right_shows_that_the_keys_are_good() {
    let (round, _) = ask_full(silent().api("system/myMembers/info", Reply::refused())).await;
    assert_eq!((round.keys, round.member), (KeysAnswer::Accepted, MemberAnswer::Unknown));
    assert_eq!(round.board, BoardAnswer::Ready);
}

#[tokio::test]
async fn an_outage_in_the_middle_leaves_the_keys_accepted() {
    for (outage, why) in [
        (Reply::page(503, "<html>"), UNAVAILABLE),
        (Reply::fault(Fault::Timeout), UNAVAILABLE),
        (Reply::page(200, "<html>Sign in</html>"), UNAVAILABLE),
        (Reply::error(429, "", ""), Inconclusive::RateLimited(Some(Duration::from_secs(30)))),
        (Reply::fault(Fault::BadCertificate), Inconclusive::BadCertificate),
    ] {
        let (round, asked) = ask_full(healthy().api("system/mySecurity", outage)).await;
        assert_eq!(round.keys, KeysAnswer::Accepted);
        assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(why));
        assert_eq!(round.board, BoardAnswer::Inconclusive(why));
        assert_eq!(asked.len(), 3);
    }
}

#[tokio::test]
async fn a_proxys_401_is_no_verdict_on_the_keys() {
    let (round, _) = ask_full(healthy().api("system/myMembers/info", Reply::page(401, "<html>"))).await;
    assert_eq!(round.keys, KeysAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn a_probe_that_times_out_behind_the_role_itself_holds_nothing_up() {
    let (round, _) = ask_full(healthy().api("service/sources", Reply::fault(Fault::Timeout))).await;
    assert_eq!((judged(&round).missing.len(), judged(&round).unknown.len()), (0, 3));
    assert_eq!(round.board, BoardAnswer::Ready);
}

#[tokio::test]
async fn with_only_probes_to_go_by_an_outage_judges_nothing_but_what_was_refused() {
    let timeout = || Reply::fault(Fault::Timeout);
    let (round, _) = ask_cheap(silent().api("system/reports", timeout())).await;
    assert_eq!(round.keys, KeysAnswer::Accepted);
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(UNAVAILABLE));

    let fake = silent().api("system/reports", timeout()).api("company/contacts", Reply::refused());
    let (round, _) = ask_cheap(fake).await;
    assert_eq!(judged(&round).missing.len(), 1);
    assert_eq!(judged(&round).missing[0].actual, Actual::Refused);
}

#[tokio::test]
async fn a_rate_limit_ends_the_probing() {
    let fake = silent().api("company/companies", Reply::error(429, "", ""));
    let (round, asked) = ask_cheap(fake).await;
    let wait = Some(Duration::from_secs(30));
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(Inconclusive::RateLimited(wait)));
    assert!(asked.len() <= 1 + PROBES_AT_ONCE);
}

/// The object of a list or record that is answered, with a key in it twice: first with this value, then with its own.
fn twice(route: &str, body: &Value, key: &str, value: &Value) -> Fake {
    silent().api(route, Reply::ok(body).twice(key, value))
}

#[tokio::test]
async fn a_level_that_is_there_twice_is_unknown_whichever_comes_last() {
    for (value, role) in [("None", guide_role()), ("All", vec![row("Companies", "Contacts", "None")])] {
        let fake = twice("system/mySecurity", &json!(role), "inquireLevel", &json!(value));
        let (round, _) = ask_full(fake).await;
        assert_eq!((round.keys, judged(&round).missing.len()), (KeysAnswer::Accepted, 0), "{value}");
    }
    let fake = twice("system/mySecurity", &json!(guide_role()), "moduleName", &json!("Finance"));
    let (round, _) = ask_full(fake).await;
    assert_eq!(judged(&round).missing, []);
}

#[tokio::test]
async fn what_is_told_twice_of_the_member_is_unknown() {
    for (inactive, before) in [(true, false), (false, true), (true, true)] {
        let fake = twice("system/myMembers/info", &member(inactive), "inactiveFlag", &json!(before));
        assert_eq!(ask_full(fake).await.0.member, MemberAnswer::Unknown);
    }
}

#[tokio::test]
async fn an_error_with_two_codes_or_two_messages_refuses_nothing() {
    for body in [
        r#"{"code": "NotFound", "code": "Unauthorized", "message": "x"}"#,
        r#"{"code": "Unauthorized", "message": "x", "message": "y"}"#,
        r#"{"code": "Unauthorized", "code": "Unauthorized", "message": "x"}"#,
    ] {
        let (round, _) = ask_full(healthy().api("system/myMembers/info", Reply::written(401, body))).await;
        assert_eq!(round.keys, KeysAnswer::Inconclusive(UNAVAILABLE), "{body}");
    }
    let body = format!(r#"{{"code": "Security", "code": "Security", "message": "{PERMISSION}"}}"#);
    let (round, _) = ask_full(healthy().api("service/sources", Reply::written(403, &body))).await;
    assert_eq!(judged(&round).missing, []);
    let (round, _) = ask_full(healthy().api("service/boards", Reply::written(403, &body))).await;
    assert_eq!(round.board, BoardAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn a_companyinfo_with_a_field_twice_is_no_other_server_and_leads_nowhere() {
    for (field, value) in
        [("Codebase", "v2024_1/"), ("CompanyID", "other"), ("SiteUrl", "api-eu.myconnectwise.net")]
    {
        let info = Reply::ok(&companyinfo("v2025_1/")).twice(field, &json!(value));
        let (round, asked) = ask_full(healthy().with("/login/companyinfo/myco", info)).await;
        assert_eq!((round.company, asked.len()), (CompanyAnswer::Inconclusive(UNAVAILABLE), 1), "{field}");
    }
}

#[tokio::test]
async fn what_is_told_twice_of_a_board_or_a_team_calls_no_board_bad() {
    let board = json!([{"id": 7, "name": "Security", "inactiveFlag": false, "projectFlag": false}]);
    for (key, value) in [
        ("name", json!("Other")),
        ("inactiveFlag", json!(true)),
        ("projectFlag", json!(true)),
        ("id", json!(8)),
    ] {
        let (round, _) = ask_full(twice("service/boards", &board, key, &value)).await;
        assert_eq!(round.board, BoardAnswer::Inconclusive(UNAVAILABLE), "{key}");
    }
    let teams = json!([{"id": 1, "defaultFlag": true}]);
    let (round, _) = ask_full(twice("service/boards/7/teams", &teams, "defaultFlag", &json!(false))).await;
    assert_eq!(round.board, BoardAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn a_tenant_that_was_upgraded_is_found_again_and_asked_there() {
    for lost in [Reply::page(404, ""), Reply::text(400, "Cannot route. Codebase/company is invalid")] {
        let fake = healthy().with("/v2024_2/apis/3.0/system/mySecurity", lost);
        let (round, asked) = ask(fake, Depth::Cheap, None, Some(&tenant("v2024_2/"))).await;
        assert_eq!(
            asked,
            [
                "api-na.myconnectwise.net /v2024_2/apis/3.0/system/mySecurity?pageSize=1000",
                "na.myconnectwise.net /login/companyinfo/myco",
                "api-na.myconnectwise.net /v2025_1/apis/3.0/system/mySecurity?pageSize=1000",
            ]
        );
        assert_eq!(round.company, CompanyAnswer::Found(tenant("v2025_1/")));
        assert_eq!((round.keys, judged(&round).missing.len()), (KeysAnswer::Accepted, 0));
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_though_nothing_moved_is_inconclusive() {
    let (round, asked) = ask_cheap(healthy().api("system/mySecurity", Reply::page(404, ""))).await;
    assert_eq!(asked.len(), 2);
    assert_eq!(round.company, CompanyAnswer::Found(tenant("v2025_1/")));
    assert_eq!(round.keys, KeysAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn a_company_that_left_its_site_is_unknown_there() {
    let fake = healthy()
        .api("system/mySecurity", Reply::page(404, ""))
        .with("/login/companyinfo/myco", Reply::json(200, &Value::Null));
    let (round, _) = ask_cheap(fake).await;
    assert_eq!(round.company, CompanyAnswer::Unknown);
    assert_eq!(round.keys, KeysAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test]
async fn what_companyinfo_says_ends_a_full_round_where_it_is_no_tenant() {
    for (reply, company) in [
        (Reply::json(200, &Value::Null), CompanyAnswer::Unknown),
        (Reply::error(404, "NotFound", "Company not found"), CompanyAnswer::Unknown),
        (Reply::page(200, "<html>Welcome</html>"), CompanyAnswer::NotConnectWise),
        (Reply::ok(&json!({"hello": "world"})), CompanyAnswer::NotConnectWise),
        (
            Reply::ok(&json!({"Codebase": "v1/", "CompanyID": "a", "SiteUrl": "evil.example"})),
            CompanyAnswer::HostNotAllowed,
        ),
        (Reply::fault(Fault::PrivateAddress), CompanyAnswer::PrivateAddress),
        (Reply::fault(Fault::NoSuchName), CompanyAnswer::Inconclusive(Inconclusive::NoSuchName)),
        (Reply::page(404, "not found"), CompanyAnswer::Inconclusive(UNAVAILABLE)),
        (Reply::page(502, ""), CompanyAnswer::Inconclusive(UNAVAILABLE)),
    ] {
        let (round, asked) = ask_full(healthy().with("/login/companyinfo/myco", reply)).await;
        assert_eq!(round.company, company);
        assert_eq!(asked.len(), 1);
        assert!(matches!(round.keys, KeysAnswer::Inconclusive(_)));
    }
}

#[tokio::test]
async fn an_api_host_with_a_private_address_is_said_of_the_company() {
    let (round, _) = ask_cheap(healthy().api("system/mySecurity", Reply::fault(Fault::PrivateAddress))).await;
    assert_eq!(round.company, CompanyAnswer::PrivateAddress);
}

#[tokio::test]
async fn an_inactive_member_is_said_to_be_so() {
    let (round, _) = ask_full(healthy().api("system/myMembers/info", Reply::ok(&member(true)))).await;
    assert_eq!(round.member, MemberAnswer::Inactive);
    let (round, _) = ask_full(healthy().api("system/myMembers/info", Reply::ok(&json!({"id": 3})))).await;
    assert_eq!(round.member, MemberAnswer::Unknown);
}

#[tokio::test]
async fn what_else_is_told_of_the_member_is_told_on() {
    let traits = |person, excluded_boards| MemberTraits { person, excluded_boards };
    let info = |class: Value| json!({"inactiveFlag": false, "licenseClass": class, "excludedServiceBoardIds": [7, 9]});
    for (info, told) in [
        (member(false), traits(false, 1)),
        (info(json!("F")), traits(true, 2)),
        (info(Value::Null), traits(false, 2)),
        (json!({"inactiveFlag": false}), MemberTraits::default()),
    ] {
        let (round, _) = ask_full(healthy().api("system/myMembers/info", Reply::ok(&info))).await;
        assert_eq!((round.member, round.traits), (MemberAnswer::Active, told), "{info}");
    }
    let (round, _) = ask_cheap(healthy()).await;
    assert_eq!(round.traits, MemberTraits::default());
}

#[tokio::test]
async fn rights_on_the_second_page_of_the_role_are_seen() {
    let mut first = vec![row("Companies", "Notes", "None"); 1000];
    let last = first.split_off(999);
    let path = "/v2025_1/apis/3.0/system/mySecurity";
    let fake = healthy()
        .with(path, Reply::ok(&json!(first)).then(&format!("{path}?pageSize=1000&page=2")))
        .with(&format!("{path}?pageSize=1000&page=2"), Reply::ok(&json!([last, guide_role()].concat())));
    let (round, asked) = ask_cheap(fake).await;
    assert_eq!((asked.len(), judged(&round).unknown.len()), (2, 3));
}

#[test]
fn a_round_can_run_on_any_thread() {
    fn is_send(_: impl Send) {}
    fn rounds(connectwise: &ConnectWise<std::sync::Arc<Guard>>, inputs: Inputs<'_>, tenant: &Tenant) {
        is_send(full(connectwise, inputs));
        is_send(cheap(connectwise, inputs, Some(tenant)));
    }
    let _ = rounds;
}

/// A list without end: each page names the next.
fn endless(fake: Fake, route: &str, rows: &Value) -> Fake {
    let path = |page: usize| format!("/v2025_1/apis/3.0/{route}?page={page}");
    let first = fake.api(route, Reply::ok(rows).then(&path(2)));
    (2..=30).fold(first, |fake, page| fake.with(&path(page), Reply::ok(rows).then(&path(page + 1))))
}

// No sockets here: on a paused clock, a slow answer takes no time.
#[tokio::test(start_paused = true)]
async fn a_check_of_a_slow_server_ends_in_time_and_accuses_nobody() {
    let limit = Timings::default().timeouts.check;
    let slow = |fake| endless(fake, "system/mySecurity", &json!(guide_role())).slow(Duration::from_secs(35));
    let began = Instant::now();
    let (round, asked) = ask_full(slow(healthy())).await;
    assert_eq!(began.elapsed(), limit);
    assert_eq!((round.keys, &round.board), (KeysAnswer::Accepted, &BoardAnswer::Inconclusive(UNAVAILABLE)));
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(UNAVAILABLE));
    // companyinfo, the member, and the pages that began within the time.
    assert_eq!(asked.len(), 2 + 4, "{asked:?}");

    let began = Instant::now();
    let (round, _) = ask_cheap(slow(healthy())).await;
    assert_eq!(began.elapsed(), limit);
    assert_eq!(round.permissions, PermissionsAnswer::Inconclusive(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn a_slow_board_list_leaves_what_was_found_before_it() {
    let boards = json!([{"id": 8, "name": "Other", "inactiveFlag": false}]);
    let fake = endless(healthy(), "service/boards", &boards).slow(Duration::from_secs(20));
    let began = Instant::now();
    let (round, _) = ask_full(fake).await;
    assert_eq!(began.elapsed(), Timings::default().timeouts.check);
    assert!(judged(&round).missing.is_empty());
    assert_eq!(round.board, BoardAnswer::Inconclusive(UNAVAILABLE));
}
