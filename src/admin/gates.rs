//! Readiness: a few named gates, each of which opens once.

use std::sync::Arc;

use parking_lot::Mutex;

/// The gates that all have to be open before the operator calls itself ready. Once open they stay open: a lost watch is a
/// matter for metrics and alerts, and an operator that calls itself unready helps nobody. They still say what is missing.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    states: Arc<Mutex<Vec<State>>>,
}

#[derive(Debug)]
struct State {
    name: &'static str,
    open: bool,
    /// What is missing now; empty: nothing.
    missing: String,
}

/// The handle by which one part of the operator opens its gate.
#[derive(Clone, Debug)]
pub struct Gate {
    gates: Gates,
    index: usize,
}

impl Gates {
    /// Adds a closed gate; `missing` says what it waits for.
    #[must_use]
    pub(crate) fn gate(&self, name: &'static str, missing: &str) -> Gate {
        let mut states = self.states.lock();
        states.push(State { name, open: false, missing: missing.to_owned() });
        Gate { gates: self.clone(), index: states.len() - 1 }
    }

    /// Whether all gates are open, and one line for each.
    #[must_use]
    pub(crate) fn report(&self) -> (bool, String) {
        let states = self.states.lock();
        let lines = states.iter().map(|State { name, open, missing }| match (open, missing.as_str()) {
            (true, "") => format!("[+]{name} open\n"),
            (true, missing) => format!("[+]{name} open, but {missing}\n"),
            (false, missing) => format!("[-]{name} closed: {missing}\n"),
        });
        let text = lines.collect();
        (states.iter().all(|state| state.open), text)
    }
}

impl Gate {
    /// Opens the gate for good, although this is missing; empty: nothing is.
    pub(crate) fn open(&self, missing: String) {
        self.set(|state| *state = State { open: true, missing, ..*state });
    }

    /// Says what the gate waits for, or what is missing since it was opened.
    pub(crate) fn wait_for(&self, missing: String) {
        self.set(|state| state.missing = missing);
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        let mut states = self.gates.states.lock();
        change(&mut states[self.index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_that_every_gate_is_open_and_the_text_names_each() {
        let gates = Gates::default();
        let links = gates.gate("links-listed", "first list");
        let secrets = gates.gate("secrets-listed", "first list");
        links.open(String::new());
        secrets.wait_for("team-a: forbidden".to_owned());
        assert_eq!(
            gates.report(),
            (false, "[+]links-listed open\n[-]secrets-listed closed: team-a: forbidden\n".to_owned())
        );
        secrets.open(String::new());
        assert!(gates.report().0);
    }

    #[test]
    fn an_open_gate_never_closes_but_says_what_is_missing_since() {
        let gates = Gates::default();
        let gate = gates.gate("links-listed", "first list");
        gate.open(String::new());
        gate.wait_for("team-a: forbidden".to_owned());
        assert_eq!(gates.report(), (true, "[+]links-listed open, but team-a: forbidden\n".to_owned()));
        gate.open(String::new());
        assert_eq!(gates.report(), (true, "[+]links-listed open\n".to_owned()));
    }
}
