use std::sync::atomic::AtomicU16;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::super::wire::Organization;
use super::super::{Holder, Refusal};
use super::*;
use crate::testing::tls_server::{Blind, Reply, TestServer};
use crate::timings::Timings;
use crate::upstream::allow::AllowList;
use crate::upstream::guard::GuardConfig;
use crate::upstream::limits::Rates;
use crate::upstream::{Observer, Service};

const OWNER: &str = "prod/petra/acme";

struct Leads(bool);

impl Fence for Leads {
    fn led_for(&self) -> Duration {
        Duration::MAX
    }

    fn outlives(&self, _: Duration) -> bool {
        self.0
    }
}

/// When the limiter let each call go. Leads until the first of them: the lead is lost while a change stands in line.
#[derive(Default)]
struct Line(Mutex<Vec<Timestamp>>);

impl Line {
    fn let_go(&self) -> Vec<Timestamp> {
        self.0.lock().clone()
    }
}

impl Observer for Line {
    fn called(&self, _: Service, _: &'static str, _: &'static str, _: Duration) {}
    fn waited(&self, _: Service, _: &'static str, _: Duration) {
        self.0.lock().push(Timestamp::now());
    }
}

impl Fence for Line {
    fn led_for(&self) -> Duration {
        Duration::MAX
    }

    fn outlives(&self, _: Duration) -> bool {
        self.let_go().is_empty()
    }
}

fn client_seen_by(server: &TestServer, observer: Arc<dyn Observer>) -> PetraClient {
    let guard = Guard::new(GuardConfig {
        allow: AllowList::new([], Some(server.host("petra.localhost"))),
        ca_bundle_pem: Some(server.ca_pem.clone().into_bytes()),
        egress_proxy: None,
        timings: Timings::scaled(60.0),
        rates: Rates::default(),
        user_agent: "cwlink/test".to_owned(),
        observer,
    });
    let timeouts = Timings::default().timeouts;
    PetraClient::new(
        Arc::new(guard.expect("a guard")),
        SecretFile::fixed("petra_key"),
        Clock::start(),
        timeouts,
    )
}

