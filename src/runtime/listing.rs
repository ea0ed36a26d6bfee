//! What the first answer of each watch was.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::reach::Reach;
use crate::admin::Gate;

/// What a watch has heard from the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// No answer yet.
    Nothing,
    /// A whole list; the watch keeps it up to date.
    Listed,
    /// The operator has no right to list or watch here.
    Forbidden,
    /// The list failed otherwise; it is tried again.
    Failing,
}

/// The watches of one kind of object, and the gate that depends on them.
///
/// The gate opens when every watch has a list or was told that it has no right to one, and at least one has a list: a
/// namespace without rights keeps neither the others nor the operator waiting, while an operator without any right at
/// all never calls itself ready, which stops its rollout.
#[derive(Debug)]
pub(super) struct Listing {
    heard: Mutex<BTreeMap<Reach, Heard>>,
    gate: Gate,
}

impl Listing {
    pub(super) fn new(reaches: &[Reach], gate: Gate) -> Self {
        let heard = reaches.iter().map(|reach| (reach.clone(), Heard::Nothing)).collect();
        Self { heard: Mutex::new(heard), gate }
    }

    /// Records what a watch heard, and says what it had heard before. A failure does not undo a list: the watch resumes
    /// where it was. A right that is taken away does.
    pub(super) fn record(&self, reach: &Reach, news: Heard) -> Heard {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heard.get(reach).copied().unwrap_or(Heard::Nothing);
        if !(before == Heard::Listed && news == Heard::Failing) {
            heard.insert(reach.clone(), news);
        }
        let settled = |heard: &Heard| matches!(heard, Heard::Listed | Heard::Forbidden);
        if heard.values().all(settled) && heard.values().any(|heard| *heard == Heard::Listed) {
            self.gate.open(missing(&heard));
        } else {
            self.gate.wait_for(missing(&heard));
        }
        before
    }

    /// Whether the first answer to some watch is still to come.
    pub(super) fn is_coming(&self) -> bool {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.values().any(|heard| *heard == Heard::Nothing)
    }

    /// What the watch that covers a namespace has heard.
    pub(super) fn of(&self, namespace: &str) -> Heard {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().find(|(reach, _)| reach.covers(namespace)).map_or(Heard::Nothing, |(_, heard)| *heard)
    }
}

fn missing(heard: &BTreeMap<Reach, Heard>) -> String {
    let texts = heard.iter().filter_map(|(reach, heard)| match heard {
        Heard::Listed => None,
        Heard::Nothing => Some(format!("{reach}: no answer yet")),
        Heard::Forbidden => Some(format!("{reach}: no right to list and watch")),
        Heard::Failing => Some(format!("{reach}: the list request fails")),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Gates;

    fn listing(namespaces: &[&str]) -> (Listing, Gates) {
        let gates = Gates::default();
        let reaches: Vec<Reach> =
            namespaces.iter().map(|name| Reach::Namespace((*name).to_owned())).collect();
        let gate = gates.gate("links-listed", "the first list");
        (Listing::new(&reaches, gate), gates)
    }

    fn reach(name: &str) -> Reach {
        Reach::Namespace(name.to_owned())
    }

    #[test]
    fn a_forbidden_namespace_does_not_keep_the_gate_shut() {
        let (listing, gates) = listing(&["a", "b"]);
        listing.record(&reach("b"), Heard::Forbidden);
        assert!(!gates.report().0);
        listing.record(&reach("a"), Heard::Listed);
        let but = "[+]links-listed open, but namespace b: no right to list and watch\n";
        assert_eq!(gates.report(), (true, but.to_owned()));
        assert_eq!(
            (listing.of("a"), listing.of("b"), listing.of("c")),
            (Heard::Listed, Heard::Forbidden, Heard::Nothing)
        );
    }

    #[test]
    fn a_right_that_comes_back_leaves_nothing_missing() {
        let (listing, gates) = listing(&["a", "b"]);
        for (name, news) in [("a", Heard::Listed), ("b", Heard::Forbidden), ("b", Heard::Listed)] {
            listing.record(&reach(name), news);
        }
        assert_eq!(gates.report(), (true, "[+]links-listed open\n".to_owned()));
    }

    #[test]
    fn without_any_right_the_gate_stays_shut_and_says_why() {
        let (listing, gates) = listing(&["a"]);
        listing.record(&reach("a"), Heard::Forbidden);
        assert_eq!(
            gates.report(),
            (false, "[-]links-listed closed: namespace a: no right to list and watch\n".to_owned())
        );
    }

    #[test]
    fn a_failure_keeps_the_list_and_a_lost_right_does_not() {
        let (listing, _) = listing(&["a"]);
        assert_eq!(listing.record(&reach("a"), Heard::Failing), Heard::Nothing);
        assert_eq!(listing.record(&reach("a"), Heard::Listed), Heard::Failing);
        assert_eq!(listing.record(&reach("a"), Heard::Failing), Heard::Listed);
        assert_eq!(listing.of("a"), Heard::Listed);
        listing.record(&reach("a"), Heard::Forbidden);
        assert_eq!(listing.of("a"), Heard::Forbidden);
    }

    #[test]
    fn the_whole_cluster_covers_every_namespace() {
        let gates = Gates::default();
        let listing = Listing::new(&[Reach::Cluster], gates.gate("links-listed", "the first list"));
        listing.record(&Reach::Cluster, Heard::Listed);
        assert_eq!(listing.of("anywhere"), Heard::Listed);
    }
}
