//! A Petra with a clock that only the test moves, called without a network.

mod admin;
mod confirmation;
mod contract;
mod history;
mod http;
mod table;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, Method, Request, StatusCode};
use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Config, ConnectWiseProbe, Petra, RetryAfterHeader};

const KEY: &str = "petra_test";
const LINK: &str = "/v1/integrations/connectwise/link-1";
const LIST: &str = "/v1/integrations/connectwise";
const OWNER: &str = "prod/team/a";
const OTHER: &str = "prod/team/b";
/// Which resource of an owner sends a PUT.
const UID: &str = "8f14e45f-ceea-467f-a9d1-2e5b6c7d8e9f";

fn start() -> Timestamp {
    "2026-02-02T09:30:00Z".parse().expect("RFC 3339")
}

/// The body of a PUT that creates a link for [`OWNER`] with the keys `k1`.
fn put_body() -> Value {
    json!({
        "companyId": "mycompany",
        "siteUrl": "https://api-na.myconnectwise.localhost",
        "publicKey": "public",
        "privateKey": "private",
        "owner": OWNER,
        "ownerUid": UID,
        "credentialsVersion": "k1",
        "expectedVersion": null,
        "notAfter": "2026-02-02T09:30:08Z",
    })
}

/// `body` with some fields changed; a field set to the string `absent` is taken out.
fn with(mut body: Value, changed: &Value) -> Value {
    let fields = body.as_object_mut().expect("an object");
    for (name, value) in changed.as_object().expect("an object") {
        if value == "absent" {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    body
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn version(&self) -> &str {
        self.body["version"].as_str().expect("a link has a version")
    }
}

struct Served {
    petra: Petra,
    clock: Arc<Mutex<Timestamp>>,
}

impl Served {
    /// Without a ConnectWise, and so slow to confirm that no test waits for it.
    fn new() -> Self {
        let certificate =
            rcgen::generate_simple_self_signed(["connectwise.localhost".to_owned()]).expect("a certificate");
        let clock = Arc::new(Mutex::new(start()));
        let config = Config {
            api_keys: vec![KEY.to_owned()],
            organization: "Example MSP".to_owned(),
            confirm_after: Duration::from_hours(1),
            rate_per_minute: None,
            retry_after_header: RetryAfterHeader::Standard,
            connectwise: ConnectWiseProbe { ca_pem: certificate.cert.pem(), port: 9 },
        };
        let told = Arc::clone(&clock);
        let petra = Petra::with_clock(config, Arc::new(move || *told.lock().expect("not poisoned")));
        Self { petra: petra.expect("the certificate is good"), clock }
    }

    fn pass(&self, seconds: i64) {
        *self.clock.lock().expect("not poisoned") += SignedDuration::from_secs(seconds);
    }

    async fn send(&self, method: Method, uri: &str, body: Option<Value>) -> Answer {
        let request = request(method, uri, body.as_ref());
        call(self.petra.router(), request).await
    }

    async fn get(&self, uri: &str) -> Answer {
        self.send(Method::GET, uri, None).await
    }

    async fn put(&self, changed: &Value) -> Answer {
        self.send(Method::PUT, LINK, Some(with(put_body(), changed))).await
    }

    async fn delete(&self, owner: &str, version: &str, not_after: &str) -> Answer {
        let uri = format!("{LINK}?owner={owner}&expectedVersion={version}&notAfter={not_after}");
        self.send(Method::DELETE, &uri, None).await
    }

    async fn admin(&self, method: Method, uri: &str, body: Option<Value>) -> Answer {
        let request = request(method, uri, body.as_ref());
        call(self.petra.admin_router(), request).await
    }

    async fn set(&self, settings: Value) {
        let answer = self.admin(Method::POST, "/settings", Some(settings)).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }

    /// Puts a link there that belongs to `owner`.
    async fn place(&self, id: &str, owner: Option<&str>) -> Answer {
        let link =
            json!({"companyId": "mycompany", "siteUrl": "na.localhost", "owner": owner, "tenantMappings": 3});
        self.admin(Method::PUT, &format!("/links/{id}"), Some(link)).await
    }
}

fn request(method: Method, uri: &str, body: Option<&Value>) -> Request<Body> {
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", format!("Bearer {KEY}"))
        .header("user-agent", "test")
        .header("content-type", "application/json")
        .body(body)
        .expect("a request")
}

async fn call(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("a router does not fail");
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
    Answer { status, headers, body }
}
