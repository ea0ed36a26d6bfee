//! What ConnectWise and Petra might answer: as they should, nearly so, or anything. The canary is in all free text, and its
//! word, in a form that fits, in what is read into a closed type.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::connectwise::{CompanyId, Keys};
use crate::petra::LinkId;
use crate::testing::properties::CANARY;
use crate::testing::properties::connectwise::Reply;
use crate::upstream::Fault;

/// Any JSON, with the canary in its texts.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(CANARY)),
        any::<String>().prop_map(|text| json!(format!("{CANARY}{text}"))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(FIELDS), inner), 0..4).prop_map(object),
        ]
    })
}

const FIELDS: &[&str] =
    &["code", "message", "errors", "links", "owner", "name", "id", "spec", "status", "canary 🐤"];

fn object(fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// A field that is as the service has it, or absent, or anything: one in `of` is odd.
fn field(of: u32, good: Vec<Value>) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        2 * of => prop::sample::select(good).prop_map(Some),
        1 => Just(None),
        1 => json_values().prop_map(Some),
    ]
}

/// An object of such fields.
pub(super) fn record(of: u32, fields: Vec<(&'static str, Vec<Value>)>) -> impl Strategy<Value = Value> {
    let each: Vec<_> = fields
        .into_iter()
        .map(|(name, good)| field(of, good).prop_map(move |value| Some((name, value?))))
        .collect();
    (each, prop::option::of(json_values())).prop_map(|(fields, further)| {
        let further = further.map(|value| ("canary 🐤", value));
        object(fields.into_iter().flatten().chain(further).collect())
    })
}

pub(super) fn texts_of(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| json!(text)).collect()
}

fn companyinfos() -> impl Strategy<Value = Value> {
    record(
        5,
        vec![
            ("Codebase", texts_of(&["v2025_1/", "v4_6_release/", "v4_6_canary/", "../"])),
            ("CompanyID", texts_of(&["acme", "canary-company", CANARY])),
            (
                "SiteUrl",
                texts_of(&[
                    "api-na.myconnectwise.net",
                    "canary.myconnectwise.net",
                    "",
                    "evil.example",
                    "canary.example",
                    CANARY,
                ]),
            ),
            ("VersionNumber", texts_of(&["v4.6.1", "v4.canary", CANARY])),
        ],
    )
}

