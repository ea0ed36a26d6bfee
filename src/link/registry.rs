//! What this process remembers of all links, and what one link must know of the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// Ready links that were suspected, whether they are accused by now or not.
    suspects: HashMap<LinkRef, Suspect>,
    /// Accusations that one of the suspected links has disproved; each stands until nobody is suspected of it.
    released: HashSet<Reason>,
    /// When the last round of a link began that is gone since: a namesake is not asked about within the floor either.
    last_rounds: HashMap<LinkRef, Duration>,
}

/// A Ready link that was found guilty of something.
struct Suspect {
    of: Reason,
    /// When it was last found so, on the monotonic clock.
    last: Duration,
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

/// What a visit found out about the claim of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claims {
    /// It claims this.
    Holds(Claim),
    /// It claims nothing.
    Nothing,
    /// It was not found out: the former claim stands.
    AsBefore,
}

/// What the end of one visit means for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Aftermath {
    /// Links that claim what this one claims newly or no longer does.
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
        known.cloned().unwrap_or_else(|| Remembered {
            memory: Memory { last_round: state.last_rounds.get(&subject.key).copied(), ..Memory::default() },
            ..Remembered::default()
        })
    }

    /// Remembers the memory alone: what else is known of the link stands.
    pub(super) fn remember_memory(&self, subject: &Subject, memory: Memory) {
        let mut state = self.lock();
        let known = state.links.entry(subject.key.clone()).or_default();
        known.uid.clone_from(&subject.uid);
        known.memory = memory;
    }

    /// Remembers the end of a visit, what the link claims after it, and what it was suspected of and has disproved.
    ///
    /// That a suspicion is over for another reason (other keys, a suspended link) tells nothing about the other suspects.
    pub(super) fn remember(
        &self,
        link: &LinkRef,
        mut remembered: Remembered,
        claims: Claims,
        disproved: Option<Reason>,
    ) -> Aftermath {
        let mut state = self.lock();
        remembered.claim = match claims {
            Claims::Holds(claim) => Some(claim),
            Claims::Nothing => None,
            Claims::AsBefore => {
                let before = state.links.get(link).filter(|known| known.uid == remembered.uid);
                before.and_then(|known| known.claim.clone())
            }
        };
        let held_before = state.held;
        let claim = remembered.claim.clone();
        state.held += usize::from(remembered.held_by_fleet);
        let before = state.links.insert(link.clone(), remembered);
        state.held -= usize::from(before.as_ref().is_some_and(|known| known.held_by_fleet));
        if let Some(of) = disproved {
            state.suspects.remove(link);
            state.released.insert(of);
        }
        let before = before.and_then(|known| known.claim);
        let mut woken = Vec::new();
        if before != claim {
            // Whoever is behind a new claim must not go on asking a person for the same company.
            woken.extend(claim.as_ref().map(|claim| claimants(&state.links, link, &claim.id)));
            let lost = before.filter(|before| claim.as_ref().is_none_or(|claim| claim.id != before.id));
            woken.extend(lost.map(|lost| free(&mut state.links, link, &lost.id)));
        }
        let waiting = woken.concat();
        Aftermath { waiting, held: state.held, hold_began: held_before == 0 && state.held > 0 }
    }

    /// Whether another resource of this name is remembered: it is gone, though nobody said so.
    pub(super) fn knows_former(&self, subject: &Subject) -> bool {
        self.lock().links.get(&subject.key).is_some_and(|known| known.uid != subject.uid)
    }

    /// Forgets a link that is gone, all but its last round for as long as the floor lasts; returns what was known, the links
    /// that wait for what it claimed, and how many links the fleet rule holds now.
    pub(super) fn forget(
        &self,
        link: &LinkRef,
        floor: Duration,
    ) -> Option<(Remembered, Vec<LinkRef>, usize)> {
        let mut state = self.lock();
        state.suspects.remove(link);
        let known = state.links.remove(link)?;
        if let Some(last) = known.memory.last_round {
            state.last_rounds.retain(|_, other| last.saturating_sub(*other) < floor);
            state.last_rounds.insert(link.clone(), last);
        }
        state.held -= usize::from(known.held_by_fleet);
        let claim = known.claim.as_ref();
        let waiting = claim.map(|claim| free(&mut state.links, link, &claim.id)).unwrap_or_default();
        Some((known, waiting, state.held))
    }

    /// The resource that comes first for this link in `Portal`: one that is acknowledged, else the older.
    pub(super) fn rival(&self, subject: &Subject, id: &LinkId) -> Option<Rival> {
        let acknowledged = acknowledged_id(subject).is_some();
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

    /// A Ready link was found guilty of something: how many links are Ready or were until `window` ago, and how many others
    /// of them were found guilty of the same since. Whoever is still held counts, however long ago that was.
    pub(super) fn fleet(&self, subject: &Subject, of: Reason, now: Duration, window: Duration) -> FleetView {
        let mut state = self.lock();
        let State { links, suspects, released, .. } = &mut *state;
        suspects.insert(subject.key.clone(), Suspect { of, last: now });
        let still_suspected = |key: &LinkRef, of: Reason| {
            let suspicion = links.get(key).and_then(|known| known.memory.suspicion);
            suspicion.is_some_and(|suspicion| suspicion.of == of)
        };
        suspects.retain(|key, suspect| {
            now.saturating_sub(suspect.last) < window || still_suspected(key, suspect.of)
        });
        let others = suspects.iter().filter(|(key, suspect)| **key != subject.key && suspect.of == of);
        let suspected_alike = others.count();
        if suspected_alike == 0 {
            released.remove(&of);
        }
        let was_ready = |(key, known): &(&LinkRef, &Remembered)| known.ready || suspects.contains_key(*key);
        FleetView {
            ready: links.iter().filter(was_ready).count(),
            suspected_alike,
            released: released.contains(&of),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The link that a person saved by hand and acknowledged.
pub(super) fn acknowledged_id(subject: &Subject) -> Option<LinkId> {
    let record = subject.status.link.as_ref().filter(|link| link.mode == Some(RegistrationMode::Portal))?;
    let said = draft::reason(&subject.status, ConditionType::Registered) == Some(Reason::Acknowledged);
    LinkId::parse(&record.id).filter(|_| said)
}

/// The other links with a claim to `id`.
fn claimants(links: &HashMap<LinkRef, Remembered>, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
    let of_id = |known: &Remembered| known.claim.as_ref().is_some_and(|claim| claim.id == *id);
    links.iter().filter(|(key, known)| *key != link && of_id(known)).map(|(key, _)| key.clone()).collect()
}

/// The same when `link` gives it up: they may ask Petra about it again at once.
fn free(links: &mut HashMap<LinkRef, Remembered>, link: &LinkRef, id: &LinkId) -> Vec<LinkRef> {
    let waiting = claimants(links, link, id);
    for key in &waiting {
        if let Some(known) = links.get_mut(key) {
            known.memory.petra_not_before = None;
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::decide::tests_subject;
    use crate::link::memory::Suspicion;

    const WINDOW: Duration = Duration::from_mins(30);
    const FLOOR: Duration = Duration::from_secs(30);

    const OF: Reason = Reason::CredentialsRejected;

    fn remembered(suspected_since: Option<u64>, ready: bool) -> Remembered {
        let suspicion = suspected_since.map(|minute| Suspicion {
            of: OF,
            since: Duration::from_mins(minute),
            asked_for: false,
            held: true,
        });
        Remembered {
            uid: "uid".to_owned(),
            memory: Memory { suspicion, ..Memory::default() },
            ready,
            ..Remembered::default()
        }
    }

    fn link(n: usize) -> LinkRef {
        LinkRef::new("team", &format!("link-{n}"))
    }

    /// So many Ready links, the first `suspected` of which were refused at `minute` and are held.
    fn registry(ready: usize, suspected: usize, minute: u64) -> Registry {
        let registry = Registry::default();
        for n in 0..ready {
            registry.remember(&link(n), remembered(None, true), Claims::Nothing, None);
        }
        for n in 0..suspected {
            refused(&registry, n, minute);
            registry.remember(&link(n), remembered(Some(minute), true), Claims::Nothing, None);
        }
        registry
    }

    /// What a link that was refused at `minute` hears of the fleet.
    fn refused(registry: &Registry, n: usize, minute: u64) -> FleetView {
        let subject = Subject { key: link(n), ..tests_subject() };
        registry.fleet(&subject, OF, Duration::from_mins(minute), WINDOW)
    }

    #[test]
    fn links_that_were_accused_within_an_interval_count_for_the_next() {
        let registry = registry(12, 3, 4);
        for n in 0..3 {
            registry.remember(&link(n), remembered(None, false), Claims::Nothing, None);
        }
        let view = FleetView { ready: 12, suspected_alike: 3, released: false };
        assert_eq!(
            refused(&registry, 5, 10),
            view,
            "accused one by one, they count as the fleet that they were"
        );
        assert_eq!(refused(&registry, 5, 40).suspected_alike, 0, "an interval later they do not");
    }

    #[test]
    fn links_that_are_held_count_for_as_long_as_they_are() {
        let registry = registry(8, 5, 0);
        assert_eq!(refused(&registry, 0, 1000).suspected_alike, 4);
    }

    #[test]
    fn one_suspect_that_succeeds_releases_the_others() {
        let registry = registry(8, 5, 0);
        assert!(!refused(&registry, 1, 1).released);
        registry.remember(&link(0), remembered(None, true), Claims::Nothing, Some(OF));
        assert!(refused(&registry, 1, 1).released);
    }

    #[test]
    fn a_suspect_that_is_suspended_or_has_other_keys_by_now_releases_nobody() {
        let registry = registry(8, 5, 0);
        registry.remember(&link(0), remembered(None, true), Claims::Nothing, None);
        let view = FleetView { ready: 8, suspected_alike: 4, released: false };
        assert_eq!(refused(&registry, 1, 1), view, "and still counts for an interval");
        assert_eq!(refused(&registry, 1, 40).suspected_alike, 3);
    }

    #[test]
    fn a_claim_outlives_an_inconclusive_visit_and_wakes_others_at_its_end() {
        let registry = Registry::default();
        let id = LinkId::derive("acme", "api-na.myconnectwise.net");
        let claim = || Claims::Holds(Claim { id: id.clone(), acknowledged: true, created: None });
        registry.remember(&link(0), remembered(None, true), claim(), None);
        let second = registry.remember(&link(1), remembered(None, false), claim(), None);
        assert_eq!(second.waiting, [link(0)], "it may be behind the new one");
        let again = registry.remember(&link(0), remembered(None, true), claim(), None);
        assert_eq!(again.waiting, [], "nothing is new");
        let held = registry.remember(&link(0), remembered(None, true), Claims::AsBefore, None);
        assert_eq!(held.waiting, []);
        assert!(registry.rival(&tests_subject(), &id).is_some());
        let lost = registry.remember(&link(0), remembered(None, false), Claims::Nothing, None);
        assert_eq!(lost.waiting, [link(1)]);
    }

    #[test]
    fn of_what_a_broken_off_visit_leaves_a_namesake_gets_the_floor_alone() {
        let (registry, subject) = (Registry::default(), tests_subject());
        let last_round = Some(Duration::from_secs(70));
        let memory = Memory { last_round, ..remembered(Some(1), false).memory };
        registry.remember_memory(&subject, memory.clone());
        assert_eq!(registry.recall(&subject).memory, memory);
        assert!(!registry.knows_former(&subject));
        let namesake = Subject { uid: "another".to_owned(), ..subject.clone() };
        assert!(registry.knows_former(&namesake));
        let former = registry.forget(&subject.key, FLOOR).map(|(known, ..)| known.uid);
        assert_eq!(former.as_deref(), Some(subject.uid.as_str()));
        assert!(!registry.knows_former(&namesake));
        assert_eq!(registry.recall(&namesake).memory, Memory { last_round, ..Memory::default() });
    }

    #[test]
    fn the_floor_of_links_that_are_gone_is_forgotten_when_it_is_over() {
        let registry = Registry::default();
        let gone = |n: usize, second: u64| {
            let subject = Subject { key: link(n), ..tests_subject() };
            let last_round = Some(Duration::from_secs(second));
            registry.remember_memory(&subject, Memory { last_round, ..Memory::default() });
            registry.forget(&subject.key, FLOOR);
            move |registry: &Registry| registry.recall(&subject).memory.last_round
        };
        let (first, second) = (gone(1, 100), gone(2, 125));
        assert!(first(&registry).is_some() && second(&registry).is_some());
        let third = gone(3, 130);
        assert_eq!((first(&registry), second(&registry).is_some()), (None, true));
        assert!(third(&registry).is_some());
    }

    #[test]
    fn a_link_that_is_gone_is_held_no_longer() {
        let registry = Registry::default();
        for n in 0..2 {
            let held = Remembered { held_by_fleet: true, ..remembered(None, true) };
            registry.remember(&link(n), held, Claims::Nothing, None);
        }
        let held = |n| registry.forget(&link(n), FLOOR).map(|(.., held)| held);
        assert_eq!((held(0), held(0), held(1)), (Some(1), None, Some(0)));
    }
}
