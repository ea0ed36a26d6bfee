//! The one shared poll of the list route.
//!
//! Petra answers ten requests a minute, so that no link may ask for itself: confirmations, drift and leftovers of all
//! links are read from one list, every few seconds while a link waits and rarely otherwise.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::PetraClient;
use super::link::{LinkId, RemoteLink, Version};
use super::listing::Listing;
use super::outcome::PetraFault;
use super::owner::Owner;
use super::snapshot::{Snapshot, Trusted};
use crate::clock::{Clock, Now};
use crate::timings::{Timings, doubled};

/// What the poll asks.
pub trait Lister: Send + Sync {
    /// All links of an installation.
    fn list(&self, installation: &str) -> impl Future<Output = Result<Listing, PetraFault>> + Send;
}

impl Lister for PetraClient {
    fn list(&self, installation: &str) -> impl Future<Output = Result<Listing, PetraFault>> + Send {
        PetraClient::list(self, installation)
    }
}

/// What one ended list call changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Owners of this installation whose entries appeared, changed or vanished since the answer before; after an answer
    /// also all that wait, so that their time can be judged, and all that wait when an outcome differs from the last.
    pub owners: BTreeSet<Owner>,
    /// This is the first answer of this process: nothing was compared, and every entry counts as having appeared. What
    /// vanished before is for those to find who know what was there.
    pub first: bool,
}

/// The poll, and what it knows.
pub struct Poll {
    installation: String,
    timings: Timings,
    state: Mutex<State>,
    /// Wakes the loop: somebody waits, or asked.
    wake: Notify,
    /// Counts list calls: begun and ended.
    calls: watch::Sender<Calls>,
}

#[derive(Default)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    trusted: Trusted,
    outcome: Option<Result<(), PetraFault>>,
    failures: u32,
    waiting: HashSet<Owner>,
    poked: bool,
    /// Links that this process deleted, as long as a list may still name them.
    deleted: HashMap<LinkId, Deleted>,
}

/// A link that this process deleted.
struct Deleted {
    /// The version that it had.
    version: Version,
    /// When Petra answered, on the monotonic clock.
    at: Duration,
}

impl Deleted {
    /// Whether this entry of a list is from before the deletion. A list that was requested after it can be behind, and then
    /// shows the same version; a link that was made again has another one.
    fn explains(&self, link: &RemoteLink, asked_at: Now) -> bool {
        asked_at.up <= self.at || link.version == self.version
    }
}

impl State {
    /// Takes out of a list what this process deleted, and returns what that was.
    fn forget_deleted(&self, listing: &mut Listing, asked_at: Now) -> HashSet<LinkId> {
        listing.unreadable.retain(|id| self.deleted.get(id).is_none_or(|deleted| asked_at.up > deleted.at));
        listing
            .forget(|link| self.deleted.get(&link.id).is_some_and(|deleted| deleted.explains(link, asked_at)))
    }
}

#[derive(Clone, Copy, Default)]
struct Calls {
    begun: u64,
    ended: u64,
}

impl Poll {
    /// A poll that has not asked yet.
    #[must_use]
    pub(crate) fn new(installation: String, timings: Timings) -> Self {
        Self {
            installation,
            timings,
            state: Mutex::default(),
            wake: Notify::new(),
            calls: watch::Sender::default(),
        }
    }

    /// Asks until shutdown: at once, then as often as the timetable says.
    pub(crate) async fn run(
        self: Arc<Self>,
        petra: Arc<impl Lister>,
        clock: Clock,
        shutdown: CancellationToken,
        on_change: impl Fn(&Changed),
    ) {
        let polling = async {
            loop {
                let begun = Instant::now();
                let asked_at = clock.now();
                // In this order: a poke in between gets a call of its own.
                self.lock().poked = false;
                self.calls.send_modify(|calls| calls.begun += 1);
                let outcome = petra.list(&self.installation).await;
                let changed = self.take(outcome, asked_at, clock.now());
                self.calls.send_modify(|calls| calls.ended = calls.begun);
                if let Some(changed) = changed {
                    on_change(&changed);
                }
                self.pause(begun).await;
            }
        };
        shutdown.run_until_cancelled(polling).await;
    }

