//! What does not stand at once: debounce, fleet, staleness, and rounds that answered nothing.

use std::ops::ControlFlow;
use std::time::Duration;

use super::finding::Half;
use super::schedule::Schedule;
use super::{Passed, Standing};
use crate::connectwise::Inconclusive;
use crate::crd::{ConditionStatus, ConditionType, Reason};
use crate::link::decide::{FLEET, Row, View};
use crate::link::draft::{Draft, Progress};
use crate::link::message;
use crate::link::plan::{Plan, Question, Settlement};
use crate::link::state::{BackoffKind, Suspicion};
use crate::link::timetable;

/// Debounce and fleet: the plan that leaves a Ready link as it is, unless the accusation may stand now. With a `schedule`
/// it is Petra that accuses, and ConnectWise's own next round stays as it is planned there.
pub(in crate::link::decide) fn hold_accusation(
    visit: &View,
    of: Reason,
    draft: &Draft,
    schedule: Option<&Schedule>,
) -> Option<Plan> {
    let timings = &visit.rules.timings;
    let asked_for = visit.subject.requested_at.is_some();
    let mut suspicion = match visit.memory.suspicion {
        Some(known) if known.of == of => Suspicion { asked_for: known.asked_for || asked_for, ..known },
        _ => Suspicion { of, since: visit.now.up, asked_for, held: false },
    };
    let debounce_left = timings.debounce.saturating_sub(visit.elapsed(suspicion.since));
    let Some(fleet) = visit.seen.fleet else { return Some(Plan::Ask(Question::Fleet(of))) };
    let alike = fleet.suspected_alike + 1;
    suspicion.held = !fleet.released && (suspicion.held || (alike > 3 && alike * 5 > fleet.ready));
    let fleet_holds = suspicion.held || visit.seen.client_id.is_unproven();
    if debounce_left.is_zero() && (suspicion.asked_for || !fleet_holds) {
        return None;
    }
    let (draft, stale) = match schedule {
        None => stale_or_kept(visit, draft.clone(), NOT_ANSWERED),
        Some(_) => petra_stale_or_kept(visit, draft.clone()),
    };
    let settled = visit.settle(draft.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
    let again = debounce_left.max(timings.floor);
    let mut settled = match (schedule, debounce_left.is_zero()) {
        (None, true) => settled.holding(FLEET).repeat(visit, BackoffKind::Held, None),
        (None, false) => settled.holding("debounce").again_in(visit, again),
        (Some(schedule), true) => {
            schedule.end(visit, settled).holding(FLEET).petra_again(visit, BackoffKind::Held, None)
        }
        (Some(schedule), false) => schedule.end(visit, settled).holding("debounce").no_later_than(again),
    };
    settled.memory.suspicion = Some(suspicion);
    Some(settled.plan())
}

const NOT_ANSWERED: &str = "ConnectWise has not given a clear answer for too long. Its last answer was good, and nothing \
    was found wrong. If this continues, ask the operator's administrator to check the connection to ConnectWise.";

/// A Ready link for which nothing conclusive was heard for too long is stale, whatever holds the rest; `why` says what
/// kept the operator from it.
pub(in crate::link::decide) fn stale_or_kept(visit: &View, mut draft: Draft, why: &str) -> (Draft, bool) {
    let ready = visit.subject.status.is_true(ConditionType::Ready);
    let limit = timetable::stale_after(visit.subject, &visit.rules.timings);
    let age =
        visit.subject.status.last_validated_time.map_or(Duration::MAX, |at| visit.now.since_record(at.0));
    if !ready || age < limit {
        return (draft, false);
    }
    let text = message::looks_again(why);
    for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
        draft.unknown(kind, Reason::ValidationStale, text.clone());
    }
    (draft, true)
}

/// A Ready link of which Petra has not said for too long that it is good is stale, whatever holds the rest.
fn petra_stale_or_kept(visit: &View, mut draft: Draft) -> (Draft, bool) {
    let ready = visit.subject.status.is_true(ConditionType::Ready);
    if !ready || !visit.is_petra_stale() {
        return (draft, false);
    }
    draft.unknown(ConditionType::Ready, Reason::ValidationStale, message::petra_stale());
    (draft, true)
}

/// A round that answered nothing.
pub(super) fn nothing(
    visit: &View,
    standing: Option<Standing>,
    why: Inconclusive,
    half: Half,
    draft: Draft,
) -> Row<Passed> {
    let asked_to_wait = match why {
        Inconclusive::RateLimited(wait) => wait,
        _ => None,
    };
    let standing = match standing {
        Some(Standing::Fault(fault)) if half.clears(fault) => None,
        other => other,
    };
    match standing {
        Some(Standing::Passed) if !visit.subject.status.is_true(ConditionType::Ready) => {
            let tenant = visit.memory.tenant.clone();
            let held = Some((BackoffKind::Held, asked_to_wait));
            ControlFlow::Continue(Passed {
                draft,
                schedule: Schedule { tenant, fresh: false, due: visit.now.up, held },
            })
        }
        Some(_) => {
            let (draft, stale) = stale_or_kept(visit, draft, NOT_ANSWERED);
            let settled =
                visit.settle(draft.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
            ControlFlow::Break(held(visit, settled, asked_to_wait).plan())
        }
        None => {
            let (settled, kind) = without_verdict(visit, why, half, draft);
            ControlFlow::Break(settled.repeat(visit, kind, asked_to_wait).plan())
        }
    }
}

/// Ends a visit whose verdict is held, with one event for the whole streak.
fn held(visit: &View, settled: Settlement, asked_to_wait: Option<Duration>) -> Settlement {
    let first = visit.memory.backoff.kind != Some(BackoffKind::Held);
    let settled = settled.holding("inconclusive").repeat(visit, BackoffKind::Held, asked_to_wait);
    if first {
        settled.note(
            true,
            "CheckInconclusive",
            "ConnectWise gave no clear answer (outage, timeout or proxy). The last result still applies.",
        )
    } else {
        settled
    }
}

fn without_verdict(
    visit: &View,
    why: Inconclusive,
    half: Half,
    mut draft: Draft,
) -> (Settlement, BackoffKind) {
    let site_fault = match why {
        Inconclusive::NoSuchName => Some("The host name of the site does not exist"),
        Inconclusive::BadCertificate => Some("The certificate of the site is not trusted"),
        _ => None,
    };
    let since = site_fault.map(|_| visit.memory.site_unreachable.unwrap_or(visit.now.up));
    let over = since.is_some_and(|since| visit.elapsed(since) >= visit.rules.timings.site_grace);
    let stale = visit.subject.status.reason(ConditionType::Ready) == Some(Reason::ValidationStale);
    let mut kind = BackoffKind::Nothing;
    if stale && !over {
        // What is too old to be known is not made "never judged" by one more failure.
        half.apply_known(&mut draft);
    } else {
        half.apply(&mut draft);
    }
    let progress = match site_fault {
        Some(fault) if over => {
            let text = message::looks_again(&format!(
                "{fault}. Correct spec.siteUrl, or ask the administrator of the ConnectWise server to fix its name or certificate."
            ));
            draft.set(ConditionType::Ready, ConditionStatus::False, Reason::SiteUnreachable, text);
            kind = BackoffKind::Refused;
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
            draft.unknown(ConditionType::Ready, reason, message::looks_again(&format!("{what}.")));
            Progress::Reconciling
        }
    };
    let mut settled = visit.settle(draft.finish(progress));
    settled.memory.site_unreachable = since;
    (settled, kind)
}
