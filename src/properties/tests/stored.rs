//! What might be stored: as the schema has it, or past it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bodies::{credentials_version, link_id, record, texts_of};

/// A stored object: as the schema has it, or past it.
pub(super) fn stored() -> impl Strategy<Value = Value> {
    let spec = record(
        60,
        vec![
            ("companyId", texts_of(&["acme", "acme", "acme", "acme", "acme", "ACME", "a b"])),
            (
                "siteUrl",
                texts_of(&[
                    "na.myconnectwise.net",
                    "https://na.myconnectwise.net/",
                    "api-na.myconnectwise.net",
                    "NA.MyConnectWise.net",
                    "evil.example",
                ]),
            ),
            ("credentialsSecretRef", vec![json!({"name": "keys"})]),
            (
                "permissionProfile",
                texts_of(&["GuideV1", "GuideV1", "GuideV1", "GuideV1", "TicketingV2", "Nope"]),
            ),
            ("interval", texts_of(&["30m", "5m", "24h", "24h", "1h30m", "1d"])),
            ("suspend", vec![json!(false), json!(false), json!(false), json!(false), json!(true)]),
            ("deletionPolicy", texts_of(&["Unlink", "Orphan"])),
            (
                "registration",
                vec![json!({}), json!({"mode": "Portal"}), json!({"mode": "Api", "adoptFrom": "unowned"})],
            ),
        ],
    );
    let condition = record(
        60,
        vec![
            (
                "type",
                texts_of(&[
                    "Ready",
                    "AuthFailed",
                    "PermissionDenied",
                    "Registered",
                    "Reconciling",
                    "Stalled",
                    "Other",
                ]),
            ),
            ("status", texts_of(&["True", "False", "Unknown"])),
            ("observedGeneration", vec![json!(1), json!(-7), json!(i64::MAX)]),
            (
                "lastTransitionTime",
                texts_of(&["2026-02-02T09:31:30Z", "9999-12-31T23:59:59Z", "-009999-01-01T00:00:00Z"]),
            ),
            (
                "reason",
                texts_of(&[
                    "Linked",
                    "Pending",
                    "AwaitingConfirmation",
                    "CredentialsRejected",
                    "Suspended",
                    "LinkConflict",
                    "Odd",
                ]),
            ),
            ("message", texts_of(&["text", ""])),
        ],
    );
    let status = (prop::collection::vec(condition, 0..8), record(30, status_fields())).prop_map(
        |(conditions, status)| {
            let mut status = status;
            status["conditions"] = Value::from(conditions);
            status
        },
    );
    let metadata = record(
        60,
        vec![
            ("name", texts_of(&["acme"])),
            ("namespace", texts_of(&["team"])),
            ("uid", texts_of(&["uid"])),
            ("generation", vec![json!(1), json!(3), json!(i64::MAX)]),
            ("finalizers", vec![json!([]), json!([crate::crd::FINALIZER])]),
            (
                "deletionTimestamp",
                vec![Value::Null, Value::Null, Value::Null, Value::Null, json!("2026-02-02T09:31:30Z")],
            ),
            ("annotations", vec![json!({}), json!({crate::crd::REQUESTED_AT: "now".repeat(200)})]),
        ],
    );
    (metadata, spec, prop::option::of(status)).prop_map(|(metadata, spec, status)| {
        let mut link = json!({"metadata": without_canary(metadata), "spec": without_canary(spec)});
        if let Some(status) = status {
            link["status"] = without_canary(status);
        }
        link
    })
}

fn status_fields() -> Vec<(&'static str, Vec<Value>)> {
    let time = texts_of(&["2026-02-02T09:31:30Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"]);
    let host = "api-na.myconnectwise.net";
    vec![
        ("observedGeneration", vec![json!(-1), json!(1), json!(i64::MAX)]),
        (
            "inputs",
            vec![
                json!({}),
                json!({"site": "na.myconnectwise.net", "companyId": "acme", "secretName": "keys", "secretUid": "secret",
                    "secretResourceVersion": "1", "credentialsVersion": credentials_version(),
                    "permissionProfile": "GuideV1", "mode": "Api"}),
            ],
        ),
        (
            "site",
            vec![
                json!({}),
                json!({"host": "x", "apiHost": host, "codebase": "v2025_1/"}),
                json!({"apiHost": "/"}),
            ],
        ),
        (
            "link",
            vec![
                json!({"id": link_id(), "mode": "Api", "credentialsVersion": credentials_version()}),
                json!({"id": link_id(), "mode": "Portal"}),
                json!({"id": "../..", "mode": "Portal"}),
            ],
        ),
        ("lastValidatedTime", time.clone()),
        ("lastFullCheckTime", time),
    ]
}

/// What people and earlier operators wrote is theirs to show; only text of the services and of the Secret must not be.
fn without_canary(value: Value) -> Value {
    match value {
        Value::String(text) => json!(text.replace("canary", "plain")),
        Value::Array(values) => values.into_iter().map(without_canary).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name.replace("canary", "plain"), without_canary(value)))
            .collect(),
        other => other,
    }
}
