//! Petra's JSON, read into closed types. What does not fit is dropped, and never guessed at.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::link::{LinkId, Refusal, RemoteLink, RemoteState, Version};
use super::outcome::Holder;
use super::owner::{Owner, OwnerUid};
use crate::connectwise::{CompanyId, CredentialsVersion};
use crate::upstream::hosts::HostPort;
use crate::upstream::json;

/// The longest cursor that is sent back.
const MAX_CURSOR: usize = 512;
/// The longest name of an organisation that is shown.
const MAX_ORGANIZATION: usize = 64;
/// The longest word in such a name: a key of ConnectWise has 16 letters and digits, as far as any was seen.
const MAX_WORD: usize = 15;

/// A page of the list route.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries that could be read.
    pub links: Vec<RemoteLink>,
    /// Ids of entries of which nothing else could be read: these links are there.
    pub unreadable: BTreeSet<LinkId>,
    /// Whether no entry was without a readable id. Where it is false, absence proves nothing.
    pub complete: bool,
    /// The cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Reads a page; `None` when it is not the contract's, a cursor that cannot be sent back included.
#[must_use]
pub(crate) fn page(body: &[u8]) -> Option<Page> {
    #[derive(Deserialize)]
    struct Raw {
        links: Vec<Value>,
        // Without a function of its own an absent cursor would read as null, and a page as the last one.
        #[serde(deserialize_with = "Option::deserialize")]
        next: Option<String>,
    }
    let raw: Raw = json::read(body).filter(|_| json::is_object(body))?;
    if !raw.next.as_deref().is_none_or(is_cursor) {
        return None;
    }
    let mut page = Page { links: Vec::new(), unreadable: BTreeSet::new(), complete: true, next: raw.next };
    for entry in &raw.links {
        match (read_link(entry), read_id(entry)) {
            (Some(link), _) => page.links.push(link),
            (None, Some(id)) => drop(page.unreadable.insert(id)),
            (None, None) => page.complete = false,
        }
    }
    Some(page)
}

fn is_cursor(text: &str) -> bool {
    (1..=MAX_CURSOR).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Reads a single link; `None` when a part that rules depend on is not the contract's.
#[must_use]
pub(crate) fn link(body: &[u8]) -> Option<RemoteLink> {
    read_link(&serde_json::from_slice(body).ok()?)
}

fn read_link(entry: &Value) -> Option<RemoteLink> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str);
    let state = match text("state")? {
        "pending" => RemoteState::Pending,
        "connected" => RemoteState::Connected,
        "failed" => RemoteState::Failed,
        _ => return None,
    };
    let failed = state == RemoteState::Failed;
    Some(RemoteLink {
        id: read_id(entry)?,
        company: text("companyId").and_then(|text| CompanyId::parse(text).ok()),
        site: text("siteUrl").and_then(|text| HostPort::parse_site(text).ok()),
        // An owner that cannot be read is somebody: it must not pass for a link made by hand.
        owner: match entry.get("owner")? {
            Value::Null => None,
            owner => Some(Owner::parse(owner.as_str()?)?),
        },
        // Nor may a resource that cannot be read pass for one that nobody has named.
        owner_uid: match entry.get("ownerUid") {
            None | Some(Value::Null) => None,
            Some(uid) => Some(OwnerUid::parse(uid.as_str()?)?),
        },
        state,
        refusal: failed.then(|| text("reason").map_or(Refusal::Unexplained, Refusal::parse)),
        credentials_version: text("credentialsVersion")
            .filter(|text| CredentialsVersion::parse(text).is_some())
            .map(str::to_owned),
        version: Version::parse(text("version")?)?,
        confirmed_at: text("confirmedAt").and_then(|text| text.parse::<Timestamp>().ok()),
    })
}

fn read_id(entry: &Value) -> Option<LinkId> {
    LinkId::parse(entry.get("linkId")?.as_str()?)
}

