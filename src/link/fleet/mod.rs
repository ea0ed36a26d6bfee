//! What this process remembers of all links, and what one link must know of the others.
//!
//! [`Claims`] says which resource holds the link of a company. [`Suspects`] remembers which Ready links seem to fail, and
//! [`rule`] says whether they fail together.

mod claims;
mod rule;
mod suspects;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::facts::{FleetView, Precedence};
use super::plan::{Accusation, Claimed, HeldCause, Settlement};
use super::state::LinkState;
use super::subject::Subject;
use super::visit::Visit;
use crate::clock::Now;
use crate::crd::LinkRef;
use crate::timings::Timings;
use crate::upstream::hosts::HostPort;

use claims::{ClaimUpdate, Claims, claim_after};
use suspects::Suspects;

/// The state of every link, by name, with claims and suspects.
#[derive(Default)]
pub(crate) struct Fleet(Mutex<Links>);

#[derive(Default)]
struct Links {
    states: HashMap<LinkRef, LinkState>,
    claims: Claims,
    suspects: Suspects,
    /// When the last round of each deleted link ended. The floor also applies to a new link of the same name.
    last_rounds: HashMap<LinkRef, Duration>,
}

/// What the end of one visit means for others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aftermath {
    /// Links to visit, because they claim what this one claims newly or no longer does.
    pub wake: Vec<LinkRef>,
    /// How many links the fleet rule holds now.
    pub held: usize,
    /// Whether this link is the first that it holds.
    pub hold_began: bool,
}

/// What is left of a link that is gone.
#[derive(Debug)]
pub(crate) struct Departed {
    /// The state of the link, as last remembered.
    pub state: LinkState,
    /// Links to visit, because they claim what this one held.
    pub wake: Vec<LinkRef>,
    /// How many links the fleet rule holds now.
    pub held: usize,
}

impl Fleet {
    /// The state of a link. A new link only inherits the floor of a deleted link of the same name.
    pub(crate) fn recall(&self, subject: &Subject) -> LinkState {
        let links = self.0.lock();
        let known = links.states.get(&subject.key).filter(|known| known.uid == subject.uid);
        known.cloned().unwrap_or_else(|| LinkState {
            uid: subject.uid.clone(),
            last_round: links.last_rounds.get(&subject.key).copied(),
            ..LinkState::default()
        })
    }

    /// Whether another resource of this name is remembered. It is gone, though no watch reported it.
    pub(crate) fn knows_former(&self, subject: &Subject) -> bool {
        self.0.lock().states.get(&subject.key).is_some_and(|known| known.uid != subject.uid)
    }

    /// The API host that the last round of a link found.
    pub(crate) fn api_host(&self, link: &LinkRef) -> Option<HostPort> {
        let links = self.0.lock();
        links.states.get(link)?.found.as_ref().map(|found| found.tenant.api_host.clone())
    }

    /// Remembers the state of a visit in progress.
    pub(crate) fn remember(&self, visit: &Visit) {
        self.0.lock().states.insert(visit.subject.key.clone(), visit.state.clone());
    }

    /// Remembers a visit that ended without a settlement. What a round of it found is lost, so that the next one is due soon;
    /// if status writes keep failing, ConnectWise is queried less and less often.
    pub(crate) fn broken_off(&self, visit: &Visit, timings: &Timings, now: Now) {
        let state = visit.broken_off(timings, now);
        self.0.lock().states.insert(visit.subject.key.clone(), state);
    }

    /// Remembers a settled visit: the state, what the link claims after it, and whether it is still suspected of something.
    pub(crate) fn settled(&self, visit: &Visit, settlement: &Settlement) -> Aftermath {
        let (subject, link) = (&visit.subject, &visit.subject.key);
        let mut links = self.0.lock();
        let state = LinkState {
            uid: subject.uid.clone(),
            // What another operator serves is none of this one's fleet.
            is_judged_good: visit.state.elsewhere.is_none() && takes_part(subject),
            saved_by_hand: visit.state.elsewhere.is_none() && subject.is_saved_by_hand(),
            ..visit.state.clone()
        };
        links.suspects.settled(subject, &state);
        let former = links.states.insert(link.clone(), state);
        if former.is_some_and(|former| former.uid != subject.uid) {
            links.claims.remove(link);
        }
        let hold_began = links.suspects.hold(link, settlement.held == Some(HeldCause::Fleet));
        let known = visit.state.found.is_some();
        let update = match &visit.state.elsewhere {
            // Its operator checks it, and this one could not prove what its status hints at.
            Some(_) => ClaimUpdate::Drop,
            None => claim_after(subject, settlement.claim.as_ref(), known),
        };
        let changed = links.claims.update(subject, update, known);
        let wake = links.concerned(changed);
        Aftermath { wake, held: links.suspects.held(), hold_began }
    }

    /// Removes a deleted link. Keeps the time of its last round until the floor ends.
    pub(crate) fn forget(&self, link: &LinkRef, floor: Duration) -> Option<Departed> {
        let mut links = self.0.lock();
        links.suspects.remove(link);
        let state = links.states.remove(link)?;
        if let Some(last) = state.last_round {
            links.last_rounds.retain(|_, other| last.saturating_sub(*other) < floor);
            links.last_rounds.insert(link.clone(), last);
        }
        let changed = links.claims.set(link, None);
        let wake = links.concerned(changed);
        Some(Departed { state, wake, held: links.suspects.held() })
    }

    /// The resource that comes first for this link in `Portal`: one that is acknowledged, else the older.
    pub(crate) fn precedence(&self, subject: &Subject, claim: &Claimed) -> Precedence {
        self.0.lock().claims.precedence(subject, claim)
    }

    /// Records that a Ready link seems to fail, and returns whether it fails together with others.
    pub(crate) fn view(&self, subject: &Subject, accused: Accusation, now: Duration) -> FleetView {
        let mut links = self.0.lock();
        let Links { states, suspects, .. } = &mut *links;
        suspects.view(subject, accused, now, states)
    }
}

/// Whether a link counts in the fleet rule: its last verdict is good, and it can answer.
fn takes_part(subject: &Subject) -> bool {
    subject.is_good() && !subject.spec.suspended()
}

impl Links {
    /// The links to visit after a claim changed. Those that wait for what a link gave up may ask Petra at once, and those
    /// whose claim is only a hint ask ConnectWise.
    fn concerned(&mut self, changed: claims::Changed) -> Vec<LinkRef> {
        for waiting in &changed.freed {
            if let Some(state) = self.states.get_mut(waiting) {
                state.petra_not_before = None;
            }
        }
        for unproved in &changed.unproved {
            if let Some(state) = self.states.get_mut(unproved) {
                state.claim_contested = true;
            }
        }
        [changed.contested, changed.unproved, changed.freed].concat()
    }
}
