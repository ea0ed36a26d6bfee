//! When the next visit is due: backoff, jitter, and what a server asked for with `Retry-After`.

use std::time::Duration;

use super::View;
use crate::link::intervals;
use crate::link::plan::Settlement;
use crate::link::reason_class::BackoffKind;
use crate::link::state::Backoff;

impl View<'_> {
    /// Delay until `at` on the monotonic clock.
    pub(super) fn until(&self, at: Duration) -> Duration {
        at.saturating_sub(self.now.up)
    }

    /// The next delay of a backoff. Jitter shortens it neither below `shortest` nor below what the server asked for.
    fn backoff_delay(
        &self,
        backoff: Backoff,
        kind: BackoffKind,
        shortest: Duration,
        retry_after: Option<Duration>,
    ) -> (Duration, Backoff) {
        let timings = &self.config.timings;
        let (delay, backoff) = intervals::backoff_delay(timings, backoff, kind, self.now);
        let jittered = intervals::jittered(timings, delay, &self.subject.uid, u64::from(backoff.looks));
        let asked = intervals::retry_after(timings, retry_after);
        (jittered.max(delay.min(shortest)).max(asked), backoff)
    }
}

impl Settlement {
    /// Visits again after `delay`, and runs no round before that unless something changes.
    pub(super) fn requeue_in(mut self, view: &View, delay: Duration) -> Self {
        self.state.not_before = Some(view.now.up + delay);
        self.next = Some(delay);
        self
    }

    /// Visits again after the next delay of this backoff.
    pub(super) fn requeue_with_backoff(
        self,
        view: &View,
        kind: BackoffKind,
        retry_after: Option<Duration>,
    ) -> Self {
        let floor = view.config.timings.floor;
        let (delay, backoff) = view.backoff_delay(self.state.backoff, kind, floor, retry_after);
        let mut settled = self.requeue_in(view, delay);
        settled.state.backoff = backoff;
        settled
    }

    /// Visits again for the routine check. Whatever was repeated has ended.
    pub(super) fn requeue_for_routine(self, view: &View) -> Self {
        let timings = &view.config.timings;
        let seed = view.now.wall.as_second().unsigned_abs();
        let delay = intervals::jittered(timings, view.subject.interval, &view.subject.uid, seed);
        let mut settled = self.requeue_in(view, delay);
        settled.state.backoff = Backoff::default();
        settled
    }

    /// Visits again at `at`, as planned before this visit. The backoff stays as it is.
    pub(super) fn requeue_as_planned(mut self, view: &View, at: Duration) -> Self {
        self.next = Some(view.until(at));
        self
    }

    /// Visits again after `delay` at the latest. What else is planned stays.
    pub(super) fn requeue_no_later_than(mut self, delay: Duration) -> Self {
        self.next = Some(self.next.map_or(delay, |next| next.min(delay)));
        self
    }

    /// Asks Petra again after the next delay of this backoff. The next round at ConnectWise stays as planned.
    pub(super) fn requeue_petra_with_backoff(
        mut self,
        view: &View,
        kind: BackoffKind,
        retry_after: Option<Duration>,
    ) -> Self {
        let (delay, backoff) =
            view.backoff_delay(self.state.petra_backoff, kind, Duration::ZERO, retry_after);
        self.state.petra_backoff = backoff;
        self.state.petra_not_before = Some(view.now.up + delay);
        self.state.petra_asked = Some(view.now.up);
        self.state.petra_request_failed = false;
        self.requeue_no_later_than(delay)
    }

    /// Asks Petra again as planned before this visit.
    pub(super) fn requeue_petra_as_planned(mut self, view: &View) -> Self {
        if let Some(at) = self.state.petra_not_before.filter(|at| *at > view.now.up) {
            self = self.requeue_no_later_than(view.until(at));
        }
        self
    }

    /// Petra holds the link as it should: whatever was repeated there has ended.
    pub(super) fn reset_petra_backoff(mut self) -> Self {
        self.state.petra_not_before = None;
        self.state.petra_backoff = Backoff::default();
        self
    }
}
