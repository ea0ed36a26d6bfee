//! What waits, what runs, and that no namespace runs everything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::admin::Liveness;
use crate::crd::LinkRef;
use crate::kubernetes::Wake;

/// Counts waiting and running links, and bounds how many links of one namespace run at once.
///
/// The applier bounds how many links run in all. A namespace that has its share running gives its slot back at once: the
/// link is parked here, and woken when another one of its namespace is done.
#[derive(Debug)]
pub(super) struct WorkQueue {
    share: usize,
    state: Mutex<State>,
    wake: Wake,
    liveness: Arc<Liveness>,
}

#[derive(Debug, Default)]
struct State {
    /// Triggered, and not started since.
    waiting: HashSet<LinkRef>,
    running: usize,
    namespaces: HashMap<String, Namespace>,
}

impl State {
    fn has_more(&self) -> bool {
        self.running > 0 || !self.waiting.is_empty()
    }
}

#[derive(Debug, Default)]
struct Namespace {
    running: usize,
    parked: VecDeque<String>,
}

/// The right to run one link. Given back when dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Slot {
    queue: Arc<WorkQueue>,
    namespace: String,
}

impl WorkQueue {
    /// `concurrency` links may run at once. Where several namespaces share them, one may take half.
    pub(super) fn new(concurrency: u16, several: bool, wake: Wake, liveness: Arc<Liveness>) -> Arc<Self> {
        let all = usize::from(concurrency);
        let share = if several { all.div_ceil(2) } else { all };
        Arc::new(Self { share, state: Mutex::default(), wake, liveness })
    }

    /// A link waits for a reconcile.
    pub(super) fn enqueue(&self, link: LinkRef) {
        self.with(|state| state.waiting.insert(link));
        self.liveness.work_waits();
    }

    /// Takes a slot for a link; `None` when its namespace has its share, and the link is woken later.
    pub(super) fn start(self: &Arc<Self>, link: &LinkRef) -> Option<Slot> {
        self.with(|state| {
            let namespace = state.namespaces.entry(link.namespace.clone()).or_default();
            if namespace.running >= self.share {
                if !namespace.parked.contains(&link.name) {
                    namespace.parked.push_back(link.name.clone());
                }
                return None;
            }
            // Woken by something else, it waits for nothing any more.
            namespace.parked.retain(|name| *name != link.name);
            namespace.running += 1;
            state.running += 1;
            state.waiting.remove(link);
            Some(Slot { queue: Arc::clone(self), namespace: link.namespace.clone() })
        })
    }

    /// The link no longer waits, because it is gone or not to be looked at yet. If it was woken to take a free slot, the
    /// next one of its namespace is.
    pub(super) fn remove(&self, link: &LinkRef) {
        let more = self.with(|state| {
            state.waiting.remove(link);
            if let Some(namespace) = state.namespaces.get_mut(&link.namespace) {
                namespace.parked.retain(|name| *name != link.name);
            }
            state.has_more()
        });
        if !more {
            self.liveness.idle();
        }
        self.wake_next(&link.namespace);
    }

    /// How many links wait, and how many run.
    pub(super) fn counts(&self) -> (usize, usize) {
        self.with(|state| (state.waiting.len(), state.running))
    }

    fn finish(&self, namespace: &str) {
        let more = self.with(|state| {
            state.running -= 1;
            if let Some(namespace) = state.namespaces.get_mut(namespace) {
                namespace.running -= 1;
            }
            state.has_more()
        });
        self.liveness.work_completed(more);
        self.wake_next(namespace);
    }

    /// Wakes the link of this namespace that was parked first, if a slot is free.
    fn wake_next(&self, namespace: &str) {
        let next = self.with(|state| {
            let own = state.namespaces.get_mut(namespace)?;
            let next = if own.running < self.share { own.parked.pop_front() } else { None };
            if own.running == 0 && own.parked.is_empty() {
                state.namespaces.remove(namespace);
            }
            next
        });
        if let Some(name) = next {
            self.wake.link(namespace, &name);
        }
    }

    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        read(&mut self.state.lock())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.queue.finish(&self.namespace);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::clock::Clock;

