//! When ConnectWise is asked, how much, and when again.

use std::time::Duration;

use crate::connectwise::Depth;
use crate::crd::{ConditionStatus, ConditionType, Reason};
use crate::link::decide::View;
use crate::link::decide::operator_keys::client_id_is_news;
use crate::link::decide::standing::{Standing, waits_for_connectwise};
use crate::link::intervals;
use crate::link::plan::{HeldCause, Plan, Settlement};
use crate::link::reason_class::BackoffKind;
use crate::link::state::{Backoff, Found, Suspicion};
use crate::link::status_builder::{Progress, StatusBuilder};

/// What a visit that passed at ConnectWise means for the next one.
pub(in crate::link::decide) struct Schedule {
    /// What this process found out about the company, if it asked.
    pub found: Option<Found>,
    /// Whether this visit asked ConnectWise and was answered; else an earlier verdict stands.
    pub fresh: bool,
    /// When the next round is due, where none was made in this visit.
    pub due: Duration,
    /// A round that answered nothing was made in this visit.
    pub held: Option<HeldRound>,
}

/// A round that answered nothing, while a verdict applies.
pub(in crate::link::decide) struct HeldRound {
    /// Why the verdict is held.
    pub cause: HeldCause,
    /// How long the server asked to wait.
    pub retry_after: Option<Duration>,
}

impl Schedule {
    pub(super) fn fresh(view: &View, found: Option<Found>) -> Self {
        Self { found, fresh: true, due: view.now.up, held: None }
    }

    /// Plans the next round: the routine after a fresh answer, what was planned before without one.
    pub(in crate::link::decide) fn end(&self, view: &View, mut settled: Settlement) -> Settlement {
        settled.state.found = self.found.clone().or(settled.state.found);
        match self.held {
            Some(HeldRound { cause, retry_after }) => {
                settled.holding(cause).requeue_with_backoff(view, BackoffKind::Held, retry_after)
            }
            None if self.fresh => {
                settled.state.passed_at = Some(view.now.up);
                // ConnectWise just found nothing wrong; what is suspected at Petra is Petra's to clear.
                settled.disproving(|suspicion| !suspicion.is_of_petra()).requeue_for_routine(view)
            }
            None => settled.requeue_as_planned(view, self.due),
        }
    }
}

/// No verdict, and the floor or a backoff forbids a round now.
pub(super) fn not_due_yet(view: &View, mut builder: StatusBuilder, due: Duration) -> Plan {
    let waited_for_this = waits_for_connectwise(&view.subject.status);
    let progress = if waited_for_this {
        Progress::Keep
    } else {
        // The earlier problem (Secret, spec, suspend) is fixed. Do not show it with the new inputs.
        let text = "The operator is about to check the company, site, API keys and settings.";
        let unknown = ConditionStatus::Unknown.because(Reason::Pending, text);
        builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
        Progress::Reconciling
    };
    let mut settled = view.settle(builder.finish(progress));
    if !waited_for_this {
        // What was planned before was planned for what stood then.
        settled.state.not_before = Some(due);
    }
    settled.requeue_as_planned(view, due).plan()
}

/// When the next round is due, on the monotonic clock.
pub(super) fn due_at(view: &View, known: Option<&Found>, standing: Option<Standing>) -> Duration {
    let (state, timings) = (view.state, &view.config.timings);
    let now = view.now.up;
    let floor = now + view.floor_left();
    // A check that a person asked for is not done before what it found is confirmed, which is planned already.
    let is_asked_for = view.subject.requested_at.is_some() && !view.is_doubted_on_request();
    let must_prove = state.claim_contested && known.is_none_or(|known| known.passed.is_none());
    if is_asked_for || client_id_is_news(view, standing) || must_prove {
        return floor;
    }
    let planned = match standing {
        // A delay that was set for the Secret says nothing about ConnectWise.
        None => state.not_before.filter(|_| waits_for_connectwise(&view.subject.status)).unwrap_or(now),
        Some(Standing::Passed) => intervals::routine_due(view.subject, state, timings, view.now),
        // Found at start: backoff is in memory, so a negative verdict waits its first delay.
        Some(Standing::Fault(reason)) => state.not_before.unwrap_or_else(|| {
            let kind = intervals::backoff_of(reason);
            let (delay, _) = intervals::backoff_delay(timings, Backoff::default(), kind, view.now);
            let shifted = intervals::jittered(timings, delay, &view.subject.uid, 0);
            state.first_seen.unwrap_or(now) + shifted
        }),
    };
    planned.max(floor)
}

impl View<'_> {
    /// What a check of ConnectWise found, and a second one must confirm.
    fn doubt(&self) -> Option<Suspicion> {
        self.state.suspicion.filter(|suspicion| !suspicion.is_of_petra())
    }

    fn is_doubted_on_request(&self) -> bool {
        self.doubt().is_some_and(|suspicion| suspicion.asked_for)
    }
}

/// A routine check is cheap; whatever asks about more than keys and role needs the full round. So does the confirmation of a
/// fault: only a full round finds one, and a cheap one would not see a member or a board that is inactive.
pub(super) fn depth(view: &View, standing: Option<Standing>) -> Depth {
    let status = &view.subject.status;
    let known_tenant =
        status.site.as_ref().is_some_and(|site| site.api_host.is_some() && site.codebase.is_some());
    let cheap_enough = matches!(
        standing,
        Some(Standing::Passed | Standing::Fault(Reason::PermissionsMissing | Reason::CredentialsRejected))
    );
    let full_due = status
        .last_full_check_time
        .is_none_or(|at| view.now.since_record(at.0) >= view.config.timings.full_round);
    let full_wanted = full_due || view.subject.requested_at.is_some() || view.doubt().is_some();
    if known_tenant && cheap_enough && !full_wanted { Depth::Cheap } else { Depth::Full }
}
