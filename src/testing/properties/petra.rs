//! Petra's bodies.

use serde_json::Value;

use crate::petra::wire::{self, Page};
use crate::petra::{Holder, OwnerUid, RemoteLink, RemoteState};
use crate::upstream::hosts::HostPort;

/// Whatever the body is, what is read of it are closed types, each of the field that it is named after and of no other
/// text, and no more than the body has.
///
/// # Panics
/// Where that does not hold.
pub fn body(body: &[u8]) {
    let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
    if let Some(page) = wire::page(body) {
        is_of_page(&page, body);
    }
    if let Some(link) = wire::link(body) {
        assert!(is_of_entry(&link, &value), "{link:?} is not what {value} says");
    }
    // A code is one of our own words, whatever is there.
    let code = wire::code(body);
    assert_eq!(code.is_some(), value.get("code").is_some_and(Value::is_string), "{code:?}");
    if let Some(id) = wire::linked_id(body) {
        assert_eq!(value.get("linkId").and_then(Value::as_str), Some(id.as_str()));
    }
    match wire::holder(body) {
        Holder::Owner(owner) => {
            assert_eq!(value.get("owner").and_then(Value::as_str), Some(owner.as_str()));
        }
        Holder::Nobody => assert_eq!(value.get("owner"), Some(&Value::Null)),
        Holder::Unreadable => {}
    }
    if let Some(wire::Account { organization: Some(organization) }) = wire::account(body) {
        let name = value.get("organizationName").and_then(Value::as_str);
        assert_eq!(name.map(str::trim_ascii), Some(organization.as_str()));
    }
}

fn is_of_page(page: &Page, body: &[u8]) {
    // Every field is named, so that a new one cannot be forgotten.
    let Page { links, unreadable, complete, next } = page;
    let value: Value = crate::upstream::json::read(body).expect("a page is JSON");
    let entries = value.get("links").and_then(Value::as_array).expect("a page has entries");
    assert_eq!(value.get("next").and_then(Value::as_str), next.as_deref());
    assert!(next.as_ref().is_none_or(|next| is_visible(next, 512)), "{next:?}");
    let id = |entry: &Value| entry.get("linkId").and_then(Value::as_str).map(str::to_owned);
    let mut left = entries.iter();
    for link in links {
        assert!(left.any(|entry| is_of_entry(link, entry)), "{link:?} is no entry, or not in its place");
    }
    for unreadable in unreadable {
        assert!(entries.iter().any(|entry| id(entry).as_deref() == Some(unreadable.as_str())));
    }
    let told = links.len() + unreadable.len();
    assert!(told <= entries.len() && (!*complete || entries.iter().all(|entry| id(entry).is_some())));
}

/// Whether the link is what this entry says, field by field, and each field has its form.
fn is_of_entry(link: &RemoteLink, entry: &Value) -> bool {
    let RemoteLink {
        id,
        company,
        site,
        owner,
        owner_uid,
        state,
        refusal,
        credentials_version,
        version,
        confirmed_at,
    } = link;
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let owned = match owner {
        None => entry.get("owner") == Some(&Value::Null),
        Some(owner) => text("owner") == Some(owner.as_str()) && owner.as_str().split('/').count() == 3,
    };
    let uid = owner_uid.as_ref().map(OwnerUid::as_str);
    owned
        && uid == text("ownerUid")
        && uid.is_none_or(plain)
        && refusal.is_some() == (*state == RemoteState::Failed)
        && text("linkId") == Some(id.as_str())
        && plain(id.as_str())
        && id.as_str().len() <= 64
        && company.as_ref().is_none_or(|it| text("companyId") == Some(it.as_str()))
        && site.as_ref().is_none_or(|it| {
            text("siteUrl").is_some_and(|text| HostPort::parse_site(text).as_ref() == Ok(it))
        })
        && text("state") == Some(state.as_str())
        && credentials_version.as_ref().is_none_or(|it| text("credentialsVersion") == Some(it) && plain(it))
        && text("version") == Some(version.as_str())
        && is_visible(version.as_str(), 128)
        && confirmed_at.is_none_or(|at| text("confirmedAt").and_then(|text| text.parse().ok()) == Some(at))
}

fn is_visible(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
