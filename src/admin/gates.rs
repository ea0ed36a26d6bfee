//! Readiness: a few named gates, each of which opens once.

use std::sync::{Arc, Mutex, PoisonError};

/// The gates that all have to be open before the operator calls itself ready. Once open they stay open: a lost watch is a
/// matter for metrics and alerts, and an operator that calls itself unready helps nobody.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    states: Arc<Mutex<Vec<State>>>,
}

#[derive(Debug)]
struct State {
    name: &'static str,
    /// What is still missing; `None` once open.
    missing: Option<String>,
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
    pub fn gate(&self, name: &'static str, missing: &str) -> Gate {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.push(State { name, missing: Some(missing.to_owned()) });
        Gate { gates: self.clone(), index: states.len() - 1 }
    }

    /// Whether all gates are open, and one line for each.
    #[must_use]
    pub fn report(&self) -> (bool, String) {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = states.iter().map(|State { name, missing }| match missing {
            None => format!("[+]{name} open\n"),
            Some(missing) => format!("[-]{name} closed: {missing}\n"),
        });
        let text = lines.collect();
        (states.iter().all(|state| state.missing.is_none()), text)
    }
}

impl Gate {
    /// Opens the gate for good.
    pub fn open(&self) {
        self.set(None);
    }

    /// Says what the gate waits for, unless it is open already.
    pub fn wait_for(&self, missing: String) {
        self.set(Some(missing));
    }

    fn set(&self, missing: Option<String>) {
        let mut states = self.gates.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut states[self.index];
        if state.missing.is_some() {
            state.missing = missing;
        }
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
        links.open();
        secrets.wait_for("team-a: forbidden".to_owned());
        assert_eq!(
            gates.report(),
            (false, "[+]links-listed open\n[-]secrets-listed closed: team-a: forbidden\n".to_owned())
        );
        secrets.open();
        assert!(gates.report().0);
    }

    #[test]
    fn an_open_gate_never_closes() {
        let gates = Gates::default();
        let gate = gates.gate("links-listed", "first list");
        gate.open();
        gate.wait_for("something else".to_owned());
        assert!(gates.report().0);
    }
}
