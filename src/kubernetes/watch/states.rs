//! The state of each watch.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::admin::Gate;
use crate::watch_scope::WatchScope;

/// What a watch has received from the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchState {
    /// No answer yet.
    Pending,
    /// A whole list; the watch keeps it up to date.
    Listed,
    /// The operator has no right to list or watch here.
    Forbidden,
    /// The list failed otherwise; it is tried again.
    Failing,
}

/// The watches of one kind of object, and the gate that depends on them.
///
/// The gate opens when every watch has a list or a refusal, and at least one has a list. A namespace without rights keeps
/// neither the others nor the operator waiting. An operator without any right at all never becomes ready, which stops its
/// rollout.
#[derive(Debug)]
pub(super) struct WatchStates {
    states: Mutex<BTreeMap<WatchScope, WatchState>>,
    gate: Gate,
}

impl WatchStates {
    pub(super) fn new(scopes: &[WatchScope], gate: Gate) -> Self {
        let states = scopes.iter().map(|scope| (scope.clone(), WatchState::Pending)).collect();
        Self { states: Mutex::new(states), gate }
    }

    /// Records the state of a watch, and returns the state before. A failure does not undo a list, because the watch resumes
    /// where it was. A right that is taken away does.
    pub(super) fn record(&self, scope: &WatchScope, state: WatchState) -> WatchState {
        let mut states = self.states.lock();
        let before = states.get(scope).copied().unwrap_or(WatchState::Pending);
        if !(before == WatchState::Listed && state == WatchState::Failing) {
            states.insert(scope.clone(), state);
        }
        let settled = |state: &WatchState| matches!(state, WatchState::Listed | WatchState::Forbidden);
        if states.values().all(settled) && states.values().any(|state| *state == WatchState::Listed) {
            self.gate.open(missing(&states));
        } else {
            self.gate.wait_for(missing(&states));
        }
        before
    }

    /// Whether the first answer to some watch is still to come.
    pub(super) fn is_pending(&self) -> bool {
        let states = self.states.lock();
        states.values().any(|state| *state == WatchState::Pending)
    }

    /// The state of the watch that covers a namespace.
    pub(super) fn of(&self, namespace: &str) -> WatchState {
        let states = self.states.lock();
        states
            .iter()
            .find(|(scope, _)| scope.covers(namespace))
            .map_or(WatchState::Pending, |(_, state)| *state)
    }
}

/// How many watches lack what. Which they are, only the log says: anyone who reaches the admin port can read this.
fn missing(states: &BTreeMap<WatchScope, WatchState>) -> String {
    let lacks = |state: WatchState| match state {
        WatchState::Listed => None,
        WatchState::Pending => Some("no answer yet"),
        WatchState::Forbidden => Some("no right to list and watch"),
        WatchState::Failing => Some("the list request fails"),
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for lack in states.values().copied().filter_map(lacks) {
        *counts.entry(lack).or_default() += 1;
    }
    let texts = counts.iter().map(|(lack, count)| format!("{count} of {} watches: {lack}", states.len()));
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Gates;

    fn states(namespaces: &[&str]) -> (WatchStates, Gates) {
        let gates = Gates::default();
        let scopes: Vec<WatchScope> =
            namespaces.iter().map(|name| WatchScope::Namespace((*name).to_owned())).collect();
        let gate = gates.gate("links-listed", "the first list");
        (WatchStates::new(&scopes, gate), gates)
    }

    fn scope(name: &str) -> WatchScope {
        WatchScope::Namespace(name.to_owned())
    }

    #[test]
    fn a_forbidden_namespace_does_not_keep_the_gate_shut() {
        let (states, gates) = states(&["a", "b"]);
        states.record(&scope("b"), WatchState::Forbidden);
        assert!(!gates.report().0);
        states.record(&scope("a"), WatchState::Listed);
        let but = "[+]links-listed open, but 1 of 2 watches: no right to list and watch\n";
        assert_eq!(gates.report(), (true, but.to_owned()));
        assert_eq!(
            (states.of("a"), states.of("b"), states.of("c")),
            (WatchState::Listed, WatchState::Forbidden, WatchState::Pending)
        );
    }

    #[test]
    fn a_right_that_comes_back_leaves_nothing_missing() {
        let (states, gates) = states(&["a", "b"]);
        for (name, state) in
            [("a", WatchState::Listed), ("b", WatchState::Forbidden), ("b", WatchState::Listed)]
        {
            states.record(&scope(name), state);
        }
        assert_eq!(gates.report(), (true, "[+]links-listed open\n".to_owned()));
    }

    #[test]
    fn without_any_right_the_gate_stays_shut_and_says_why() {
        let (states, gates) = states(&["a"]);
        states.record(&scope("a"), WatchState::Forbidden);
        assert_eq!(
            gates.report(),
            (false, "[-]links-listed closed: 1 of 1 watches: no right to list and watch\n".to_owned())
        );
    }

    #[test]
    fn a_failure_keeps_the_list_and_a_lost_right_does_not() {
        let (states, _) = states(&["a"]);
        assert_eq!(states.record(&scope("a"), WatchState::Failing), WatchState::Pending);
        assert_eq!(states.record(&scope("a"), WatchState::Listed), WatchState::Failing);
        assert_eq!(states.record(&scope("a"), WatchState::Failing), WatchState::Listed);
        assert_eq!(states.of("a"), WatchState::Listed);
        states.record(&scope("a"), WatchState::Forbidden);
        assert_eq!(states.of("a"), WatchState::Forbidden);
    }

    #[test]
    fn the_gate_counts_what_is_missing_and_names_no_namespace() {
        let (states, gates) = states(&["tenant-one", "tenant-two", "tenant-three", "tenant-four"]);
        states.record(&scope("tenant-one"), WatchState::Listed);
        states.record(&scope("tenant-two"), WatchState::Forbidden);
        states.record(&scope("tenant-three"), WatchState::Failing);
        let (_, said) = gates.report();
        let expected = "1 of 4 watches: no answer yet, 1 of 4 watches: no right to list and watch, 1 of 4 watches: the list \
                        request fails";
        assert_eq!(said, format!("[-]links-listed closed: {expected}\n"));
        assert!(!said.contains("tenant"), "{said}");
    }

    #[test]
    fn the_whole_cluster_covers_every_namespace() {
        let gates = Gates::default();
        let states = WatchStates::new(&[WatchScope::Cluster], gates.gate("links-listed", "the first list"));
        states.record(&WatchScope::Cluster, WatchState::Listed);
        assert_eq!(states.of("anywhere"), WatchState::Listed);
    }
}
