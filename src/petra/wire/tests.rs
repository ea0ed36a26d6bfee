use serde_json::json;

use super::*;

fn entry() -> Value {
    json!({
        "linkId": "cw-1", "companyId": "acme", "siteUrl": "https://na.myconnectwise.net",
        "owner": "prod/petra/acme", "ownerUid": "8f14e45f-ceea", "state": "connected", "credentialsVersion": "9c1185a5c5e9fc54",
        "version": "v7", "updatedAt": "2026-02-02T09:31:30Z", "confirmedAt": "2026-02-02T09:31:30Z",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut entry = entry();
    entry[field] = value;
    entry
}

fn read(entry: &Value) -> Option<RemoteLink> {
    link(entry.to_string().as_bytes())
}

fn read_page(page: &Value) -> Option<Page> {
    super::page(page.to_string().as_bytes())
}

#[test]
fn a_link_is_read_field_by_field() {
    let link = read(&entry()).expect("a link");
    assert_eq!(link.id.as_str(), "cw-1");
    assert_eq!(link.company.as_ref().map(CompanyId::as_str), Some("acme"));
    assert_eq!(link.site.map(|site| site.to_string()).as_deref(), Some("na.myconnectwise.net"));
    assert_eq!(link.owner, Some(Owner::new("prod", "petra", "acme")));
    assert_eq!(link.owner_uid, OwnerUid::parse("8f14e45f-ceea"));
    assert_eq!((link.state, link.refusal), (RemoteState::Connected, None));
    assert_eq!(link.credentials_version.as_deref(), Some("9c1185a5c5e9fc54"));
    assert_eq!(link.version.as_str(), "v7");
    assert_eq!(link.confirmed_at.map(|at| at.to_string()).as_deref(), Some("2026-02-02T09:31:30Z"));
    assert_eq!(read(&with("owner", Value::Null)).expect("a link").owner, None);
    assert_eq!(read(&with("ownerUid", Value::Null)).expect("a link").owner_uid, None);
}

#[test]
fn a_link_of_an_owner_with_unusual_names_is_that_owners() {
    let link = read(&with("owner", json!("Prod-EU/Team-A/Name"))).expect("a link");
    assert_eq!(link.owner, Owner::parse("Prod-EU/Team-A/Name"));
}

#[test]
fn a_failed_link_has_a_reason_of_the_contract_or_none_that_is_known() {
    let words = [
        ("company_unknown", Refusal::CompanyUnknown),
        ("credentials_rejected", Refusal::CredentialsRejected),
        ("permission_missing", Refusal::PermissionMissing),
        ("unreachable", Refusal::Unreachable),
        ("CANARY", Refusal::Unexplained),
    ];
    for (word, refusal) in words {
        let mut failed = with("state", json!("failed"));
        failed["reason"] = json!(word);
        assert_eq!(read(&failed).expect("a link").refusal, Some(refusal), "{word}");
        assert_eq!(super::refusal(json!({"code": word}).to_string().as_bytes()), refusal, "{word}");
        assert_eq!(read(&with("reason", json!(word))).expect("a link").refusal, None, "it is connected");
    }
    assert_eq!(read(&with("state", json!("failed"))).expect("a link").refusal, Some(Refusal::Unexplained));
}

#[test]
fn a_link_whose_deciding_parts_cannot_be_read_is_none() {
    for (field, value) in [
        ("linkId", json!("a b")),
        ("linkId", json!(7)),
        ("owner", json!("somebody")),
        ("owner", json!({})),
        ("ownerUid", json!("a b")),
        ("ownerUid", json!(7)),
        ("state", json!("CONNECTED")),
        ("state", Value::Null),
        ("version", json!("")),
        ("version", json!("a\u{1b}[31m")),
    ] {
        assert_eq!(read(&with(field, value.clone())), None, "{field} {value}");
    }
    let mut ownerless = entry();
    ownerless.as_object_mut().expect("an object").remove("owner");
    assert_eq!(read(&ownerless), None, "an absent owner is not a null one");
}

#[test]
fn parts_that_nothing_depends_on_are_dropped_when_unreadable() {
    for other in ["<b>", "CANARYprivatekey", "9C1185A5C5E9FC54", ""] {
        let odd = with("credentialsVersion", json!(other));
        assert_eq!(read(&odd).expect("a link").credentials_version, None, "{other}");
    }
    for other in ["", "10.0.0.1", "http://na.myconnectwise.net", "CANARY private"] {
        assert_eq!(read(&with("siteUrl", json!(other))).expect("a link").site, None, "{other}");
    }
    let odd = with("confirmedAt", json!("today"));
    assert_eq!(read(&odd).expect("a link").confirmed_at, None);
}

#[test]
fn one_unreadable_entry_neither_hides_the_others_nor_reads_as_gone() {
    let odd = json!({"linkId": "cw-2", "state": "paused"});
    let page = read_page(&json!({"links": [entry(), odd], "next": null})).expect("a page");
    assert_eq!(page.links.len(), 1);
    assert_eq!(page.unreadable, BTreeSet::from([LinkId::parse("cw-2").expect("an id")]));
    assert!(page.complete);

    let page = read_page(&json!({"links": [entry(), {}], "next": "c2"})).expect("a page");
    assert_eq!((page.links.len(), page.complete, page.next.as_deref()), (1, false, Some("c2")));
}

#[test]
fn a_page_that_is_not_the_contracts_is_none() {
    for page in [
        json!({"links": []}),
        json!({"next": null}),
        json!([]),
        json!([[], null]),
        json!([[entry()], "c2"]),
        json!(null),
        json!({"links": {}, "next": null}),
        json!({"links": [], "next": 7}),
        json!({"links": [], "next": ""}),
        json!({"links": [], "next": "a b"}),
        json!({"links": [], "next": "x".repeat(513)}),
    ] {
        assert_eq!(read_page(&page), None, "{page}");
    }
    assert_eq!(super::page(b"<html>"), None);
}

#[test]
fn an_error_body_is_its_code_and_nothing_else() {
    let table = [
        (r#"{"code":"link_not_found","message":"x"}"#, Some(Code::LinkNotFound)),
        (r#"{"code":"owned_by_other"}"#, Some(Code::OwnedByOther)),
        (r#"{"code":"company_linked"}"#, Some(Code::CompanyLinked)),
        (r#"{"code":"credentials_rejected"}"#, Some(Code::Other)),
        (r#"{"code":404}"#, None),
        ("<html>", None),
        ("null", None),
    ];
    for (body, expected) in table {
        assert_eq!(code(body.as_bytes()), expected, "{body}");
    }
    assert_eq!(holder(br#"{"owner":"prod/petra/acme"}"#), Holder::Owner(Owner::new("prod", "petra", "acme")));
    assert_eq!(holder(br#"{"owner":null}"#), Holder::Nobody);
    for somebody in [r#"{"owner":"somebody"}"#, r#"{"owner":7}"#, "{}", "<html>"] {
        assert_eq!(holder(somebody.as_bytes()), Holder::Unreadable, "{somebody}");
    }
    assert_eq!(linked_id(br#"{"linkId":"cw-1"}"#), LinkId::parse("cw-1"));
    assert_eq!(linked_id(br#"{"linkId":"a b"}"#), None);
}

#[test]
fn an_organization_is_shown_only_when_it_is_plain() {
    let table = [
        ("Acme IT (North) Ltd.", true),
        ("O'Neil & Sons, Inc-1", true),
        ("", false),
        ("Acme\nlevel=error", false),
        ("<script>", false),
        ("Bücher", false),
        ("Interconnections", false),
        ("Interconnection Ltd", true),
        ("petra_Zk3", false),
    ];
    for (name, shown) in table {
        assert_eq!(Organization::parse(name).is_some(), shown, "{name:?}");
    }
    assert!(Organization::parse(&"x ".repeat(32)).is_some());
    assert!(Organization::parse(&"x-".repeat(33)).is_none());
    assert_eq!(account(br#"{"organizationName":"<b>"}"#), Some(Account { organization: None }));
    assert_eq!(account(br"{}"), None);
    assert_eq!(account(br#"["Acme"]"#), None);
}

#[test]
fn keys_on_their_way_to_petra_can_do_nothing_that_would_show_or_spread_them() {
    lacks!(PutBody<'static>: std::fmt::Debug, std::fmt::Display, Clone, PartialEq);
    lacks!(super::super::client::PutRequest<'static>: std::fmt::Debug, Clone, serde::Serialize);
}

#[test]
fn a_page_that_would_take_too_much_memory_is_none() {
    let entries = vec![json!({"": 0}); 100_000];
    assert_eq!(read_page(&json!({"links": entries, "next": null})), None);
}

#[test]
fn the_body_of_a_put_never_outgrows_its_room() {
    let worst = "\u{1}".repeat(256);
    let body = PutBody {
        company_id: &worst,
        site_url: &worst,
        public_key: &worst,
        private_key: &worst,
        owner: &worst,
        owner_uid: &worst,
        credentials_version: &worst,
        expected_version: Some(&worst),
        not_after: &worst,
        adopt_from: Some(&worst),
    };
    let room = 10 * 6 * 256 + 256;
    let json = body.to_json();
    assert!(json.len() <= room && json.capacity() == room, "{} of {}", json.len(), json.capacity());
    let absent = PutBody { expected_version: None, adopt_from: None, ..body };
    let read: Value = serde_json::from_slice(&absent.to_json()).expect("JSON");
    assert_eq!(read.get("expectedVersion"), Some(&Value::Null));
    assert_eq!(read.get("adoptFrom"), None);
}