fn bodies() -> impl Strategy<Value = Value> {
    let levels = texts_of(&["All", "My", "None", "MINE", "canary", CANARY]);
    let member = record(
        5,
        vec![
            ("inactiveFlag", vec![json!(false), json!(true)]),
            ("licenseClass", texts_of(&["A", "F", "canary", CANARY])),
            ("serviceBoardRestrictIds", vec![json!([1]), json!([CANARY])]),
        ],
    );
    let line = record(
        5,
        vec![
            ("moduleName", texts_of(&["Companies", "Service Desk", "Finance", "System", "Canary", CANARY])),
            (
                "moduleFunctionName",
                texts_of(&["Contacts", "Service Tickets", "Agreements", "Table Setup", "Canary", CANARY]),
            ),
            ("addLevel", levels.clone()),
            ("editLevel", levels.clone()),
            ("deleteLevel", levels.clone()),
            ("inquireLevel", levels),
        ],
    );
    let board = record(
        5,
        vec![
            ("id", vec![json!(1), json!(i64::MIN)]),
            ("name", texts_of(&["Help Desk", " help desk", "canary", CANARY])),
            ("inactiveFlag", vec![json!(false), json!(true)]),
            ("projectFlag", vec![json!(false), json!(true)]),
            ("defaultFlag", vec![json!(false), json!(true)]),
        ],
    );
    let refusal = record(
        5,
        vec![
            ("code", texts_of(&["Security", "Unauthorized", "NotFound", "ConnectWiseApi", CANARY])),
            (
                "message",
                texts_of(&[
                    "You do not have security permission to perform this action.",
                    "UserNotAuthenticated",
                    CANARY,
                ]),
            ),
        ],
    );
    prop_oneof![
        4 => companyinfos(),
        3 => member,
        4 => prop::collection::vec(line, 0..12).prop_map(Value::from),
        3 => prop::collection::vec(board, 0..4).prop_map(Value::from),
        2 => refusal,
        // The same texts without the names of their fields: another shape, which says nothing.
        1 => prop::sample::select(vec![
            json!(["Unauthorized", CANARY]),
            json!(["v2025_1/", "acme", "api-na.myconnectwise.net"]),
            json!([true]),
        ]),
        1 => json_values(),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    let statuses = prop_oneof![8 => Just(200_u16), 1 => prop::sample::select(vec![400, 401, 403, 404, 429, 500, 302, 599])];
    let next = prop_oneof![
        6 => Just(None),
        1 => Just(Some("/v2025_1/apis/3.0/system/mySecurity?page=2".to_owned())),
        1 => Just(Some("/v2025_1/apis/3.0/service/boards?page=2".to_owned())),
    ];
    let faults =
        prop::sample::select(vec![Fault::Timeout, Fault::NoSuchName, Fault::TooLarge, Fault::PrivateAddress]);
    let body =
        prop_oneof![12 => bodies().prop_map(|body| body.to_string().into_bytes()), 1 => any::<Vec<u8>>()];
    prop_oneof![
        12 => (statuses, prop::bool::weighted(0.9), next, body)
            .prop_map(|(status, json, next, body)| Reply::Answer { status, json, next, body }),
        1 => faults.prop_map(Reply::Fault),
    ]
}

/// The first answers mostly follow the order of a round's questions, so that it gets somewhere.
pub(super) fn scripts() -> impl Strategy<Value = Vec<Reply>> {
    let good = |body: Value| Reply::Answer {
        status: 200,
        json: true,
        next: None,
        body: body.to_string().into_bytes(),
    };
    let row = |module: &str, function: &str| {
        json!({"moduleName": module, "moduleFunctionName": function, "addLevel": "All", "editLevel": "All",
            "deleteLevel": "All", "inquireLevel": "All"})
    };
    let role = json!([
        row("Companies", "Company Maintenance"),
        row("Companies", "Contacts"),
        row("Finance", "Agreements"),
        row("Service Desk", "Close Service Tickets"),
        row("Service Desk", "Service Tickets"),
        row("System", "API Reports"),
        row("System", "Table Setup"),
    ]);
    let round = [
        good(json!({"Codebase": "v2025_1/", "CompanyID": "acme", "SiteUrl": "api-na.myconnectwise.net"})),
        good(json!({"inactiveFlag": false, "licenseClass": "A", "name": CANARY})),
        good(role),
        good(json!([])),
        good(json!([])),
        good(json!([])),
        good(json!([{"id": 1, "name": "Help Desk", "inactiveFlag": false}])),
        good(json!([{"id": 1, "defaultFlag": true, "name": CANARY}])),
    ];
    let whole = round.len();
    let answered = round.into_iter().enumerate().map(move |(at, as_it_should)| match at {
        0 => prop_oneof![
            4 => Just(as_it_should),
            2 => companyinfos().prop_map(good),
            1 => replies(),
        ]
        .boxed(),
        _ => prop_oneof![9 => Just(as_it_should), 1 => replies()].boxed(),
    });
    let calls = prop_oneof![1 => 0..whole, 3 => Just(whole)];
    (answered.collect::<Vec<_>>(), calls, prop::collection::vec(replies(), 0..12))
        .prop_map(|(begun, calls, rest)| [&begun[..calls], &rest[..]].concat())
}

/// The version of the keys that a visit is told of.
pub(super) fn credentials_version() -> String {
    let company = CompanyId::parse("acme").expect("a company");
    let keys = Keys::from_secret_data(Some(CANARY.as_bytes()), Some(CANARY.as_bytes())).expect("keys");
    keys.version(&company).as_str().to_owned()
}

/// The id of the company's link.
pub(super) fn link_id() -> String {
    LinkId::derive("acme", "api-na.myconnectwise.net").as_str().to_owned()
}

/// An id of the operator's own form that another company and host would give.
const OTHER_ID: &str = "cw-0123456789abcdef0123456789abcdef";

pub(super) fn petra_links() -> impl Strategy<Value = Value> {
    record(
        15,
        vec![
            (
                "linkId",
                [vec![json!(link_id()); 4], texts_of(&["cw-1", OTHER_ID, "canary-link", CANARY])].concat(),
            ),
            ("companyId", texts_of(&["acme", "acme", "acme", "ACME", "canary-company", CANARY])),
            (
                "owner",
                [
                    vec![json!("here/team/acme"); 6],
                    texts_of(&["here/team/other", "here/team/canary-owner"]),
                    texts_of(&["here/canary-team/acme", "canary-there/team/acme"]),
                    vec![Value::Null],
                ]
                .concat(),
            ),
            (
                "state",
                texts_of(&["pending", "connected", "connected", "connected", "failed", "canary", CANARY]),
            ),
            (
                "credentialsVersion",
                vec![
                    json!(credentials_version()),
                    json!("0123456789abcdef"),
                    json!("canary-version"),
                    json!(CANARY),
                ],
            ),
            ("version", texts_of(&["v7", "v7", "v7", "canary-7", CANARY])),
            ("confirmedAt", texts_of(&["2026-02-02T09:31:30Z", CANARY])),
            ("code", texts_of(&["link_not_found", "owned_by_other", "canary_code", CANARY])),
            ("organizationName", texts_of(&["Acme IT", "Canary-s", CANARY])),
        ],
    )
}

pub(super) fn petra_pages() -> impl Strategy<Value = Value> {
    let next = prop_oneof![
        8 => Just(Value::Null),
        1 => Just(json!("canary-cursor")),
        1 => Just(json!(CANARY)),
    ];
    let named = prop::bool::weighted(0.95);
    (prop::collection::vec(petra_links(), 0..5), next, named).prop_map(|(links, next, named)| {
        // Without the names of its fields it is no page.
        if named { json!({"links": links, "next": next, "message": CANARY}) } else { json!([links, next]) }
    })
}
