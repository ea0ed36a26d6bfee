//! Petra's books as the contract keeps them: a link has one holder, and changes only for who knows its version.

use std::collections::BTreeMap;

use crate::connectwise::CompanyId;
use crate::petra::client::Adopt;
use crate::petra::{
    DeleteAnswer, Holder, LinkId, Owner, OwnerUid, PutAnswer, Refusal, RemoteLink, RemoteState, Version,
};
use crate::upstream::hosts::HostPort;

/// The links that Petra holds.
pub(super) type Links = BTreeMap<LinkId, RemoteLink>;

/// A PUT, as Petra gets it.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub id: LinkId,
    pub company: CompanyId,
    pub site: HostPort,
    pub owner: Owner,
    pub owner_uid: OwnerUid,
    pub expected: Option<Version>,
    pub adopt_from: Option<Adopt>,
    pub credentials: String,
}

/// Creates, replaces or takes over, as far as the contract allows; `refuses` is what ConnectWise says to Petra.
pub(super) fn put(links: &mut Links, order: &Order, refuses: bool, version: Version) -> PutAnswer {
    let there = links.get(&order.id);
    let expected = there.map(|link| &link.version) == order.expected.as_ref();
    let mut state = RemoteState::Pending;
    if let Some(link) = there {
        let mine = link.owner.as_ref() == Some(&order.owner);
        let holder = link.owner.as_ref().map_or("unowned", Owner::as_str);
        if !mine && order.adopt_from.as_ref().map(Adopt::as_str) != Some(holder) {
            return PutAnswer::OwnedByOther(Holder::from(link.owner.clone()));
        }
        if mine && link.credentials_version.as_ref() == Some(&order.credentials) {
            let retry = expected && link.state == RemoteState::Failed;
            if link.owner_uid.as_ref() == Some(&order.owner_uid) && !retry {
                return PutAnswer::Accepted(link.clone());
            }
            if link.state == RemoteState::Connected {
                state = RemoteState::Connected;
            }
        }
    }
    if !expected {
        return PutAnswer::LookAgain;
    }
    let second = links.values().find(|link| {
        link.id != order.id
            && link.company.as_ref().is_some_and(|company| company.is_same(&order.company))
            && there.is_none_or(|there| there.company != link.company)
            && link.site.as_ref().is_none_or(|site| {
                let regions = site.is_cloud() && order.site.is_cloud();
                !regions || site.is_same_server(&order.site)
            })
    });
    if let Some(link) = second {
        return PutAnswer::CompanyLinked {
            id: Some(link.id.clone()),
            holder: Holder::from(link.owner.clone()),
        };
    }
    if refuses && state == RemoteState::Pending {
        return PutAnswer::Refused(Refusal::CredentialsRejected);
    }
    let confirmed_at = there.and_then(|link| link.confirmed_at).filter(|_| state == RemoteState::Connected);
    let link = RemoteLink {
        id: order.id.clone(),
        company: Some(order.company.clone()),
        site: Some(order.site.clone()),
        owner: Some(order.owner.clone()),
        owner_uid: Some(order.owner_uid.clone()),
        state,
        refusal: None,
        credentials_version: Some(order.credentials.clone()),
        version,
        confirmed_at,
    };
    links.insert(order.id.clone(), link.clone());
    PutAnswer::Accepted(link)
}

/// Removes one's own link of this very version.
pub(super) fn delete(links: &mut Links, id: &LinkId, owner: &Owner, expected: &Version) -> DeleteAnswer {
    match links.get(id) {
        None => DeleteAnswer::Gone,
        Some(link) if link.owner.as_ref() != Some(owner) => DeleteAnswer::NotOurs,
        Some(link) if link.version != *expected => DeleteAnswer::LookAgain,
        Some(_) => {
            links.remove(id);
            DeleteAnswer::Gone
        }
    }
}
