//! The contract as a state machine, without I/O and without a clock of its own.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::changes::{Action, Change};
use super::link::{KeyPair, Link, Reason, State, Version, Versions};
use super::past::Past;
use super::text::{CompanyId, CredentialsVersion, InstallationId, LinkId, Owner, OwnerUid, SiteUrl};

/// The body of a PUT, read.
#[derive(Clone, Debug)]
pub(super) struct Put {
    pub(super) company_id: CompanyId,
    pub(super) site_url: SiteUrl,
    pub(super) keys: KeyPair,
    pub(super) owner: Owner,
    pub(super) owner_uid: OwnerUid,
    pub(super) credentials_version: CredentialsVersion,
    /// `None`: the caller believes that no link is there.
    pub(super) expected_version: Option<String>,
    pub(super) not_after: Timestamp,
    pub(super) adopt_from: Option<AdoptFrom>,
}

/// From whom a caller wants to take a link over.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum AdoptFrom {
    Owner(Owner),
    /// A link made by hand.
    Unowned,
}

impl TryFrom<String> for AdoptFrom {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "unowned" { Ok(Self::Unowned) } else { Owner::try_from(text).map(Self::Owner) }
    }
}

/// The parameters of a DELETE, read.
#[derive(Clone, Debug)]
pub(super) struct Delete {
    pub(super) owner: Owner,
    pub(super) expected_version: String,
    pub(super) not_after: Timestamp,
}

/// What became of a PUT that was not refused.
#[derive(Debug, PartialEq)]
pub(super) enum Accepted<'a> {
    /// The same owner, resource and credentials version were there already: nothing was changed.
    Unchanged(&'a Link),
    /// Another resource of the same owner holds the link now, with keys that ConnectWise has confirmed.
    Recorded(&'a Link),
    /// Created, replaced, retried or adopted: ConnectWise has to confirm the keys.
    Pending(&'a Link),
}

/// Why a change was refused. A refused change has changed nothing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    NotFound,
    OwnedByOther {
        owner: Option<Owner>,
    },
    /// The company has a link under another id.
    CompanyLinked {
        link_id: LinkId,
        owner: Option<Owner>,
    },
    TooLate,
    VersionMismatch {
        version: Option<Version>,
    },
    ConnectWise(Reason),
}

/// Whose links a list is asked for.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    Owner(Owner),
    Installation(InstallationId),
}

/// One page of a list.
#[derive(Debug, PartialEq)]
pub(super) struct Page<'a> {
    pub(super) links: Vec<&'a Link>,
    /// The last link of this page, where more follow.
    pub(super) next: Option<&'a LinkId>,
}

/// All links of the organisation, and the story of how they came to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Links {
    by_id: BTreeMap<LinkId, Link>,
    versions: Versions,
    changes: Vec<Change>,
    past: Past,
}

