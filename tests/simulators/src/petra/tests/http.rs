//! What every caller meets: key, User-Agent, limits, clock, pages.

use ::http::{Method, StatusCode};
use serde_json::json;

use super::{KEY, LINK, LIST, OTHER, OWNER, Served, call, put_body, request, with};

const MINE: &str = "/v1/integrations/connectwise?owner=prod/team/a";

#[tokio::test]
async fn only_a_current_api_key_is_let_in() {
    let served = Served::new();
    for (authorization, status) in [
        (format!("Bearer {KEY}"), StatusCode::OK),
        (format!("bearer {KEY}"), StatusCode::OK),
        (format!("Basic {KEY}"), StatusCode::UNAUTHORIZED),
        ("Bearer petra_other".to_owned(), StatusCode::UNAUTHORIZED),
        (KEY.to_owned(), StatusCode::UNAUTHORIZED),
    ] {
        let mut request = request(Method::GET, "/v1/tenants", None);
        request.headers_mut().insert("authorization", authorization.parse().expect("a header"));
        assert_eq!(call(served.petra.router(), request).await.status, status, "{authorization}");
    }
    served.set(json!({"apiKeys": ["petra_new"]})).await;
    assert_eq!(served.get("/v1/tenants").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_without_a_user_agent_is_forbidden() {
    let served = Served::new();
    let mut request = request(Method::GET, "/v1/tenants", None);
    request.headers_mut().remove("user-agent");
    assert_eq!(call(served.petra.router(), request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn each_method_and_route_has_a_limit_of_its_own_that_all_links_share() {
    let served = Served::new();
    served.set(json!({"ratePerMinute": 2})).await;
    for (uri, status) in [
        ("/v1/integrations/connectwise/one", StatusCode::NOT_FOUND),
        ("/v1/integrations/connectwise/two", StatusCode::NOT_FOUND),
        ("/v1/integrations/connectwise/three", StatusCode::TOO_MANY_REQUESTS),
        (MINE, StatusCode::OK),
    ] {
        assert_eq!(served.get(uri).await.status, status, "{uri}");
    }
    assert_eq!(served.put(&json!({})).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_limit_counts_the_last_sixty_seconds() {
    let served = Served::new();
    served.set(json!({"ratePerMinute": 1})).await;
    assert_eq!(served.get(MINE).await.status, StatusCode::OK);
    served.pass(59);
    let refused = served.get(MINE).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("1"));
    served.pass(1);
    assert_eq!(served.get(MINE).await.status, StatusCode::OK);
    served.set(json!({"ratePerMinute": null})).await;
    assert_eq!(served.get(MINE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_wait_is_told_in_the_header_that_was_chosen() {
    let served = Served::new();
    served.set(json!({"ratePerMinute": 0})).await;
    for (chosen, other) in
        [("Retry-After-public-api", "Retry-After"), ("Retry-After", "Retry-After-public-api")]
    {
        served.set(json!({"retryAfterHeader": chosen})).await;
        let refused = served.get(MINE).await;
        assert_eq!(refused.header(chosen), Some("60"));
        assert_eq!(refused.header(other), None);
    }
}

#[tokio::test]
async fn the_date_header_tells_the_clock_that_judges_not_after() {
    let served = Served::new();
    assert_eq!(served.get("/v1/tenants").await.header("date"), Some("Mon, 02 Feb 2026 09:30:00 GMT"));
    served.set(json!({"clockAheadMs": 60_000})).await;
    let late = served.put(&json!({})).await;
    assert_eq!(late.header("date"), Some("Mon, 02 Feb 2026 09:31:00 GMT"));
    assert_eq!((late.status, &late.body["code"]), (StatusCode::GONE, &json!("too_late")));
    let in_time = served.put(&json!({"notAfter": "2026-02-02T10:31:08+01:00"})).await;
    assert_eq!(in_time.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_list_comes_in_pages_of_whole_owners_and_installations() {
    let served = Served::new();
    for (id, owner) in [
        ("c", Some(OWNER)),
        ("a", Some(OTHER)),
        ("d", Some("prod-eu/team/a")),
        ("b", Some(OWNER)),
        ("e", None),
        ("f", Some("prod/team/ab")),
    ] {
        served.place(id, owner).await;
    }
    served.set(json!({"pageSize": 2})).await;
    for (query, pages) in [
        ("owner=prod/team/a", vec![vec!["b", "c"]]),
        ("owner=prod/team/none", vec![vec![]]),
        ("installation=prod", vec![vec!["a", "b"], vec!["c", "f"]]),
        ("installation=prod-eu", vec![vec!["d"]]),
        ("installation=pro", vec![vec![]]),
    ] {
        let mut cursor = String::new();
        for (number, page) in pages.iter().enumerate() {
            let answer = served.get(&format!("{LIST}?{query}{cursor}")).await;
            let links = answer.body["links"].as_array().expect("a list");
            let ids: Vec<_> = links.iter().map(|link| link["linkId"].as_str().expect("an id")).collect();
            assert_eq!(ids, *page, "{query}, page {number}");
            let next = answer.body["next"].as_str();
            assert_eq!(next.is_some(), number + 1 < pages.len(), "{query}, page {number}");
            cursor = format!("&cursor={}", next.unwrap_or_default());
        }
    }
}

#[tokio::test]
async fn what_the_contract_does_not_allow_is_refused_without_an_echo() {
    let served = Served::new();
    for changed in [
        json!({"expectedVersion": "absent"}),
        json!({"owner": "prod/secret-a"}),
        json!({"companyId": "secret:company"}),
        json!({"siteUrl": "http://secret.localhost"}),
        json!({"siteUrl": "https://secret.localhost/path"}),
        json!({"privateKey": ""}),
        json!({"privateKey": "secret".repeat(43)}),
        json!({"privatekey": "secret"}),
        json!({"adoptFrom": "secret"}),
        json!({"notAfter": "secret"}),
    ] {
        let answer = served.put(&changed).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{changed}");
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    }
    let unreadable = served.send(Method::PUT, "/v1/integrations/connectwise/a%2Fb", Some(put_body())).await;
    assert_eq!(unreadable.status, StatusCode::BAD_REQUEST);
    assert_eq!(served.get(LINK).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_answer_holds_a_key() {
    let served = Served::new();
    let body = with(put_body(), &json!({"publicKey": "secret-1", "privateKey": "secret-2"}));
    let answers = [
        served.send(Method::PUT, LINK, Some(body)).await,
        served.get(LINK).await,
        served.get(MINE).await,
        served.admin(Method::GET, "/links", None).await,
        served.admin(Method::GET, "/log", None).await,
    ];
    for answer in answers {
        assert!(answer.status.is_success());
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
    }
}
