//! Results that do not change the verdict immediately: debounce, fleet hold, staleness, inconclusive rounds.

use std::ops::ControlFlow;
use std::time::Duration;

use super::Passed;
use super::finding::PartialEvidence;
use super::schedule::Schedule;
use crate::connectwise::Inconclusive;
use crate::crd::{ConditionStatus, ConditionType, EventReason, Reason};
use crate::link::decide::standing::Standing;
use crate::link::decide::{Row, View};
use crate::link::intervals;
use crate::link::message;
use crate::link::plan::{HeldCause, Plan, Question, Settlement};
use crate::link::reason_class::BackoffKind;
use crate::link::state::Suspicion;
use crate::link::status_builder::{Progress, StatusBuilder};

/// The fleet rule holds a fault of more than 3 links and more than a fifth of the links that are or were recently Ready.
/// This is the number of links.
const FEW_LINKS: usize = 3;
/// The divisor of the share, a fifth. See [`FEW_LINKS`].
const SHARE_DIVISOR: usize = 5;

/// Debounce and fleet: the plan that leaves a Ready link as it is, unless the accusation may stand now. With a `schedule`
/// it is Petra that accuses, and ConnectWise's own next round stays as it is planned there.
pub(in crate::link::decide) fn hold_accusation(
    view: &View,
    of: Reason,
    builder: &StatusBuilder,
    schedule: Option<&Schedule>,
) -> Option<Plan> {
    let timings = &view.config.timings;
    let asked_for = view.subject.requested_at.is_some();
    let mut suspicion = match view.state.suspicion {
        Some(known) if known.of == of => Suspicion { asked_for: known.asked_for || asked_for, ..known },
        _ => Suspicion { of, since: view.now.up, asked_for, held: false },
    };
    let debounce_left = timings.debounce.saturating_sub(view.elapsed(suspicion.since));
    let Some(fleet) = view.facts.fleet else { return Some(Plan::Ask(Question::Fleet(of))) };
    let alike = fleet.suspected_alike + 1;
    suspicion.held =
        !fleet.released && (suspicion.held || (alike > FEW_LINKS && alike * SHARE_DIVISOR > fleet.ready));
    let fleet_holds = suspicion.held || view.facts.client_id.is_unproven();
    if debounce_left.is_zero() && (suspicion.asked_for || !fleet_holds) {
        return None;
    }
    let (builder, stale) = match schedule {
        None => stale_or_kept(view, builder.clone(), NOT_ANSWERED),
        Some(_) => petra_stale_or_kept(view, builder.clone()),
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

const NOT_ANSWERED: &str = "ConnectWise has not given a clear answer for too long. Its last answer was good, and nothing \
    was found wrong. If this continues, ask the operator's administrator to check the connection to ConnectWise.";

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
fn petra_stale_or_kept(view: &View, mut builder: StatusBuilder) -> (StatusBuilder, bool) {
    let ready = view.subject.status.is_true(ConditionType::Ready);
    if !ready || !view.is_petra_stale() {
        return (builder, false);
    }
    builder.unknown(ConditionType::Ready, Reason::ValidationStale, message::petra_stale());
    (builder, true)
}

/// A round that answered nothing.
pub(super) fn inconclusive(
    view: &View,
    standing: Option<Standing>,
    why: Inconclusive,
    evidence: PartialEvidence,
    builder: StatusBuilder,
) -> Row<Passed> {
    let retry_after = match why {
        Inconclusive::RateLimited(wait) => wait,
        _ => None,
    };
    let standing = match standing {
        Some(Standing::Fault(fault)) if evidence.disproves(fault) => None,
        other => other,
    };
    match standing {
        Some(Standing::Passed) if !view.subject.status.is_true(ConditionType::Ready) => {
            let tenant = view.state.tenant.clone();
            let held = Some((BackoffKind::Held, retry_after));
            ControlFlow::Continue(Passed {
                builder,
                schedule: Schedule { tenant, fresh: false, due: view.now.up, held },
            })
        }
        Some(_) => {
            let (builder, stale) = stale_or_kept(view, builder, NOT_ANSWERED);
            let settled =
                view.settle(builder.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
            ControlFlow::Break(held(view, settled, retry_after).plan())
        }
        None => {
            let (settled, kind) = without_verdict(view, why, evidence, builder);
            ControlFlow::Break(settled.requeue_with_backoff(view, kind, retry_after).plan())
        }
    }
}

/// Ends a visit whose verdict is held, with one event for the whole streak.
fn held(view: &View, settled: Settlement, retry_after: Option<Duration>) -> Settlement {
    let first = view.state.backoff.kind != Some(BackoffKind::Held);
    let settled =
        settled.holding(HeldCause::Inconclusive).requeue_with_backoff(view, BackoffKind::Held, retry_after);
    if first {
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
    why: Inconclusive,
    evidence: PartialEvidence,
    mut builder: StatusBuilder,
) -> (Settlement, BackoffKind) {
    let site_fault = match why {
        Inconclusive::NoSuchName => Some("The host name of the site does not exist"),
        Inconclusive::BadCertificate => Some("The certificate of the site is not trusted"),
        _ => None,
    };
    let since = site_fault.map(|_| view.state.site_unreachable_since.unwrap_or(view.now.up));
    let over = since.is_some_and(|since| view.elapsed(since) >= view.config.timings.site_grace);
    let stale = view.subject.status.reason(ConditionType::Ready) == Some(Reason::ValidationStale);
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
            let (reason, what) = match why {
                Inconclusive::RateLimited(_) => {
                    (Reason::RateLimited, "ConnectWise asked the operator to slow down")
                }
                Inconclusive::NoSuchName => (
                    Reason::ConnectWiseUnavailable,
                    "The host name of the site does not exist. Check spec.siteUrl",
                ),
                Inconclusive::BadCertificate => (
                    Reason::ConnectWiseUnavailable,
                    "The certificate of the site is not trusted. Check spec.siteUrl",
                ),
                Inconclusive::Unavailable => (
                    Reason::ConnectWiseUnavailable,
                    "ConnectWise gave no clear answer (outage, timeout or proxy). Nothing was found wrong",
                ),
            };
            builder.unknown(ConditionType::Ready, reason, message::looks_again(&format!("{what}.")));
            Progress::Reconciling
        }
    };
    let mut settled = view.settle(builder.finish(progress));
    settled.state.site_unreachable_since = since;
    (settled, kind)
}
