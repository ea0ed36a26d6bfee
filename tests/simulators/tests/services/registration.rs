//! Petra behind the same front: TLS, counts, and its own calls to ConnectWise.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use simulators::{Filter, Options, Scenario, Service};
use tokio::time::timeout;

use crate::client::{CLOUD_API, PATIENCE, Run, json_of};

const KEY: &str = "petra_CANARY-operator-key";

fn petra(run: &Run, path: &str) -> String {
    format!(
        "https://api.petrasecurity.localhost:{}/v1/integrations/connectwise{path}",
        run.simulators.petra_port()
    )
}

/// A PUT with acme's good keys.
pub fn put(run: &Run, link: &str) -> RequestBuilder {
    let not_after = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    run.http.put(petra(run, &format!("/{link}"))).bearer_auth(KEY).json(&json!({
        "companyId": "acme",
        "siteUrl": format!("https://{CLOUD_API}:{}", run.simulators.connectwise_port()),
        "publicKey": "acme-public",
        "privateKey": "CANARY-acme-private",
        "owner": "test/default/acme",
        "ownerUid": "8f14e45f-ceea-467f-a9d1-2e5b6c7d8e9f",
        "credentialsVersion": "0123456789abcdef",
        "expectedVersion": null,
        "notAfter": not_after.to_string(),
    }))
}

/// The links that Petra holds, by its admin routes.
pub async fn links(run: &Run) -> Vec<Value> {
    let response = run.http.get(run.admin("/petra/links")).send().await.expect("an answer comes");
    json_of(response).await.as_array().cloned().expect("the body is a list")
}

#[tokio::test]
async fn a_link_is_confirmed_after_petra_has_asked_connectwise_itself() {
    let options = Options { confirm_after: Duration::ZERO, ..Options::default() };
    let run = Run::with(Scenario::demo(), options).await;
    let response = put(&run, "link-1").send().await.expect("an answer comes");
    assert!(response.status().is_success(), "{}", response.text().await.unwrap_or_default());
    let confirmed = async {
        while links(&run).await[0]["state"] != "connected" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, confirmed).await.expect("the link is confirmed");

    let counts = run.simulators.counts();
    let route = Some("/v1/integrations/connectwise/{linkId}".to_owned());
    let puts = Filter {
        service: Some(Service::Petra),
        route,
        company: Some("acme".to_owned()),
        ..Filter::default()
    };
    assert_eq!(counts.total(&puts), 1);
    let by_petra = Filter { agent: Some("petra-simulator".to_owned()), ..Filter::default() };
    assert!(counts.total(&by_petra) > 0, "Petra's own calls are told apart by their agent");
}

#[tokio::test]
async fn nothing_that_can_be_read_back_holds_a_key() {
    let run = Run::start().await;
    put(&run, "link-1").send().await.expect("an answer comes");
    run.json("acme", "/system/info").await;
    for path in ["/scenario", "/counts", "/log", "/faults", "/petra/links", "/petra/log"] {
        let response = run.http.get(run.admin(path)).send().await.expect("an answer comes");
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.expect("the body is text");
        assert!(!text.contains("CANARY"), "{path} shows a key");
    }
}
