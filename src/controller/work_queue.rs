//! What waits, what runs, and that no namespace and no ConnectWise server keeps everything busy.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::crd::LinkRef;
use crate::kubernetes::Wake;
use crate::upstream::hosts::HostPort;

/// Counts waiting and running links, and bounds how many links of one namespace, and of one ConnectWise server, run at
/// once.
///
/// The applier bounds how many links run in all. A link whose namespace or server has its share running gives its worker
/// back at once: it is parked here, and woken when it may run. Parked links come first in, first out, as far as their
/// shares allow.
#[derive(Debug)]
pub(super) struct WorkQueue {
    of_namespace: usize,
    of_server: usize,
    /// How many links of one namespace may run at one server.
    of_both: usize,
    state: Mutex<State>,
    wake: Wake,
}

#[derive(Debug, Default)]
struct State {
    /// Triggered, and not started since.
    waiting: HashSet<LinkRef>,
    running: Counts,
    parked: VecDeque<Parked>,
}

/// A link that has to wait for its share.
#[derive(Debug)]
struct Parked {
    link: LinkRef,
    server: Option<HostPort>,
    /// It was woken, and has not come yet.
    woken: bool,
}

/// How many links there are of each namespace, of each server, and of each namespace at each server.
#[derive(Clone, Debug, Default)]
struct Counts {
    all: usize,
    namespaces: HashMap<String, usize>,
    servers: HashMap<HostPort, usize>,
    both: HashMap<(String, HostPort), usize>,
}

impl Counts {
    fn add(&mut self, link: &LinkRef, server: Option<&HostPort>) {
        self.all += 1;
        *self.namespaces.entry(link.namespace.clone()).or_default() += 1;
        if let Some(server) = server {
            *self.servers.entry(server.clone()).or_default() += 1;
            *self.both.entry((link.namespace.clone(), server.clone())).or_default() += 1;
        }
    }

    fn remove(&mut self, link: &LinkRef, server: Option<&HostPort>) {
        self.all -= 1;
        take_one(&mut self.namespaces, &link.namespace);
        if let Some(server) = server {
            take_one(&mut self.servers, server);
            take_one(&mut self.both, &(link.namespace.clone(), server.clone()));
        }
    }
}

fn take_one<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// The right to run one link. Given back when dropped, also by a panic.
#[derive(Debug)]
pub(super) struct Slot {
    queue: Arc<WorkQueue>,
    link: LinkRef,
    server: Option<HostPort>,
}

impl WorkQueue {
    /// `concurrency` links may run at once. One server may take half. Where several namespaces share them, one of them may
    /// take half too, and half of what one server may take.
    pub(super) fn new(concurrency: u16, several: bool, wake: Wake) -> Arc<Self> {
        let all = usize::from(concurrency);
        let half = all.div_ceil(2);
        let (of_namespace, of_both) = if several { (half, half.div_ceil(2)) } else { (all, half) };
        Arc::new(Self { of_namespace, of_server: half, of_both, state: Mutex::default(), wake })
    }

    /// A link waits for a reconcile.
    pub(super) fn enqueue(&self, link: LinkRef) {
        self.state.lock().waiting.insert(link);
    }

    /// Takes a slot for a link that may have to wait for this server; `None` when its namespace or the server has its share,
    /// and the link is woken later.
    pub(super) fn start(self: &Arc<Self>, link: &LinkRef, server: Option<HostPort>) -> Option<Slot> {
        let mut state = self.state.lock();
        if !self.has_room(&state.running, link, server.as_ref()) {
            let Some(parked) = state.parked.iter_mut().find(|parked| parked.link == *link) else {
                state.parked.push_back(Parked { link: link.clone(), server, woken: false });
                return None;
            };
            parked.server = server;
            if std::mem::take(&mut parked.woken) {
                // What it was woken for may do for another one.
                self.wake_parked(&mut state);
            }
            return None;
        }
        state.parked.retain(|parked| parked.link != *link);
        state.running.add(link, server.as_ref());
        state.waiting.remove(link);
        Some(Slot { queue: Arc::clone(self), link: link.clone(), server })
    }

