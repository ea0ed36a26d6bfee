//! Results that do not change the verdict immediately: debounce, fleet hold, staleness, rounds without an answer.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Passed;
use super::finding::PartialEvidence;
use super::schedule::{HeldRound, Schedule};
use super::unanswered::{HELD, NOT_ANSWERED, Unanswered};
use crate::crd::{ConditionStatus, ConditionType, EventReason, Reason};
use crate::link::decide::standing::Standing;
use crate::link::decide::{Row, View};
use crate::link::facts::FleetView;
use crate::link::intervals;
use crate::link::message;
use crate::link::plan::{Accusation, HeldCause, Plan, Question, Settlement};
use crate::link::reason_class::BackoffKind;
use crate::link::state::{Found, Suspicion};
use crate::link::status_builder::{Progress, StatusBuilder};

/// Debounce and fleet: the plan that leaves a link with a good verdict as it is, unless the accusation may stand now. With a
/// `schedule` it is Petra that accuses, and ConnectWise's own next round stays as it is planned there.
pub(in crate::link::decide) fn hold_accusation(
    view: &View,
    accused: Accusation,
    builder: &StatusBuilder,
    schedule: Option<&Schedule>,
) -> Option<Plan> {
    if !view.subject.is_good() {
        return None;
    }
    let (timings, of) = (&view.config.timings, accused.of);
    let asked_for = view.is_asked_for(of);
    let Some(fleet) = view.facts.fleet else { return Some(Plan::Ask(Question::Fleet(accused))) };
    let held = fleet == FleetView::Common;
    let suspicion = match view.state.suspicion {
        Some(known) if known.of == of => Suspicion { asked_for, held, ..known },
        _ => Suspicion { of, since: view.now.up, asked_for, held },
    };
    let debounce_left = timings.debounce.saturating_sub(view.elapsed(suspicion.since));
    if debounce_left.is_zero() && (asked_for || !held) {
        return None;
    }
    let (builder, stale) = match schedule {
        None => stale_or_kept(view, builder.clone(), if held { HELD } else { NOT_ANSWERED }),
        Some(_) => petra_stale_or_kept(view, builder.clone(), held),
    };
    let settled = view.settle(builder.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
    let again = debounce_left.max(timings.floor);
    let mut settled = match (schedule, debounce_left.is_zero()) {
        (None, true) => settled.holding(HeldCause::Fleet).requeue_with_backoff(view, BackoffKind::Held, None),
        (None, false) => settled.holding(HeldCause::Debounce).requeue_in(view, again),
        (Some(schedule), true) => schedule
            .end(view, settled)
            .holding(HeldCause::Fleet)
            .requeue_petra_with_backoff(view, BackoffKind::Held, None),
        (Some(schedule), false) => {
            schedule.end(view, settled).holding(HeldCause::Debounce).requeue_no_later_than(again)
        }
    };
    settled.state.suspicion = Some(suspicion);
    if schedule.is_none() {
        settled.state.disprove();
    }
    Some(settled.plan())
}

/// New keys that are refused within the floor of their change are checked once more after it: a person or a tool may replace
/// one key after the other, and half of a rotation is no fault.
pub(super) fn check_new_keys_again(view: &View, of: Reason, mut builder: StatusBuilder) -> Option<Plan> {
    let floor = view.config.timings.floor;
    let are_new = view.state.keys_changed_at.is_some_and(|at| view.elapsed(at) < floor);
    if of != Reason::CredentialsRejected || !are_new {
        return None;
    }
    let text = message::new_keys_refused(&view.subject.spec.credentials_secret_ref.name);
    let unknown = ConditionStatus::Unknown.because(Reason::Checking, text);
    builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
    let settled = view.settle(builder.finish(Progress::Reconciling));
    Some(settled.holding(HeldCause::Debounce).requeue_in(view, floor).plan())
}

/// Marks a Ready link as stale after too long without a conclusive response. `why` is the message.
pub(in crate::link::decide) fn stale_or_kept(
    view: &View,
    mut builder: StatusBuilder,
    why: &str,
) -> (StatusBuilder, bool) {
    let ready = view.subject.status.is_true(ConditionType::Ready);
    let limit = intervals::stale_after(view.subject, &view.config.timings);
    let age = view.subject.status.last_validated_time.map_or(Duration::MAX, |at| view.now.since_record(at.0));
    if !ready || age < limit {
        return (builder, false);
    }
    let text = message::looks_again(why);
    let unknown = ConditionStatus::Unknown.because(Reason::ValidationStale, text);
    builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
    (builder, true)
}

/// A Ready link of which Petra has not said for too long that it is good is stale, whatever holds the rest.
fn petra_stale_or_kept(view: &View, mut builder: StatusBuilder, held: bool) -> (StatusBuilder, bool) {
    let ready = view.subject.status.is_true(ConditionType::Ready);
    if !ready || !view.is_petra_stale() {
        return (builder, false);
    }
    let text = if held { message::looks_again(HELD) } else { message::petra_stale() };
    builder.unknown(ConditionType::Ready, Reason::ValidationStale, text);
    (builder, true)
}

/// A round that answered nothing about the link.
pub(super) fn inconclusive(
    view: &View,
    standing: Option<Standing>,
    known: Option<Found>,
    why: Unanswered,
    evidence: PartialEvidence,
    builder: StatusBuilder,
) -> Row<Passed> {
    let standing = match standing {
        Some(Standing::Fault(fault)) if evidence.disproves(fault) => None,
        other => other,
    };
    match standing {
        Some(Standing::Passed) if !view.subject.status.is_true(ConditionType::Ready) => {
            let held = Some(HeldRound { cause: why.cause(), retry_after: why.retry_after() });
            ControlFlow::Continue(Passed {
                builder,
                schedule: Schedule { found: known, fresh: false, due: view.now.up, held },
            })
        }
        Some(_) => {
            let (builder, stale) = stale_or_kept(view, builder, why.stale_text());
            let settled =
                view.settle(builder.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
            ControlFlow::Break(held(view, why.forget_refusal(settled), why).plan())
        }
        None => ControlFlow::Break(without_verdict(view, why, evidence, builder)),
    }
}

/// Ends a visit whose verdict is held, with one event for the whole streak. If the operator itself is the cause, the event
/// is on its own pod.
fn held(view: &View, settled: Settlement, why: Unanswered) -> Settlement {
    let first = view.state.backoff.kind != Some(BackoffKind::Held);
    let settled =
        settled.holding(why.cause()).requeue_with_backoff(view, BackoffKind::Held, why.retry_after());
    if first && why.cause() == HeldCause::Inconclusive {
        settled.event(
            EventReason::CheckInconclusive,
            "ConnectWise gave no clear answer (outage, timeout or proxy). The last result still applies.",
        )
    } else {
        settled
    }
}

fn without_verdict(
    view: &View,
    why: Unanswered,
    evidence: PartialEvidence,
    mut builder: StatusBuilder,
) -> Plan {
    let site_fault = why.site_fault();
    let since = site_fault.map(|_| view.state.site_unreachable_since.unwrap_or(view.now.up));
    let over = since.is_some_and(|since| view.elapsed(since) >= view.config.timings.site_grace);
    let stale = view.subject.status.reason(ConditionType::Ready) == Some(Reason::ValidationStale);
    // Its name was known and its certificate good before, so that the operator's own network may be the cause.
    if over
        && stale
        && let Some(by) = view.server()
    {
        let accused = Accusation { of: Reason::SiteUnreachable, by };
        if let Some(plan) = hold_accusation(view, accused, &builder, None) {
            return plan;
        }
    }
    let mut kind = BackoffKind::Inconclusive;
    if stale && !over {
        // What is too old to be known is not made "never judged" by one more failure.
        evidence.apply_known(&mut builder);
    } else {
        evidence.apply(&mut builder);
    }
    let progress = match site_fault {
        Some(fault) if over => {
            let text = message::looks_again(&format!(
                "{fault}. Correct spec.siteUrl, or ask the administrator of the ConnectWise server to fix its name or certificate."
            ));
            builder.set(ConditionType::Ready, ConditionStatus::False.because(Reason::SiteUnreachable, text));
            kind = BackoffKind::Rejected;
            Progress::Stalled
        }
        _ if stale => Progress::Keep,
        _ => {
            let (reason, text) = why.reason();
            builder.unknown(ConditionType::Ready, reason, message::looks_again(text));
            Progress::Reconciling
        }
    };
    let mut settled = why.forget_refusal(view.settle(builder.finish(progress)));
    settled.state.site_unreachable_since = since;
    if over {
        settled.state.suspicion = None;
    }
    if why.cause() == HeldCause::Fleet {
        settled = settled.holding(HeldCause::Fleet);
    }
    settled.requeue_with_backoff(view, kind, why.retry_after()).plan()
}
