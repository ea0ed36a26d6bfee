//! Detects that many Ready links fail for the same reason at once. The operator itself may be the cause.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::crd::LinkRef;
use crate::crd::Reason;
use crate::link::facts::FleetView;
use crate::link::state::LinkState;

/// The Ready links that were found guilty of something.
#[derive(Default)]
pub(super) struct Suspects {
    /// Ready links that were suspected, whether they are accused by now or not.
    suspected: HashMap<LinkRef, Suspect>,
    /// Accusations that one of the suspected links has disproved. Each counts until no link is suspected of it.
    disproved: HashSet<Reason>,
    /// The links that the fleet rule holds.
    held: HashSet<LinkRef>,
}

/// A Ready link that was found guilty of something.
struct Suspect {
    of: Reason,
    /// When it was last found so, on the monotonic clock.
    last: Duration,
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

    /// A suspect passed a check with the same inputs. New API keys or a suspended link do not disprove a suspicion.
    pub(crate) fn disproved(&mut self, link: &LinkRef, of: Reason) {
        self.suspected.remove(link);
        self.disproved.insert(of);
    }

    /// Forgets a link that is gone.
    pub(crate) fn remove(&mut self, link: &LinkRef) {
        self.suspected.remove(link);
        self.held.remove(link);
    }

    /// Adds a suspect, and returns what the fleet looks like to it.
    pub(crate) fn view(
        &mut self,
        link: &LinkRef,
        of: Reason,
        now: Duration,
        window: Duration,
        states: &HashMap<LinkRef, LinkState>,
    ) -> FleetView {
        let Self { suspected, disproved, .. } = self;
        suspected.insert(link.clone(), Suspect { of, last: now });
        let still_suspected = |key: &LinkRef, of: Reason| {
            let suspicion = states.get(key).and_then(|state| state.suspicion);
            suspicion.is_some_and(|suspicion| suspicion.of == of)
        };
        suspected.retain(|key, suspect| {
            now.saturating_sub(suspect.last) < window || still_suspected(key, suspect.of)
        });
        let others = suspected.iter().filter(|(key, suspect)| *key != link && suspect.of == of);
        let suspected_alike = others.count();
        if suspected_alike == 0 {
            disproved.remove(&of);
        }
        let was_ready = |(key, state): &(&LinkRef, &LinkState)| state.ready || suspected.contains_key(*key);
        FleetView {
            ready: states.iter().filter(was_ready).count(),
            suspected_alike,
            released: disproved.contains(&of),
        }
    }
}
