//! When ConnectWise is asked, how much, and when again.

use std::time::Duration;

use super::Standing;
use crate::connectwise::{Depth, Tenant};
use crate::crd::{ConditionType, Reason};
use crate::link::decide::View;
use crate::link::decide::operator_keys::client_id_is_news;
use crate::link::draft::{Draft, Progress};
use crate::link::plan::{Plan, Settlement};
use crate::link::state::{Backoff, BackoffKind};
use crate::link::timetable;

/// What a visit that passed at ConnectWise means for the next one.
pub(in crate::link::decide) struct Schedule {
    /// The tenant, when this process knows it.
    pub tenant: Option<Tenant>,
    /// Whether this visit asked ConnectWise and was answered; else an earlier verdict stands.
    pub fresh: bool,
    /// When the next round is due, where none was made in this visit.
    pub due: Duration,
    /// A round that answered nothing was made in this visit; its next try.
    pub held: Option<(BackoffKind, Option<Duration>)>,
}

impl Schedule {
    pub(super) fn fresh(visit: &View, tenant: Option<Tenant>) -> Self {
        Self { tenant, fresh: true, due: visit.now.up, held: None }
    }

    /// Plans the next round: the routine after a fresh answer, what was planned before without one.
    pub(in crate::link::decide) fn end(&self, visit: &View, mut settled: Settlement) -> Settlement {
        settled.memory.tenant = self.tenant.clone().or(settled.memory.tenant);
        match self.held {
            Some((kind, asked_to_wait)) => settled.holding("inconclusive").repeat(visit, kind, asked_to_wait),
            None if self.fresh => {
                // ConnectWise just found nothing wrong; what is suspected at Petra is Petra's to clear.
                settled.disproving(|suspicion| !suspicion.is_of_petra()).routine(visit)
            }
            None => settled.still_due(visit, self.due),
        }
    }
}

/// No verdict, and the floor or a backoff forbids a round now.
pub(super) fn not_due_yet(visit: &View, mut draft: Draft, due: Duration) -> Plan {
    let waited_for_this = asked_before(visit);
    let progress = if waited_for_this {
        Progress::Keep
    } else {
        // What stood in the way (the Secret, the spec, suspend) is mended; it must not stand beside these inputs.
        let text = "The operator is about to check the company, site, API keys and settings.";
        for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
            draft.unknown(kind, Reason::Pending, text);
        }
        Progress::Reconciling
    };
    let mut settled = visit.settle(draft.finish(progress));
    if !waited_for_this {
        // What was planned before was planned for what stood then.
        settled.memory.not_before = Some(due);
    }
    settled.still_due(visit, due).plan()
}

/// Whether the status, without a verdict, is about an earlier round for these inputs.
fn asked_before(visit: &View) -> bool {
    let about_rounds = [
        Reason::Pending,
        Reason::Checking,
        Reason::ConnectWiseUnavailable,
        Reason::RateLimited,
        Reason::ValidationStale,
    ];
    visit.subject.status.reason(ConditionType::Ready).is_some_and(|reason| about_rounds.contains(&reason))
}

/// When the next round is due, on the monotonic clock.
pub(super) fn due_at(visit: &View, standing: Option<Standing>) -> Duration {
    let (memory, timings) = (visit.memory, &visit.rules.timings);
    let now = visit.now.up;
    let floor = now + visit.floor_left();
    if visit.subject.requested_at.is_some() || client_id_is_news(visit, standing) {
        return floor;
    }
    let planned = match standing {
        // A delay that was set for the Secret says nothing about ConnectWise.
        None => memory.not_before.filter(|_| asked_before(visit)).unwrap_or(now),
        Some(Standing::Passed) => timetable::routine_due(visit.subject, memory, timings, visit.now),
        // Found at start: backoff is in memory, so a negative verdict waits its first delay.
        Some(Standing::Fault(reason)) => memory.not_before.unwrap_or_else(|| {
            let kind = timetable::kind_of(reason);
            let (delay, _) = timetable::repeat(timings, Backoff::default(), kind, None, visit.now);
            let shifted = timetable::jittered(timings, delay, &visit.subject.uid, 0);
            memory.first_seen.unwrap_or(now) + shifted
        }),
    };
    planned.max(floor)
}

/// A routine check is cheap; whatever asks about more than keys and role needs the full round.
pub(super) fn depth(visit: &View, standing: Option<Standing>) -> Depth {
    let status = &visit.subject.status;
    let known_tenant =
        status.site.as_ref().is_some_and(|site| site.api_host.is_some() && site.codebase.is_some());
    let cheap_enough = matches!(
        standing,
        Some(Standing::Passed | Standing::Fault(Reason::PermissionsMissing | Reason::CredentialsRejected))
    );
    let full_due = status
        .last_full_check_time
        .is_none_or(|at| visit.now.since_record(at.0) >= visit.rules.timings.full_round);
    if visit.subject.requested_at.is_none() && known_tenant && cheap_enough && !full_due {
        Depth::Cheap
    } else {
        Depth::Full
    }
}