    /// The link no longer waits, because it is gone or not to be looked at yet. If it was woken to take a free slot, the
    /// next one is.
    pub(super) fn remove(&self, link: &LinkRef) {
        let mut state = self.state.lock();
        state.waiting.remove(link);
        state.parked.retain(|parked| parked.link != *link);
        self.wake_parked(&mut state);
    }

    /// How many links wait, and how many run.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.waiting.len(), state.running.all)
    }

    fn has_room(&self, running: &Counts, link: &LinkRef, server: Option<&HostPort>) -> bool {
        let namespace = running.namespaces.get(&link.namespace).copied().unwrap_or_default();
        namespace < self.of_namespace
            && server.is_none_or(|server| {
                let both = running.both.get(&(link.namespace.clone(), server.clone()));
                running.servers.get(server).is_none_or(|running| *running < self.of_server)
                    && both.is_none_or(|running| *running < self.of_both)
            })
    }

    /// Wakes every parked link that may run beside those that run and those that were woken already.
    fn wake_parked(&self, state: &mut State) {
        let mut taken = state.running.clone();
        for parked in state.parked.iter().filter(|parked| parked.woken) {
            taken.add(&parked.link, parked.server.as_ref());
        }
        for parked in state.parked.iter_mut().filter(|parked| !parked.woken) {
            if self.has_room(&taken, &parked.link, parked.server.as_ref()) {
                taken.add(&parked.link, parked.server.as_ref());
                parked.woken = true;
                self.wake.link(&parked.link.namespace, &parked.link.name);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.running.remove(&self.link, self.server.as_ref());
        self.queue.wake_parked(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;

    fn queue(concurrency: u16, several: bool) -> (Arc<WorkQueue>, UnboundedReceiver<LinkRef>) {
        let (wake, woken) = Wake::new();
        (WorkQueue::new(concurrency, several, wake), woken)
    }

    fn server(name: &str) -> HostPort {
        name.parse().expect("a host")
    }

    #[test]
    fn one_namespace_takes_at_most_half_of_what_several_share() {
        let (queue, mut woken) = queue(4, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let first = queue.start(&link("1"), None).expect("free");
        let _second = queue.start(&link("2"), None).expect("free");
        assert!(queue.start(&link("3"), None).is_none() && queue.start(&link("4"), None).is_none());
        let _other =
            queue.start(&LinkRef::new("quiet", "1"), None).expect("another namespace has its own share");
        assert!(woken.try_recv().is_err());
        drop(first);
        assert_eq!(woken.try_recv(), Ok(link("3")));
        assert!(woken.try_recv().is_err(), "one free slot wakes one link");
    }

    #[test]
    fn a_namespace_on_its_own_takes_all() {
        let (queue, _woken) = queue(2, false);
        let slots = ["1", "2", "3"].map(|name| queue.start(&LinkRef::new("only", name), None));
        assert_eq!(slots.map(|slot| slot.is_some()), [true, true, false]);
    }

    #[test]
    fn one_server_takes_at_most_half_of_the_workers() {
        let (queue, mut woken) = queue(4, false);
        let link = |name: &str| LinkRef::new("only", name);
        let slow = || Some(server("psa.example.com"));
        let first = queue.start(&link("1"), slow()).expect("free");
        let _second = queue.start(&link("2"), slow()).expect("free");
        assert!(queue.start(&link("3"), slow()).is_none());
        let _other =
            queue.start(&link("4"), Some(server("na.myconnectwise.net"))).expect("of another server");
        let _none = queue.start(&link("5"), None).expect("it waits for no server");
        drop(first);
        assert_eq!(woken.try_recv(), Ok(link("3")));
        let third = queue.start(&link("3"), slow());
        assert!(third.is_some() && queue.start(&link("1"), slow()).is_none());
    }

    #[test]
    fn one_namespace_leaves_room_at_its_server_to_the_others() {
        let (queue, _woken) = queue(8, true);
        let slow = || Some(server("na.myconnectwise.net"));
        let slots = ["1", "2", "3"].map(|name| queue.start(&LinkRef::new("busy", name), slow()));
        assert_eq!(slots.each_ref().map(Option::is_some), [true, true, false]);
        let quiet = ["1", "2", "3"].map(|name| queue.start(&LinkRef::new("quiet", name), slow()));
        assert_eq!(quiet.each_ref().map(Option::is_some), [true, true, false]);
        assert!(queue.start(&LinkRef::new("third", "1"), slow()).is_none(), "the server has its share");
    }

    #[test]
    fn a_slot_that_frees_two_shares_wakes_a_link_of_each() {
        let (queue, mut woken) = queue(2, true);
        let (slow, fast) = (|| Some(server("psa.example.com")), || Some(server("na.myconnectwise.net")));
        let first = queue.start(&LinkRef::new("a", "1"), slow()).expect("free");
        let of_namespace = LinkRef::new("a", "2");
        let of_both = LinkRef::new("a", "3");
        let of_server = LinkRef::new("b", "1");
        assert!(queue.start(&of_namespace, fast()).is_none(), "its namespace has its share");
        assert!(queue.start(&of_both, slow()).is_none(), "both have their share");
        assert!(queue.start(&of_server, slow()).is_none(), "its server has its share");
        drop(first);
        let woken: Vec<_> = std::iter::from_fn(|| woken.try_recv().ok()).collect();
        assert_eq!(woken, [of_namespace, of_server]);
    }

    #[test]
    fn a_woken_link_whose_room_is_taken_keeps_its_place() {
        let (queue, mut woken) = queue(2, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let running = queue.start(&link("1"), None).expect("free");
        assert!(queue.start(&link("2"), None).is_none() && queue.start(&link("3"), None).is_none());
        drop(running);
        assert_eq!(woken.try_recv(), Ok(link("2")));
        let newcomer = queue.start(&link("4"), None).expect("it comes first");
        assert!(queue.start(&link("2"), None).is_none());
        assert!(woken.try_recv().is_err(), "there is no room");
        drop(newcomer);
        assert_eq!(woken.try_recv(), Ok(link("2")), "before those that came after it");
    }

    #[test]
    fn a_parked_link_that_something_else_woke_is_not_woken_again() {
        let (queue, mut woken) = queue(1, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let running = queue.start(&link("1"), None).expect("free");
        assert!(queue.start(&link("2"), None).is_none() && queue.start(&link("3"), None).is_none());
        drop(running);
        assert_eq!(woken.try_recv(), Ok(link("2")));
        let second = queue.start(&link("2"), None).expect("free");
        drop(second);
        assert_eq!(woken.try_recv(), Ok(link("3")));
        let third = queue.start(&link("3"), None).expect("free");
        drop(third);
        assert!(woken.try_recv().is_err(), "all ran already");
    }

    #[test]
    fn a_parked_link_that_goes_away_does_not_swallow_the_wake_of_the_next() {
        let (queue, mut woken) = queue(1, true);
        let link = |name: &str| LinkRef::new("busy", name);
        let running = queue.start(&link("1"), None).expect("free");
        assert!(queue.start(&link("gone"), None).is_none() && queue.start(&link("next"), None).is_none());
        drop(running);
        assert_eq!(woken.try_recv(), Ok(link("gone")));
        queue.remove(&link("gone"));
        assert_eq!(woken.try_recv(), Ok(link("next")));
    }

    #[test]
    fn what_waits_and_what_runs_is_counted_and_forgotten() {
        let (queue, _woken) = queue(4, true);
        let (one, two) = (LinkRef::new("a", "1"), LinkRef::new("a", "2"));
        for link in [&one, &one, &two] {
            queue.enqueue(link.clone());
        }
        assert_eq!(queue.counts(), (2, 0));
        let slot = queue.start(&one, Some(server("psa.example.com")));
        assert_eq!(queue.counts(), (1, 1));
        queue.remove(&two);
        drop(slot);
        assert_eq!(queue.counts(), (0, 0));
        let state = queue.state.lock();
        let Counts { namespaces, servers, both, .. } = &state.running;
        assert!(namespaces.is_empty() && servers.is_empty() && both.is_empty());
    }
}
