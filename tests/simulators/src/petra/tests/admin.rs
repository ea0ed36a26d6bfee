//! What a test can see and do.

use ::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{LINK, LIST, OTHER, OWNER, Served};

#[tokio::test]
async fn a_rotation_keeps_tenant_mappings_and_shows_in_the_digest() {
    let served = Served::new();
    served.place("link-1", None).await;
    let by_hand = served.get(LINK).await;
    let adopted = served.put(&json!({"adoptFrom": "unowned", "expectedVersion": by_hand.version()})).await;
    let before = served.admin(Method::GET, "/links", None).await.body[0].clone();
    let rotated =
        json!({"credentialsVersion": "k2", "privateKey": "new", "expectedVersion": adopted.version()});
    assert_eq!(served.put(&rotated).await.status, StatusCode::ACCEPTED);
    let after = served.admin(Method::GET, "/links", None).await.body[0].clone();
    assert_eq!((&before["tenantMappings"], &after["tenantMappings"]), (&json!(3), &json!(3)));
    assert_ne!(before["keysDigest"], after["keysDigest"]);
    assert_eq!(after["state"], "pending");
}

#[tokio::test]
async fn the_log_tells_who_did_what_to_whose_link() {
    let served = Served::new();
    let created = served.put(&json!({})).await;
    assert_eq!(served.put(&json!({"owner": OTHER})).await.status, StatusCode::CONFLICT);
    let taken = json!({"owner": OTHER, "adoptFrom": OWNER, "expectedVersion": created.version()});
    let adopted = served.put(&taken).await;
    let deleted = served.delete(OTHER, adopted.version(), "2026-02-02T09:30:08Z").await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    let log = served.admin(Method::GET, "/log", None).await.body;
    let told: Vec<_> = log["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| json!([change["action"], change["by"], change["previousOwner"], change["version"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["created", OWNER, null, created.version()]),
            json!(["adopted", OTHER, OWNER, adopted.version()]),
            json!(["deleted", OTHER, OTHER, adopted.version()]),
        ]
    );
}

#[tokio::test]
async fn a_forced_state_is_what_the_contract_then_shows() {
    let served = Served::new();
    let created = served.put(&json!({})).await;
    for (state, reason, confirmed) in [
        ("failed", json!("permission_missing"), false),
        ("pending", Value::Null, false),
        ("connected", Value::Null, true),
    ] {
        let forced = json!({"state": state, "reason": reason});
        let answer = served.admin(Method::POST, "/links/link-1/state", Some(forced)).await;
        assert_eq!(answer.status, StatusCode::OK, "{state}");
        let link = served.get(LINK).await;
        assert_eq!((&link.body["state"], &link.body["reason"]), (&json!(state), &reason));
        assert_eq!(link.body.get("confirmedAt").is_some(), confirmed, "{state}");
        assert_ne!(link.version(), created.version(), "{state}");
    }
    let absent = served.admin(Method::POST, "/links/none/state", Some(json!({"state": "pending"}))).await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn links_vanish_one_by_one_or_all_at_once() {
    let served = Served::new();
    for id in ["a", "b", "c"] {
        served.place(id, Some(OWNER)).await;
    }
    assert_eq!(served.admin(Method::DELETE, "/links/b", None).await.status, StatusCode::NO_CONTENT);
    assert_eq!(served.admin(Method::DELETE, "/links/b", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(served.admin(Method::GET, "/links", None).await.body.as_array().map(Vec::len), Some(2));
    served.set(json!({"forgetAll": true})).await;
    assert_eq!(served.admin(Method::GET, "/links", None).await.body, json!([]));
}

#[tokio::test]
async fn a_petra_without_the_contract_has_the_published_routes_alone() {
    let served = Served::new();
    served.set(json!({"hasContract": false})).await;
    assert_eq!(served.get("/v1/integrations/connectwise?owner=a/b/c").await.status, StatusCode::NOT_FOUND);
    assert_eq!(served.put(&json!({})).await.status, StatusCode::NOT_FOUND);
    let usage = served.get("/v1/usage?asOf=2026-01-31").await;
    assert_eq!(usage.body["organizationName"], "Example MSP");
    assert_eq!(usage.body["asOf"], "2026-01-31");
}

#[tokio::test]
async fn a_list_that_lags_shows_each_change_later_than_the_link_itself() {
    let served = Served::new();
    let listed = async || {
        let list = served.get(&format!("{LIST}?owner={OWNER}")).await;
        list.body["links"].as_array().expect("a list").clone()
    };
    served.set(json!({"listLagMs": 6_000})).await;
    let created = served.put(&json!({})).await;
    assert_eq!((served.get(LINK).await.status, listed().await.len()), (StatusCode::OK, 0));
    served.pass(6);
    assert_eq!(listed().await[0]["version"], created.body["version"]);

    let connected = Some(json!({"state": "connected"}));
    served.admin(Method::POST, "/links/link-1/state", connected).await;
    let now = served.get(LINK).await;
    served.pass(2);
    assert_eq!(
        served.delete(OWNER, now.version(), "2026-02-02T09:30:18Z").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!((served.get(LINK).await.status, listed().await.len()), (StatusCode::NOT_FOUND, 1));
    assert_eq!(listed().await[0]["state"], "pending");
    served.pass(4);
    assert_eq!(listed().await[0]["state"], "connected");
    served.pass(2);
    assert_eq!(listed().await.len(), 0);

    served.put(&json!({"notAfter": "2026-02-02T09:30:30Z"})).await;
    served.set(json!({"listLagMs": 0})).await;
    assert_eq!(listed().await.len(), 1);
}