    fn queue(concurrency: u16, several: bool) -> (Arc<WorkQueue>, UnboundedReceiver<LinkRef>) {
        let (wake, woken) = Wake::new();
        (WorkQueue::new(concurrency, several, wake, Arc::new(Liveness::new(Clock::start()))), woken)
    }

    #[test]
    fn one_namespace_takes_at_most_half_of_what_several_share() {
        let (queue, mut woken) = queue(4, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let first = queue.start(&link("1")).expect("free");
        let _second = queue.start(&link("2")).expect("free");
        assert!(queue.start(&link("3")).is_none() && queue.start(&link("4")).is_none());
        let _other = queue.start(&LinkRef::new("quiet", "1")).expect("another namespace has its own share");
        assert!(woken.try_recv().is_err());
        drop(first);
        assert_eq!(woken.try_recv(), Ok(link("3")));
        assert!(woken.try_recv().is_err(), "one free slot wakes one link");
    }

    #[test]
    fn a_namespace_on_its_own_takes_all() {
        let (queue, _woken) = queue(2, false);
        let slots = ["1", "2", "3"].map(|name| queue.start(&LinkRef::new("only", name)));
        assert_eq!(slots.map(|slot| slot.is_some()), [true, true, false]);
    }

    #[test]
    fn a_parked_link_that_something_else_woke_is_not_woken_again() {
        let (queue, mut woken) = queue(1, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let running = queue.start(&link("1")).expect("free");
        assert!(queue.start(&link("2")).is_none() && queue.start(&link("3")).is_none());
        drop(running);
        assert_eq!(woken.try_recv(), Ok(link("2")));
        let third = queue.start(&link("3")).expect("free");
        drop(third);
        assert!(woken.try_recv().is_err(), "it ran already");
    }

    #[test]
    fn a_parked_link_that_goes_away_does_not_swallow_the_wake_of_the_next() {
        let (queue, mut woken) = queue(1, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let running = queue.start(&link("1")).expect("free");
        assert!(queue.start(&link("gone")).is_none() && queue.start(&link("next")).is_none());
        drop(running);
        assert_eq!(woken.try_recv(), Ok(link("gone")));
        queue.remove(&link("gone"));
        assert_eq!(woken.try_recv(), Ok(link("next")));
    }

    #[test]
    fn a_link_that_is_gone_leaves_nothing_that_waits() {
        let (queue, _woken) = queue(4, true);
        let (gone, other) = (LinkRef::new("a", "gone"), LinkRef::new("a", "other"));
        queue.enqueue(gone.clone());
        queue.enqueue(other.clone());
        queue.remove(&gone);
        assert!(queue.liveness.is_waiting(), "the other one waits");
        let slot = queue.start(&other);
        queue.enqueue(gone.clone());
        queue.remove(&gone);
        assert!(queue.liveness.is_waiting(), "the other one runs");
        drop(slot);
        assert!(!queue.liveness.is_waiting());
        queue.enqueue(gone.clone());
        queue.remove(&gone);
        assert!(!queue.liveness.is_waiting(), "a deleted link must not have the operator restarted");
    }

    #[test]
    fn what_waits_and_what_runs_is_counted_and_forgotten() {
        let (queue, _woken) = queue(4, true);
        let (one, two) = (LinkRef::new("a", "1"), LinkRef::new("a", "2"));
        for link in [&one, &one, &two] {
            queue.enqueue(link.clone());
        }
        assert_eq!(queue.counts(), (2, 0));
        let slot = queue.start(&one);
        assert_eq!(queue.counts(), (1, 1));
        queue.remove(&two);
        drop(slot);
        assert_eq!(queue.counts(), (0, 0));
        assert!(queue.with(|state| state.namespaces.is_empty()));
    }
}