impl Links {
    /// Creates a link, replaces the keys of one's own, or takes one over. `refused` is what ConnectWise says at once
    /// about the keys; it is heard last, when the change would else be accepted.
    pub(super) fn put(
        &mut self,
        id: LinkId,
        put: Put,
        now: Timestamp,
        refused: Option<Reason>,
    ) -> Result<Accepted<'_>, Refusal> {
        if now > put.not_after {
            return Err(Refusal::TooLate);
        }
        let current = self.by_id.get(&id);
        let expected = current.map(|link| link.version.as_str()) == put.expected_version.as_deref();
        let own = current.filter(|link| link.owner.as_ref() == Some(&put.owner));
        let ours = own.is_some();
        let same_keys =
            own.filter(|link| link.credentials_version.as_ref() == Some(&put.credentials_version));
        let is_retry = |link: &Link| expected && matches!(link.state, State::Failed { .. });
        if same_keys.is_some_and(|link| link.owner_uid.as_ref() == Some(&put.owner_uid) && !is_retry(link)) {
            return Ok(Accepted::Unchanged(&self.by_id[&id]));
        }
        let action = match current {
            None => Action::Created,
            Some(_) if ours => Action::Replaced,
            Some(link) if adopts(put.adopt_from.as_ref(), link.owner.as_ref()) => Action::Adopted,
            Some(link) => return Err(Refusal::OwnedByOther { owner: link.owner.clone() }),
        };
        if !expected {
            return Err(Refusal::VersionMismatch { version: current.map(|link| link.version.clone()) });
        }
        let of_company = |link: &&Link| {
            link.company_id.is_same(&put.company_id) && link.site_url.may_be_same_tenant(&put.site_url)
        };
        if !current.as_ref().is_some_and(of_company)
            && let Some(other) = self.all().filter(|link| link.id != id).find(of_company)
        {
            return Err(Refusal::CompanyLinked { link_id: other.id.clone(), owner: other.owner.clone() });
        }
        let confirmed = same_keys.map(|link| link.state).filter(|it| matches!(it, State::Connected { .. }));
        if let Some(reason) = refused.filter(|_| confirmed.is_none()) {
            return Err(Refusal::ConnectWise(reason));
        }
        let link = Link {
            id,
            company_id: put.company_id,
            site_url: put.site_url,
            owner: Some(put.owner.clone()),
            owner_uid: Some(put.owner_uid),
            state: confirmed.unwrap_or(State::Pending),
            credentials_version: Some(put.credentials_version),
            version: self.versions.next(),
            updated_at: now,
            keys: Some(put.keys),
            tenant_mappings: current.map_or(0, |link| link.tenant_mappings),
        };
        let link = self.store(link, action, Some(put.owner));
        Ok(if confirmed.is_some() { Accepted::Recorded(link) } else { Accepted::Pending(link) })
    }

    /// Deletes one's own link.
    pub(super) fn delete(&mut self, id: &LinkId, delete: Delete, now: Timestamp) -> Result<(), Refusal> {
        if now > delete.not_after {
            return Err(Refusal::TooLate);
        }
        let link = self.by_id.get(id).ok_or(Refusal::NotFound)?;
        if link.owner.as_ref() != Some(&delete.owner) {
            return Err(Refusal::OwnedByOther { owner: link.owner.clone() });
        }
        if link.version.as_str() != delete.expected_version {
            return Err(Refusal::VersionMismatch { version: Some(link.version.clone()) });
        }
        self.take_out(id, Action::Deleted, Some(delete.owner), now);
        Ok(())
    }

    /// The link that still waits for ConnectWise to confirm the keys of exactly this version.
    pub(super) fn awaiting(&self, id: &LinkId, version: &Version) -> Option<&Link> {
        self.by_id.get(id).filter(|link| link.version == *version && link.state == State::Pending)
    }

    /// Takes ConnectWise's verdict about the keys of exactly this version. Where something else is there by now the
    /// verdict is about nothing that Petra holds, and is dropped.
    pub(super) fn settle(
        &mut self,
        id: &LinkId,
        version: &Version,
        verdict: Result<(), Reason>,
        now: Timestamp,
    ) -> bool {
        let awaited = self.awaiting(id, version).is_some();
        if awaited {
            let state = match verdict {
                Ok(()) => State::Connected { confirmed_at: now },
                Err(reason) => State::Failed { reason },
            };
            self.force_state(id, state, now);
        }
        awaited
    }

    /// One link, whoever holds it.
    pub(super) fn get(&self, id: &LinkId) -> Option<&Link> {
        self.by_id.get(id)
    }

    /// Every link, sorted by id.
    pub(super) fn all(&self) -> impl Iterator<Item = &Link> {
        self.by_id.values()
    }

    /// From now on lists show each change so much later.
    pub(super) fn set_list_lag(&mut self, lag: SignedDuration) {
        self.past.set_lag(lag);
    }

    /// At most `size` links of `whose`, sorted by id, from the first after `cursor`, as a list shows them.
    pub(super) fn page(
        &self,
        whose: &Whose,
        cursor: Option<&LinkId>,
        size: usize,
        now: Timestamp,
    ) -> Page<'_> {
        let shown = self.past.shown(&self.by_id, now).values();
        let mut following =
            shown.filter(|link| cursor.is_none_or(|cursor| link.id > *cursor)).filter(|link| {
                link.owner.as_ref().is_some_and(|owner| match whose {
                    Whose::Owner(asked) => owner == asked,
                    Whose::Installation(asked) => owner.belongs_to(asked),
                })
            });
        let links: Vec<&Link> = following.by_ref().take(size).collect();
        let more = following.next().is_some();
        let next = links.last().filter(|_| more).map(|link| &link.id);
        Page { links, next }
    }

    /// Every accepted change, oldest first.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Puts a link there from outside the contract, as a person in the portal would. Its version is made here.
    pub(super) fn place(&mut self, link: impl FnOnce(Version) -> Link) -> &Link {
        let link = link(self.versions.next());
        self.store(link, Action::Placed, None)
    }

    /// Takes a link out from outside the contract, as a person in the portal would.
    pub(super) fn vanish(&mut self, id: &LinkId, now: Timestamp) -> bool {
        self.take_out(id, Action::Vanished, None, now)
    }

    /// Takes every link out.
    pub(super) fn forget_all(&mut self, now: Timestamp) {
        let ids: Vec<LinkId> = self.by_id.keys().cloned().collect();
        for id in ids {
            self.vanish(&id, now);
        }
    }

    /// Sets a state. The new version supersedes every verdict that is still awaited.
    pub(super) fn force_state(&mut self, id: &LinkId, state: State, now: Timestamp) -> Option<&Link> {
        if self.by_id.contains_key(id) {
            self.past.remember(&self.by_id, now);
        }
        let link = self.by_id.get_mut(id)?;
        link.state = state;
        link.version = self.versions.next();
        link.updated_at = now;
        Some(link)
    }

    fn store(&mut self, link: Link, action: Action, by: Option<Owner>) -> &Link {
        self.past.remember(&self.by_id, link.updated_at);
        let previous_owner = self.by_id.get(&link.id).and_then(|link| link.owner.clone());
        self.changes.push(Change::of(&link, action, by, previous_owner, link.updated_at));
        let id = link.id.clone();
        self.by_id.insert(id.clone(), link);
        &self.by_id[&id]
    }

    fn take_out(&mut self, id: &LinkId, action: Action, by: Option<Owner>, now: Timestamp) -> bool {
        if self.by_id.contains_key(id) {
            self.past.remember(&self.by_id, now);
        }
        let Some(link) = self.by_id.remove(id) else { return false };
        self.changes.push(Change::of(&link, action, by, link.owner.clone(), now));
        true
    }
}

fn adopts(from: Option<&AdoptFrom>, holder: Option<&Owner>) -> bool {
    match (from, holder) {
        (Some(AdoptFrom::Owner(named)), Some(holder)) => named == holder,
        (Some(AdoptFrom::Unowned), None) => true,
        _ => false,
    }
}
