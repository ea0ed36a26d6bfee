//! What this process remembers of all links, and what one link must know of the others.

use std::collections::{HashMap, HashSet};
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
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: HashMap<LinkRef, Remembered>,
    /// How many of them the fleet rule holds.
    held: usize,
    /// Accusations that one of the suspected links has disproved; each stands until nobody is suspected of it.
    released: HashSet<Reason>,
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
    /// Whether the fleet rule holds an accusation of it.
    pub held_by_fleet: bool,
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

/// What the end of one visit means for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Aftermath {
    /// Links that wait for what this one no longer claims.
    pub waiting: Vec<LinkRef>,
    /// How many links the fleet rule holds now.
    pub held: usize,
    /// Whether this link is the first that it holds.
    pub hold_began: bool,
}

impl Registry {
    pub(super) fn recall(&self, subject: &Subject) -> Remembered {
        let state = self.lock();
        let known = state.links.get(&subject.key).filter(|known| known.uid == subject.uid);
        known.cloned().unwrap_or_default()
    }

    /// Remembers the end of a visit.
    pub(super) fn remember(&self, link: &LinkRef, remembered: Remembered) -> Aftermath {
        let mut state = self.lock();
        let held_before = state.held;
        let suspected = |known: &Remembered| known.memory.suspicion.map(|suspicion| suspicion.of);
        let (claim, suspicion) = (remembered.claim.clone(), suspected(&remembered));
        let cleared = remembered.ready && suspicion.is_none();
        state.held += usize::from(remembered.held_by_fleet);
        let before = state.links.insert(link.clone(), remembered);
        state.held -= usize::from(before.as_ref().is_some_and(|known| known.held_by_fleet));
        if cleared && let Some(of) = before.as_ref().and_then(suspected) {
            state.released.insert(of);
        }
        let lost = before
            .and_then(|known| known.claim)
            .filter(|before| claim.as_ref().map(|claim| &claim.id) != Some(&before.id));
        let waiting = lost.map(|lost| others_of(&mut state.links, link, &lost.id)).unwrap_or_default();
        Aftermath { waiting, held: state.held, hold_began: held_before == 0 && state.held > 0 }
    }

    /// Forgets a link that is gone; returns what was known and the links that wait for what it claimed.
    pub(super) fn forget(&self, link: &LinkRef) -> Option<(Remembered, Vec<LinkRef>)> {
        let mut state = self.lock();
        let known = state.links.remove(link)?;
        state.held -= usize::from(known.held_by_fleet);
        let claim = known.claim.as_ref();
        let waiting = claim.map(|claim| others_of(&mut state.links, link, &claim.id)).unwrap_or_default();
        Some((known, waiting))
    }

    /// The resource that comes first for this link in `Portal`: one that is acknowledged, else the older.
    pub(super) fn rival(&self, subject: &Subject, id: &LinkId) -> Option<Rival> {
        let acknowledged = is_acknowledged(subject);
        let mine = (!acknowledged, subject.created, &subject.key);
        let state = self.lock();
        let claims =
            state.links.iter().filter_map(|(key, known)| known.claim.as_ref().map(|claim| (key, claim)));
        let rivals = claims
            .filter(|(key, claim)| claim.id == *id && **key != subject.key)
            .filter(|(key, claim)| (!claim.acknowledged, claim.created, *key) < mine);
        let (key, _) = rivals.min_by_key(|(key, claim)| (!claim.acknowledged, claim.created, *key))?;
        let visible_name = (key.namespace == subject.key.namespace).then(|| key.name.clone());
        Some(Rival { visible_name })
    }

    /// How many links are Ready, and how many others of them are suspected of the same.
    pub(super) fn fleet(&self, subject: &Subject, of: Reason) -> FleetView {
        let mut state = self.lock();
        let ready = state.links.values().filter(|known| known.ready).count();
        let others = state.links.iter().filter(|(key, _)| **key != subject.key);
        let suspected_alike =
            others.filter(|(_, known)| known.memory.suspicion.is_some_and(|it| it.of == of)).count();
        if suspected_alike == 0 {
            state.released.remove(&of);
        }
        FleetView { ready, suspected_alike, released: state.released.contains(&of) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
