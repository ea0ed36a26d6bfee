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
                    "CredentialsAccepted",
                    "PermissionsGranted",
                    "Odd",
                ]),
            ),
            ("message", texts_of(&["text", ""])),
        ],
    );
    // What an operator wrote, perhaps with something that somebody else wrote before it.
    let conditions =
        (prop::collection::vec(condition, 0..8), verdicts(), prop::bool::weighted(0.8), any::<bool>())
            .prop_map(|(made_up, verdict, written, pure)| match (written, pure) {
                (true, true) => verdict,
                (true, false) => made_up.into_iter().take(2).chain(verdict).collect(),
                (false, _) => made_up,
            });
    let status = (conditions, record(30, status_fields())).prop_map(|(conditions, status)| {
        let mut status = status;
        status["conditions"] = Value::from(conditions);
        status
    });
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
        let mut link = json!({"metadata": metadata, "spec": spec});
        if let Some(status) = status {
            link["status"] = status;
        }
        link
    })
}

/// The four conditions as they stand after a check.
fn verdicts() -> impl Strategy<Value = Vec<Value>> {
    const ACCEPTED: (&str, &str) = ("False", "CredentialsAccepted");
    const GRANTED: (&str, &str) = ("False", "PermissionsGranted");
    const UNSEEN: (&str, &str) = ("Unknown", "NotEvaluated");
    let tables = [
        [("True", "Linked"), ACCEPTED, GRANTED, ("True", "Confirmed")],
        [("True", "Linked"), ACCEPTED, ("Unknown", "NotVerifiable"), ("True", "Acknowledged")],
        [("Unknown", "PetraUnavailable"), ACCEPTED, GRANTED, ("Unknown", "Pending")],
        [("Unknown", "AwaitingConfirmation"), ACCEPTED, GRANTED, ("Unknown", "AwaitingConfirmation")],
        [("Unknown", "RemoteLinkMissing"), ACCEPTED, GRANTED, ("False", "RemoteLinkMissing")],
        [("False", "LinkConflict"), ACCEPTED, GRANTED, ("False", "LinkConflict")],
        [("False", "CredentialsRejected"), ("True", "CredentialsRejected"), UNSEEN, ("True", "Confirmed")],
        [("False", "CompanyUnknown"), ("True", "CompanyUnknown"), UNSEEN, ("Unknown", "Pending")],
        [("False", "PermissionsMissing"), ACCEPTED, ("True", "PermissionsMissing"), ("True", "Confirmed")],
        [("False", "MemberInactive"), ACCEPTED, ("True", "MemberInactive"), ("Unknown", "Pending")],
        [("Unknown", "ConnectWiseUnavailable"), UNSEEN, UNSEEN, ("Unknown", "Pending")],
    ];
    prop::sample::select(tables.to_vec()).prop_map(|table| {
        let kinds = ["Ready", "AuthFailed", "PermissionDenied", "Registered"];
        let condition = |(kind, (status, reason))| {
            json!({"type": kind, "status": status, "reason": reason, "message": "text", "observedGeneration": 1,
                "lastTransitionTime": "2027-01-15T07:00:00Z"})
        };
        kinds.into_iter().zip(table).map(condition).collect()
    })
}

fn status_fields() -> Vec<(&'static str, Vec<Value>)> {
    // The visit is at 2027-01-15T08:00:00Z.
    let time = texts_of(&[
        "2027-01-15T07:59:00Z",
        "2027-01-15T07:40:00Z",
        "2026-02-02T09:31:30Z",
        "9999-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
    ]);
    let line = |function: &str| {
        json!({"module": "Companies", "function": function, "action": "inquire", "required": "All", "actual": "None",
            "fix": "text"})
    };
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
        (
            "permissions",
            vec![
                json!({"profile": "GuideV1"}),
                json!({"profile": "GuideV1", "missing": [line("Contacts")]}),
                json!({"profile": "GuideV1", "unknown": [line("Contacts")]}),
            ],
        ),
        ("lastValidatedTime", time.clone()),
        ("lastFullCheckTime", time),
    ]
}
