//! What this process remembers of all links, and what one link must know of the others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::draft;
use super::memory::Memory;
use super::seen::{FleetView, Rival};
use super::subject::Subject;
use crate::crd::{ConditionType, Reason, RegistrationMode};
use crate::petra::LinkId;
use crate::runtime::LinkRef;

/// Memory of every link, by name.
#[derive(Default)]
pub(super) struct Registry {
    links: Mutex<HashMap<LinkRef, Remembered>>,
}

/// What is remembered of one link.
#[derive(Clone, Debug, Default)]
pub(super) struct Remembered {
    /// Of which resource: a namesake made later starts anew.
    pub uid: String,
    /// For the rules.
    pub memory: Memory,
    /// Resource versions that this process has replaced by its last writes.
    pub superseded: Vec<String>,
    /// Whether the link is Ready.
    pub ready: bool,
    /// Its claim to a company's link.
    pub claim: Option<Claim>,
    /// Whether a person saved it by hand: said when it is deleted.
    pub saved_by_hand: bool,
}

/// A resource's claim to a company's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Which link.
    pub id: LinkId,
    /// Whether a person acknowledged it.
    pub acknowledged: bool,
    /// When the resource was made.
    pub created: Option<Timestamp>,
}

impl Registry {
    pub(super) fn recall(&self, subject: &Subject) -> Remembered {
        let links = self.lock();
        links.get(&subject.key).filter(|known| known.uid == subject.uid).cloned().unwrap_or_default()
    }

    /// Remembers the end of a visit. Returns the links that wait for what this one no longer claims.
    pub(super) fn remember(&self, link: &LinkRef, remembered: Remembered) -> Vec<LinkRef> {
        let mut links = self.lock();
        let claim = remembered.claim.clone();
        let before = links.insert(link.clone(), remembered).and_then(|known| known.claim);
        match before {
            Some(before) if claim.as_ref().map(|claim| &claim.id) != Some(&before.id) => {
                others_of(&mut links, link, &before.id)
            }
            _ => Vec::new(),
        }
    }

    /// Forgets a link that is gone; returns what was known and the links that wait for what it claimed.
    pub(super) fn forget(&self, link: &LinkRef) -> Option<(Remembered, Vec<LinkRef>)> {
        let mut links = self.lock();
        let known = links.remove(link)?;
        let waiting =
            known.claim.as_ref().map(|claim| others_of(&mut links, link, &claim.id)).unwrap_or_default();
        Some((known, waiting))
    }

    /// The resource that comes first for this link in `Portal`: one that is acknowledged, else the older.
    pub(super) fn rival(&self, subject: &Subject, id: &LinkId) -> Option<Rival> {
        let acknowledged = is_acknowledged(subject);
        let mine = (!acknowledged, subject.created, &subject.key);
        let links = self.lock();
        let claims = links.iter().filter_map(|(key, known)| known.claim.as_ref().map(|claim| (key, claim)));
        let rivals = claims
            .filter(|(key, claim)| claim.id == *id && **key != subject.key)
            .filter(|(key, claim)| (!claim.acknowledged, claim.created, *key) < mine);
        let (key, _) = rivals.min_by_key(|(key, claim)| (!claim.acknowledged, claim.created, *key))?;
        let visible_name = (key.namespace == subject.key.namespace).then(|| key.name.clone());
        Some(Rival { visible_name })
    }

    /// How many links are Ready, and how many others of them are suspected of the same.
    pub(super) fn fleet(&self, subject: &Subject, of: Reason) -> FleetView {
        let links = self.lock();
        let ready = links.values().filter(|known| known.ready).count();
        let suspected_alike = links
            .iter()
            .filter(|(key, known)| {
                **key != subject.key && known.memory.suspicion.is_some_and(|it| it.of == of)
            })
            .count();
        FleetView { ready, suspected_alike }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LinkRef, Remembered>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a person acknowledged this link.
pub(super) fn is_acknowledged(subject: &Subject) -> bool {
    let by_hand = subject.status.link.as_ref().and_then(|link| link.mode) == Some(RegistrationMode::Portal);
    by_hand && draft::reason(&subject.status, ConditionType::Registered) == Some(Reason::Acknowledged)
}

/// Links with a claim to `id`, which may ask Petra about it again at once.
fn others_of(links: &mut HashMap<LinkRef, Remembered>, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
    let mut waiting = Vec::new();
    for (key, known) in links.iter_mut() {
        if key != link && known.claim.as_ref().is_some_and(|claim| claim.id == *id) {
            known.memory.petra_not_before = None;
            waiting.push(key.clone());
        }
    }
    waiting
}
