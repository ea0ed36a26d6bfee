//! When the last list does not do: it is older than the question.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Known, Registration, Row};
use crate::clock::Now;
use crate::link::facts::PollView;
use crate::link::plan::{Plan, Question};
use crate::link::state::Suspicion;
use crate::petra::RemoteLink;

impl Registration<'_> {
    /// Whether the list does not do: a person asked for this check, or the link itself said something bad. A list that was
    /// requested before that, or right after it, does not disprove it: it may be behind.
    pub(super) fn needs_news(&self) -> bool {
        let view = self.view;
        let suspected = view.state.suspicion.filter(Suspicion::is_of_petra);
        let disproves = |since: Duration| {
            let since = since + view.config.timings.poll;
            matches!(&view.facts.poll, PollView::Known { asked_at, .. } if asked_at.up > since)
        };
        (view.subject.requested_at.is_some() && view.facts.round.is_some())
            || suspected.is_some_and(|suspicion| !disproves(suspicion.since))
    }

    /// Reads the link itself. While the list fails, the shared poll tries again first: it also says why it fails.
    pub(super) fn news(&self) -> Row<Known> {
        match &self.view.facts.poll {
            PollView::Known { asked_at, links, failing: None, .. }
                if !self.is_of_namesake(*asked_at, links) =>
            {
                self.read()?;
                self.listed()
            }
            _ if !self.view.facts.polled => ControlFlow::Break(Plan::Ask(Question::Poll)),
            PollView::Known { .. } | PollView::NotYet | PollView::Failing(_) => self.listed(),
        }
    }

    /// Whether the list is older than this resource, as this process sees it, and names links of its owner: those of a
    /// namesake that is gone, which may have changed since. Of a link that is registered with these keys, the status says so.
    pub(super) fn is_of_namesake(&self, asked_at: Now, links: &[RemoteLink]) -> bool {
        let seen = self.view.state.first_seen.unwrap_or(self.view.facts.began);
        asked_at.up < seen && !links.is_empty() && !self.registered()
    }
}
