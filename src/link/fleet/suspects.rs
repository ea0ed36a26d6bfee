//! The Ready links that seem to fail, and whether they do so together. The operator itself may be the cause.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::rule::{Failing, is_common};
use crate::crd::{Inputs, LinkRef, LinkStatus, Reason, StatusTime};
use crate::link::facts::FleetView;
use crate::link::origin::Origin;
use crate::link::plan::Accusation;
use crate::link::state::LinkState;
use crate::link::subject::Subject;

/// The Ready links that were found guilty of something.
#[derive(Default)]
pub(super) struct Suspects {
    /// Ready links that were suspected, whether they are accused by now or not.
    suspected: HashMap<LinkRef, Suspect>,
    /// The links that the fleet rule holds.
    held: HashSet<LinkRef>,
}

/// A Ready link that was found guilty of something.
struct Suspect {
    accused: Accusation,
    /// When it was first and last found so, on the monotonic clock.
    since: Duration,
    last: Duration,
    /// It counts for so long after `last`: an interval of its own, so that links with long intervals count together too.
    counts_for: Duration,
    /// What it was judged by.
    evidence: Evidence,
    /// Another suspect has passed since: this one is judged by itself.
    released: bool,
}

/// What a verdict is about.
#[derive(PartialEq, Eq)]
struct Evidence {
    inputs: Option<Inputs>,
    registered: Option<StatusTime>,
}

impl Evidence {
    fn of(status: &LinkStatus) -> Self {
        let neutral = |inputs: &Inputs| Inputs {
            secret_uid: None,
            secret_resource_version: None,
            client_id_version: None,
            ..inputs.clone()
        };
        Self {
            inputs: status.inputs.as_ref().map(neutral),
            registered: status.link.as_ref().and_then(|link| link.registered_time),
        }
    }
}

/// When this link was last found good by this origin.
fn passed_at(state: &LinkState, origin: &Origin) -> Option<Duration> {
    match origin {
        Origin::Cloud | Origin::SelfHosted(_) => state.passed_at,
        Origin::Petra => state.petra_heard_at,
        // It only changes with a restart, so each link that does not fail passes at any time.
        Origin::Configuration => Some(Duration::MAX),
    }
}

impl Suspects {
    /// Records whether the fleet rule holds a link. Returns whether this link is the first.
    pub(crate) fn hold(&mut self, link: &LinkRef, held: bool) -> bool {
        let before = self.held.len();
        if held {
            self.held.insert(link.clone());
        } else {
            self.held.remove(link);
        }
        before == 0 && held
    }

    /// How many links the fleet rule holds.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// A visit ended. A suspended link is no suspect. One that passed with the same inputs is none either, and all others that
    /// the same origin accused of the same are judged by themselves from now on. A link that has other keys by then, or was
    /// registered again, proves nothing about them.
    pub(crate) fn settled(&mut self, subject: &Subject, state: &LinkState) {
        let Some(suspect) = self.suspected.get(&subject.key) else { return };
        let origin = &suspect.accused.by;
        let passed = *origin != Origin::Configuration
            && (*origin != Origin::Petra || subject.is_ready())
            && passed_at(state, origin).is_some_and(|at| at > suspect.last);
        let disproves = passed && suspect.evidence == Evidence::of(&subject.status);
        if !disproves && !subject.spec.suspended() {
            return;
        }
        let Some(suspect) = self.suspected.remove(&subject.key).filter(|_| disproves) else { return };
        for other in self.suspected.values_mut().filter(|other| other.accused == suspect.accused) {
            other.released = true;
        }
    }

    /// Forgets a link that is gone.
    pub(crate) fn remove(&mut self, link: &LinkRef) {
        self.suspected.remove(link);
        self.held.remove(link);
    }

    /// Adds a suspect, and returns whether it fails together with others.
    pub(crate) fn view(
        &mut self,
        subject: &Subject,
        accused: Accusation,
        now: Duration,
        states: &HashMap<LinkRef, LinkState>,
    ) -> FleetView {
        let of = accused.of;
        let is_held = |key: &LinkRef, of: Reason| {
            let suspicion = states.get(key).and_then(|state| state.suspicion);
            suspicion.is_some_and(|suspicion| suspicion.of == of)
        };
        self.suspected.retain(|key, suspect| {
            now.saturating_sub(suspect.last) < suspect.counts_for || is_held(key, suspect.accused.of)
        });
        let former = self.suspected.remove(&subject.key).filter(|former| former.accused == accused);
        let suspect = Suspect {
            accused,
            since: former.as_ref().map_or(now, |former| former.since),
            last: now,
            counts_for: subject.interval,
            evidence: Evidence::of(&subject.status),
            released: former.is_some_and(|former| former.released),
        };
        let others = self.suspected.iter().filter(|(_, other)| other.accused.of == of && !other.released);
        let others: HashMap<&LinkRef, Failing> = others
            .map(|(key, other)| (key, Failing { namespace: &key.namespace, since: other.since }))
            .collect();
        let passed = states.iter().filter(|(key, state)| {
            state.is_judged_good && **key != subject.key && !others.contains_key(*key)
        });
        let passed: Vec<_> = passed.filter_map(|(_, state)| passed_at(state, &suspect.accused.by)).collect();
        let held = states
            .get(&subject.key)
            .and_then(|state| state.suspicion)
            .is_some_and(|suspicion| suspicion.of == of && suspicion.held);
        let link = Failing { namespace: &subject.key.namespace, since: suspect.since };
        let others: Vec<_> = others.into_values().collect();
        let common = !suspect.released && is_common(link, &others, &passed, held);
        self.suspected.insert(subject.key.clone(), suspect);
        if common { FleetView::Common } else { FleetView::Single }
    }
}