async fn rig(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> (TestServer, PetraClient) {
    let server = TestServer::start("petra.localhost", reply).await;
    let client = client_seen_by(&server, Arc::new(Blind));
    (server, client)
}

fn id() -> LinkId {
    LinkId::parse("cw-1").expect("an id")
}

fn owner() -> Owner {
    Owner::parse(OWNER).expect("an owner")
}

fn version() -> Version {
    Version::parse("v+7").expect("a version")
}

fn entry(id: &str) -> Value {
    json!({
        "linkId": id, "companyId": "acme", "siteUrl": "https://na.myconnectwise.net", "owner": OWNER,
        "state": "pending", "credentialsVersion": "9c1185a5c5e9fc54", "version": "v8",
        "updatedAt": "2026-02-02T09:31:30Z",
    })
}

async fn put(client: &PetraClient, adopt_from: Option<&Adopt>, fence: &dyn Fence) -> PutAnswer {
    let request = PutRequest {
        id: &id(),
        company: &CompanyId::parse("acme").expect("a company"),
        site: &"api-na.myconnectwise.net".parse().expect("a host"),
        keys: &Keys::from_secret_data(Some(b"public"), Some(b"private")).expect("keys"),
        credentials_version: &CredentialsVersion::parse("9c1185a5c5e9fc54").expect("a version"),
        owner: &owner(),
        owner_uid: "8f14e45f-ceea",
        expected_version: Some(&version()),
        adopt_from,
    };
    client.put(request, fence).await
}

#[tokio::test]
async fn a_list_is_all_its_pages() {
    let (server, client) = rig(|request| {
        let second = request.contains("cursor=c%2F2");
        let (link, next) = if second { ("cw-2", Value::Null) } else { ("cw-1", json!("c/2")) };
        Reply::json(200, &json!({"links": [entry(link)], "next": next}).to_string())
    })
    .await;
    let listing = client.list("prod").await.expect("a list");
    assert_eq!(listing.links.iter().map(|link| link.id.as_str()).collect::<Vec<_>>(), ["cw-1", "cw-2"]);
    assert!(listing.complete);
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /v1/integrations/connectwise?installation=prod HTTP/1.1\r\n"));
    assert!(requests[0].contains("\r\nauthorization: Bearer petra_key\r\n"), "{}", requests[0]);

    client.list_owner(&owner()).await.expect("a list");
    assert!(
        server.requests()[2]
            .starts_with("GET /v1/integrations/connectwise?owner=prod%2Fpetra%2Facme HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn a_list_that_breaks_off_or_runs_in_a_circle_is_no_list() {
    let (_server, breaks_off) = rig(|request| {
        if request.contains("cursor") {
            Reply::json(502, "<html>")
        } else {
            Reply::json(200, &json!({"links": [entry("cw-1")], "next": "2"}).to_string())
        }
    })
    .await;
    assert_eq!(breaks_off.list("prod").await, Err(PetraFault::Unavailable));

    let (server, circle) = rig(|_| Reply::json(200, r#"{"links": [], "next": "2"}"#)).await;
    assert_eq!(circle.list("prod").await, Err(PetraFault::Unavailable));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_put_says_whose_link_it_is_what_is_believed_and_until_when() {
    let (server, client) = rig(|_| {
        Reply::with_headers(202, "Date: Mon, 02 Feb 2026 09:30:00 GMT\r\n", &entry("cw-1").to_string())
    })
    .await;
    let adopt = Adopt::Unowned;
    for _ in 0..2 {
        let answer = put(&client, Some(&adopt), &Leads(true)).await;
        assert!(matches!(answer, PutAnswer::Accepted(link) if link.id == id()));
    }
    let requests = server.requests();
    assert!(requests[1].starts_with("PUT /v1/integrations/connectwise/cw-1 HTTP/1.1\r\n"));
    let (_, body) = requests[1].split_once("\r\n\r\n").expect("a body");
    let mut body: Value = serde_json::from_str(body).expect("JSON");
    assert!(body["notAfter"].take().is_string());
    assert_eq!(
        body,
        json!({
            "companyId": "acme", "siteUrl": "https://api-na.myconnectwise.net", "publicKey": "public",
            "privateKey": "private", "owner": OWNER, "ownerUid": "8f14e45f-ceea",
            "credentialsVersion": "9c1185a5c5e9fc54", "expectedVersion": "v+7", "notAfter": null, "adoptFrom": "unowned",
        })
    );
}

#[tokio::test]
async fn a_change_lapses_when_its_time_is_up_by_the_servers_clock_however_long_it_stood_in_line() {
    let date: Timestamp = "2026-02-02T09:30:00Z".parse().expect("a time");
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&arrived);
    let server = TestServer::start("petra.localhost", move |_| {
        log.lock().push(Timestamp::now());
        Reply::with_headers(202, "Date: Mon, 02 Feb 2026 09:30:00 GMT\r\n", &entry("cw-1").to_string())
    })
    .await;
    let line = Arc::new(Line::default());
    let client = client_seen_by(&server, line.clone());
    put(&client, None, &Leads(true)).await;
    let answered = Timestamp::now();
    // The first one took the turn: this one has to wait for the next.
    put(&client, None, &Leads(true)).await;

    let requests = server.requests();
    let (_, body) = requests[1].split_once("\r\n\r\n").expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let not_after: Timestamp = body["notAfter"].as_str().expect("a text").parse().expect("a time");
    let left = not_after.duration_since(date);
    let may_take = SignedDuration::from_secs(8);
    let arrived = arrived.lock().clone();
    // The clocks are compared in whole milliseconds.
    let at_most = may_take + arrived[1].duration_since(arrived[0]) + SignedDuration::from_millis(1);
    let at_least = may_take + line.let_go()[1].duration_since(answered);
    assert!(at_least <= left && left <= at_most, "{at_least:?} <= {left:?} <= {at_most:?}");
}

#[tokio::test]
async fn each_answer_to_a_put_is_read_by_status_and_code() {
    let other = json!({"code": "owned_by_other", "owner": "prod/petra/other"}).to_string();
    let by_hand = json!({"code": "owned_by_other", "owner": null}).to_string();
    let foreign = json!({"linkId": "cw-1", "owner": "prod/petra/other", "state": "pending", "version": "v8"})
        .to_string();
    let unavailable = PutAnswer::Unknown(PetraFault::Unavailable);
    let linked = json!({"code": "company_linked", "linkId": "cw-2", "owner": "prod/petra/other"}).to_string();
    let of_other = |id| PutAnswer::CompanyLinked { id, holder: Owner::parse("prod/petra/other").into() };
    let table = [
        (409, linked.as_str(), of_other(LinkId::parse("cw-2"))),
        (409, r#"{"code":"company_linked","linkId":"a b","owner":"prod/petra/other"}"#, of_other(None)),
        (409, other.as_str(), PutAnswer::OwnedByOther(Owner::parse("prod/petra/other").into())),
        (409, &by_hand, PutAnswer::OwnedByOther(Holder::Nobody)),
        (409, r#"{"code":"owned_by_other"}"#, PutAnswer::OwnedByOther(Holder::Unreadable)),
        (409, "<html>", unavailable.clone()),
        (410, r#"{"code":"too_late"}"#, PutAnswer::LookAgain),
        (412, r#"{"code":"version_mismatch","version":"v9"}"#, PutAnswer::LookAgain),
        (422, r#"{"code":"credentials_rejected"}"#, PutAnswer::Refused(Refusal::CredentialsRejected)),
        (422, "<html>", unavailable.clone()),
        (401, r#"{"code":"invalid_api_key"}"#, PutAnswer::Unknown(PetraFault::KeyRejected)),
        (403, r#"{"code":"not_permitted"}"#, PutAnswer::Unknown(PetraFault::KeyRejected)),
        (404, "", PutAnswer::Unknown(PetraFault::NoContract)),
        (400, r#"{"code":"invalid_request"}"#, unavailable.clone()),
        (302, "", unavailable.clone()),
        (503, "", unavailable.clone()),
        (202, "{}", unavailable.clone()),
        (202, &foreign, unavailable),
    ];
    for (status, body, expected) in table {
        let reply = Reply::json(status, body);
        let (_server, client) = rig(move |_| reply.clone()).await;
        assert_eq!(put(&client, None, &Leads(true)).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn each_answer_to_a_delete_is_read_by_status_and_code() {
    let table = [
        (204, "", DeleteAnswer::Gone),
        (404, r#"{"code":"link_not_found"}"#, DeleteAnswer::Gone),
        (404, "<html>a proxy</html>", DeleteAnswer::Unknown(PetraFault::Unavailable)),
        (404, r#"{"code":"route_not_found"}"#, DeleteAnswer::Unknown(PetraFault::Unavailable)),
        (409, r#"{"code":"owned_by_other","owner":null}"#, DeleteAnswer::NotOurs),
        (410, r#"{"code":"too_late"}"#, DeleteAnswer::LookAgain),
        (412, r#"{"code":"version_mismatch"}"#, DeleteAnswer::LookAgain),
        (500, "", DeleteAnswer::Unknown(PetraFault::Unavailable)),
    ];
    for (status, body, expected) in table {
        let reply = Reply::json(status, body);
        let (server, client) = rig(move |_| reply.clone()).await;
        assert_eq!(
            client.delete(&id(), &owner(), &version(), &Leads(true)).await,
            expected,
            "{status} {body}"
        );
        let start = "DELETE /v1/integrations/connectwise/cw-1?owner=prod%2Fpetra%2Facme&expectedVersion=v%2B7&notAfter=20";
        assert!(server.requests()[0].starts_with(start), "{}", server.requests()[0]);
    }
}

#[tokio::test]
async fn a_replica_that_may_lose_the_lead_sends_no_change() {
    let (server, client) = rig(|_| Reply::json(204, "")).await;
    assert_eq!(put(&client, None, &Leads(false)).await, PutAnswer::Fenced);
    assert_eq!(client.delete(&id(), &owner(), &version(), &Leads(false)).await, DeleteAnswer::Fenced);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_replica_that_lost_the_lead_while_a_change_stood_in_line_does_not_send_it() {
    let server = TestServer::start("petra.localhost", |_| Reply::json(204, "")).await;
    let lost = Arc::new(Line::default());
    let client = client_seen_by(&server, lost.clone());
    assert_eq!(put(&client, None, &*lost).await, PutAnswer::Fenced);
    let lost = Arc::new(Line::default());
    let client = client_seen_by(&server, lost.clone());
    assert_eq!(client.delete(&id(), &owner(), &version(), &*lost).await, DeleteAnswer::Fenced);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn only_petra_itself_can_say_that_a_link_is_gone() {
    let there = entry("cw-1").to_string();
    let another = entry("cw-2").to_string();
    let table = [
        (200, there.as_str(), Ok(true)),
        (404, r#"{"code":"link_not_found"}"#, Ok(false)),
        (404, r#"{"code":"route_not_found"}"#, Err(PetraFault::Unavailable)),
        (404, "<html>a proxy</html>", Err(PetraFault::Unavailable)),
        (200, &another, Err(PetraFault::Unavailable)),
        (200, "{}", Err(PetraFault::Unavailable)),
        (401, r#"{"code":"invalid_api_key"}"#, Err(PetraFault::KeyRejected)),
    ];
    for (status, body, expected) in table {
        let reply = Reply::json(status, body);
        let (_server, client) = rig(move |_| reply.clone()).await;
        let found = client.get(&id(), &owner()).await.map(|link| link.is_some());
        assert_eq!(found, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn the_link_routes_tell_when_they_begin_and_cease_to_refuse_the_key() {
    let status = Arc::new(AtomicU16::new(200));
    let replies = Arc::clone(&status);
    let (_server, client) = rig(move |_| match replies.load(Ordering::Relaxed) {
        200 => Reply::json(200, r#"{"links": [], "next": null}"#),
        403 => Reply::json(403, "<html>a proxy</html>"),
        other => Reply::json(other, r#"{"code":"invalid_api_key"}"#),
    })
    .await;
    let mut refusals = client.refusals();
    for (reply, news, refused) in [
        (200, false, false),
        (401, true, true),
        (401, false, true),
        (403, false, true),
        (200, true, false),
        (403, false, false),
    ] {
        status.store(reply, Ordering::Relaxed);
        let _ = client.list("prod").await;
        let told = (refusals.has_changed().expect("the client is there"), *refusals.borrow_and_update());
        assert_eq!(told, (news, refused), "{reply}");
    }
}

#[tokio::test]
async fn the_account_is_named_by_its_usage_report() {
    let (server, client) =
        rig(|_| Reply::json(200, r#"{"organizationName": "Acme IT", "totalTenants": 0}"#)).await;
    let organization = Organization::parse("Acme IT");
    assert_eq!(client.usage().await, Ok(Account { organization }));
    assert!(server.requests()[0].starts_with("GET /v1/usage HTTP/1.1\r\n"));
}
