//! The end of a visit.

use std::time::Duration;

use super::View;
use crate::crd::{ConditionStatus, ConditionType, EventReason, LinkStatus, Reason, SecretLookup};
use crate::link::facts::SecretRead;
use crate::link::plan::{HeldCause, LinkEvent, Plan, Settlement};
use crate::link::reason_class::BackoffKind;
use crate::link::state::{Backoff, LinkState, Suspicion};
use crate::link::timetable;
use crate::petra::LinkId;

impl View<'_> {
    /// Begins the end of a visit: this status, the memory as it is, nothing more.
    pub(super) fn settle(&self, status: LinkStatus) -> Settlement {
        let events = transitions(&self.subject.status, &status);
        let state = LinkState {
            first_seen: Some(self.state.first_seen.unwrap_or(self.now.up)),
            last_round: self.facts.round.as_ref().map_or(self.state.last_round, |_| Some(self.now.up)),
            client_id: self
                .facts
                .round
                .as_ref()
                .map_or(self.state.client_id, |_| self.facts.client_id.generation),
            secret_absent: self.state.secret_absent.filter(|_| !self.secret_is_there()),
            ..self.state.clone()
        };
        Settlement {
            status,
            state,
            next: None,
            events,
            awaits_confirmation: false,
            claim: None,
            held: None,
            disproved: None,
        }
    }

    fn secret_is_there(&self) -> bool {
        matches!(self.facts.secret, Some(SecretRead::Keys { .. } | SecretRead::Invalid { .. }))
            || matches!(self.facts.secret_watch, SecretLookup::Present(_))
    }

    /// Delay until `at` on the monotonic clock.
    pub(super) fn until(&self, at: Duration) -> Duration {
        at.saturating_sub(self.now.up)
    }
}

impl Settlement {
    pub(super) fn plan(self) -> Plan {
        Plan::Settle(Box::new(self))
    }

    /// Looks again by itself after `delay`, and not before unless something changes.
    pub(super) fn again_in(mut self, view: &View, delay: Duration) -> Self {
        self.state.not_before = Some(view.now.up + delay);
        self.next = Some(delay);
        self
    }

    /// Looks again when the timetable says so for this kind of look.
    pub(super) fn repeat(self, view: &View, kind: BackoffKind, asked_to_wait: Option<Duration>) -> Self {
        let timings = &view.config.timings;
        let (delay, backoff) = timetable::repeat(timings, self.state.backoff, kind, asked_to_wait, view.now);
        let jittered = timetable::jittered(timings, delay, &view.subject.uid, u64::from(backoff.looks));
        let mut settled = self.again_in(view, jittered.max(delay.min(timings.floor)));
        settled.state.backoff = backoff;
        settled
    }

    /// Looks again for the routine check; whatever was repeated has ended.
    pub(super) fn routine(self, view: &View) -> Self {
        let timings = &view.config.timings;
        let seed = view.now.wall.as_second().unsigned_abs();
        let delay = timetable::jittered(timings, view.subject.interval, &view.subject.uid, seed);
        let mut settled = self.again_in(view, delay);
        settled.state.backoff = Backoff::default();
        settled
    }

    /// Looks again at `at`, which was planned before this visit: how far the timetable has come stays as it is.
    pub(super) fn still_due(mut self, view: &View, at: Duration) -> Self {
        self.next = Some(view.until(at));
        self
    }

    /// Looks again at Petra when the timetable says so; the next round at ConnectWise stays as planned.
    pub(super) fn petra_again(
        mut self,
        view: &View,
        kind: BackoffKind,
        asked_to_wait: Option<Duration>,
    ) -> Self {
        let timings = &view.config.timings;
        let backoff = self.state.petra_backoff;
        let (delay, backoff) = timetable::repeat(timings, backoff, kind, asked_to_wait, view.now);
        let delay = timetable::jittered(timings, delay, &view.subject.uid, u64::from(backoff.looks));
        self.state.petra_backoff = backoff;
        self.state.petra_not_before = Some(view.now.up + delay);
        self.state.petra_asked = Some(view.now.up);
        self.no_later_than(delay)
    }

    /// Keeps the look at Petra that was planned before this visit.
    pub(super) fn still_petra(mut self, view: &View) -> Self {
        if let Some(at) = self.state.petra_not_before.filter(|at| *at > view.now.up) {
            self = self.no_later_than(view.until(at));
        }
        self
    }

    /// Petra holds the link as it should: whatever was repeated there has ended.
    pub(super) fn petra_done(mut self) -> Self {
        self.state.petra_not_before = None;
        self.state.petra_backoff = Backoff::default();
        self
    }

    /// Looks again after `delay` at the latest; what else is planned stays.
    pub(super) fn no_later_than(mut self, delay: Duration) -> Self {
        self.next = Some(self.next.map_or(delay, |next| next.min(delay)));
        self
    }

    pub(super) fn waiting(mut self) -> Self {
        self.awaits_confirmation = true;
        self
    }

    pub(super) fn claiming(mut self, id: &LinkId) -> Self {
        self.claim = Some(id.clone());
        self
    }

    pub(super) fn event(mut self, reason: EventReason, text: impl Into<String>) -> Self {
        self.events.push(LinkEvent { reason, text: text.into() });
        self
    }

    /// What the link is suspected of is over: it was asked again and found good.
    pub(super) fn disproving(mut self, is_disproved: impl FnOnce(&Suspicion) -> bool) -> Self {
        if let Some(suspicion) = self.state.suspicion.take_if(|suspicion| is_disproved(suspicion)) {
            self.disproved = Some(suspicion.of);
        }
        self
    }

    /// Marks that a verdict stands although this round did not confirm it.
    pub(super) fn holding(mut self, cause: HeldCause) -> Self {
        self.held = Some(cause);
        self
    }
}

/// Events for transitions only, one reason per meaning: `Ready` became another True or False.
fn transitions(before: &LinkStatus, after: &LinkStatus) -> Vec<LinkEvent> {
    let ready =
        |status: &LinkStatus| status.condition(ConditionType::Ready).map(|c| (c.status, c.known_reason()));
    let Some((status, Some(reason))) = ready(after) else { return Vec::new() };
    let speaks = status != ConditionStatus::Unknown || reason == Reason::ValidationStale;
    if !speaks || ready(before) == Some((status, Some(reason))) {
        return Vec::new();
    }
    let text = after.condition(ConditionType::Ready).map(|c| c.message.clone()).unwrap_or_default();
    vec![LinkEvent { reason: EventReason::Ready(reason), text }]
}