/// The `code` of an error body, which says that the contract's server itself is speaking, and not a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The link does not exist.
    LinkNotFound,
    /// Another owner, or nobody, holds the link.
    OwnedByOther,
    /// The company has a link already, under another id.
    CompanyLinked,
    /// Any other word: of a 422, a reason why ConnectWise refused.
    Other,
}

/// Reads the code; `None` when the body has none.
#[must_use]
pub(crate) fn code(body: &[u8]) -> Option<Code> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(match body.get("code")?.as_str()? {
        "link_not_found" => Code::LinkNotFound,
        "owned_by_other" => Code::OwnedByOther,
        "company_linked" => Code::CompanyLinked,
        _ => Code::Other,
    })
}

/// The owner in a 409.
#[must_use]
pub(crate) fn holder(body: &[u8]) -> Holder {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match body.get("owner") {
        Some(Value::Null) => Holder::Nobody,
        Some(owner) => owner.as_str().and_then(Owner::parse).map_or(Holder::Unreadable, Holder::Owner),
        None => Holder::Unreadable,
    }
}

/// The reason in a 422.
#[must_use]
pub(crate) fn refusal(body: &[u8]) -> Refusal {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("code").and_then(Value::as_str).map_or(Refusal::Unexplained, Refusal::parse)
}

/// Whether the body is a JSON object, as every error of Petra's own is; the page of a proxy is none.
#[must_use]
pub(crate) fn is_json_object(body: &[u8]) -> bool {
    json::read::<Value>(body).is_some_and(|value| value.is_object())
}

/// The id of the link in a 409 that names one; `None` when it cannot be read.
#[must_use]
pub(crate) fn linked_id(body: &[u8]) -> Option<LinkId> {
    read_id(&serde_json::from_slice(body).ok()?)
}

/// The name of the organisation that a Petra key belongs to: at most 64 letters, digits, spaces and `.,&'()-`. It is the
/// one free text of a server's that is shown, because it shows people whose key they mounted; so it must not hold a key. No word
/// is as long as one of ConnectWise's, and there is no `_`, as after the `petra` of every key of Petra's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization(String);

impl Organization {
    /// Reads a name; `None` when it holds anything else.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let fits = (1..=MAX_ORGANIZATION).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" .,&'()-".contains(&b))
            && text.split(|c: char| !c.is_ascii_alphanumeric()).all(|word| word.len() <= MAX_WORD);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The account that the operator's key belongs to, from `GET /v1/usage`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The organisation's name; `None` when it cannot be shown.
    pub organization: Option<Organization>,
}

/// Reads the usage report; `None` when the body is not one.
#[must_use]
pub(crate) fn account(body: &[u8]) -> Option<Account> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Report {
        organization_name: String,
    }
    // The rest of it, a list of all tenants, is passed over without being kept.
    let report: Report = serde_json::from_slice(body).ok().filter(|_| json::is_object(body))?;
    Some(Account { organization: Organization::parse(&report.organization_name) })
}

/// The body of a PUT.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutBody<'a> {
    pub company_id: &'a str,
    pub site_url: &'a str,
    pub public_key: &'a str,
    pub private_key: &'a str,
    pub owner: &'a str,
    pub owner_uid: &'a str,
    pub credentials_version: &'a str,
    pub expected_version: Option<&'a str>,
    pub not_after: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt_from: Option<&'a str>,
}

impl PutBody<'_> {
    /// The JSON, in memory that is wiped. Its room is reserved for the worst case (six bytes for a character), because a
    /// buffer that grows leaves copies behind.
    pub(super) fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let Self {
            company_id,
            site_url,
            public_key,
            private_key,
            owner,
            owner_uid,
            credentials_version,
            expected_version,
            not_after,
            adopt_from,
        } = self;
        let names = [company_id, site_url, owner, owner_uid, credentials_version, not_after];
        let texts = names.into_iter().chain([public_key, private_key]);
        let optional = [expected_version, adopt_from].into_iter().flatten();
        let room = texts.chain(optional).map(|text| 6 * text.len()).sum::<usize>() + 256;
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, self)
            .expect("a struct of texts is JSON, and memory can be written to");
        json
    }
}

#[cfg(test)]
mod tests;
