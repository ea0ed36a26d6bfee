//! What the list route shows while it is behind: a search index, or a replica of a database, that gets each change later.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::link::Link;
use super::text::LinkId;

type ById = BTreeMap<LinkId, Link>;

/// The links before each of the latest changes, as far back as lists are behind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Past {
    lag: SignedDuration,
    /// When each change came, and all links before it.
    before: VecDeque<(Timestamp, ById)>,
}

impl Past {
    /// From now on lists show each change so much later. Changes that came before are shown.
    pub(super) fn set_lag(&mut self, lag: SignedDuration) {
        (self.lag, self.before) = (lag, VecDeque::new());
    }

    /// A change comes now.
    pub(super) fn remember(&mut self, links: &ById, now: Timestamp) {
        if self.lag.is_zero() {
            return;
        }
        let shown = now - self.lag;
        while self.before.front().is_some_and(|(at, _)| *at <= shown) {
            self.before.pop_front();
        }
        self.before.push_back((now, links.clone()));
    }

    /// What a list shows now.
    pub(super) fn shown<'a>(&'a self, links: &'a ById, now: Timestamp) -> &'a ById {
        let shown = now - self.lag;
        self.before.iter().find(|(at, _)| *at > shown).map_or(links, |(_, before)| before)
    }
}