    /// The last answered list; `None` until the first.
    #[must_use]
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.lock().snapshot.clone()
    }

    /// How the newest list call ended; `None` until the first has.
    #[must_use]
    pub(crate) fn last_outcome(&self) -> Option<Result<(), PetraFault>> {
        self.lock().outcome
    }

    /// Asks now. Many pokes make one call, and the limiter still spaces them.
    pub(crate) fn poke(&self) {
        self.lock().poked = true;
        self.wake.notify_one();
    }

    /// Pokes, and waits until a call that began after this moment has ended. The caller bounds the wait.
    pub(crate) async fn next(&self) {
        let mut calls = self.calls.subscribe();
        let before = calls.borrow_and_update().begun;
        self.poke();
        // The sender lives as long as `self`, so that the only end is the one that is waited for.
        let _ = calls.wait_for(|calls| calls.ended > before).await;
    }

    /// From now on this owner waits for its confirmation, and the list is asked for often.
    pub(crate) fn wait_for(&self, owner: Owner) {
        if self.lock().waiting.insert(owner) {
            self.wake.notify_one();
        }
    }

    /// This owner waits no longer.
    pub(crate) fn stop_waiting(&self, owner: &Owner) {
        self.lock().waiting.remove(owner);
    }

    /// This process deleted this version of the link before `at`, on the monotonic clock: that it vanishes is not a loss, and
    /// a namesake that is made before the next list must not take it for its own. Nor does a list bring it back that was
    /// requested before or that is behind.
    pub(crate) fn deleted(&self, id: &LinkId, version: &Version, at: Duration) {
        let mut state = self.lock();
        state.deleted.insert(id.clone(), Deleted { version: version.clone(), at });
        state.trusted.forget(id);
        if let Some(snapshot) = &mut state.snapshot {
            Arc::make_mut(snapshot).forget(id);
        }
    }

    /// Takes out of another list what this process deleted.
    pub(crate) fn forget_deleted(&self, listing: &mut Listing, asked_at: Now) {
        self.lock().forget_deleted(listing, asked_at);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Records the end of a call, and returns what it changed, if anything.
    fn take(&self, outcome: Result<Listing, PetraFault>, asked_at: Now, answered_at: Now) -> Option<Changed> {
        let mut state = self.lock();
        let ended = outcome.as_ref().map(drop).map_err(|fault| *fault);
        let news = !state.outcome.is_some_and(|before| is_same_outcome(before, ended));
        state.outcome = Some(ended);
        let mut changed = Changed { owners: BTreeSet::new(), first: false };
        match outcome {
            Ok(mut listing) => {
                state.failures = 0;
                let listed = state.forget_deleted(&mut listing, asked_at);
                // Another of Petra's servers may be further behind.
                let period = self.timings.poll_idle;
                state.deleted.retain(|id, gone| asked_at.up <= gone.at + period || listed.contains(id));
                let suspicious = state.trusted.judge(&listing);
                let snapshot = Arc::new(Snapshot::new(listing, suspicious, asked_at, answered_at));
                changed.first = state.snapshot.is_none();
                changed.owners = snapshot.owners_changed_since(state.snapshot.as_deref(), &self.installation);
                changed.owners.extend(state.waiting.iter().cloned());
                state.snapshot = Some(snapshot);
            }
            Err(fault) => {
                state.failures = state.failures.saturating_add(1);
                if news {
                    tracing::warn!(?fault, "Petra did not answer the list request");
                    changed.owners = state.waiting.iter().cloned().collect();
                }
            }
        }
        (news || changed.first || !changed.owners.is_empty()).then_some(changed)
    }

    /// Waits until the next call is due, looking again whenever somebody begins to wait or asks.
    async fn pause(&self, begun: Instant) {
        loop {
            let Some(period) = self.period() else { return };
            tokio::select! {
                () = tokio::time::sleep_until(begun + period) => return,
                () = self.wake.notified() => {}
            }
        }
    }

    /// How long after the last call the next one begins; `None`: at once.
    fn period(&self) -> Option<Duration> {
        let state = self.lock();
        if state.poked {
            return None;
        }
        let Timings { poll, poll_idle, .. } = self.timings;
        Some(match (state.failures, state.waiting.is_empty()) {
            (0, true) => poll_idle,
            (0, false) => poll,
            (failures, idle) => {
                let longest = if idle { poll_idle } else { poll.saturating_mul(6).min(poll_idle) };
                doubled(poll, failures - 1, longest)
            }
        })
    }
}

/// Whether two calls ended the same way, however long the server asked us to wait.
fn is_same_outcome(one: Result<(), PetraFault>, other: Result<(), PetraFault>) -> bool {
    match (one, other) {
        (Ok(()), Ok(())) => true,
        (Err(one), Err(other)) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
