//! The rows of ConnectWise: is a round due, what does it say, and does it stand (hold, debounce, fleet, staleness).

mod finding;

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Plan, Row, Settlement, Visit};
use crate::connectwise::{Depth, Inconclusive, Round, Tenant};
use crate::crd::{ConditionStatus, ConditionType, Inputs, LinkStatus, PermissionsStatus, Reason, SiteStatus, StatusTime};
use crate::link::draft::{self, Draft, Progress};
use crate::link::memory::{Backoff, BackoffKind, Suspicion};
use crate::link::message;
use crate::link::seen::Question;
use crate::link::subject::Target;
use crate::link::timetable;
use finding::{Fault, Finding, Half};

/// What stands in the status about ConnectWise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Keys, role and board were found good.
    Passed,
    /// This was found wrong.
    Fault(Reason),
}

/// ConnectWise found nothing wrong: the rows of Petra decide.
pub(super) struct Passed {
    /// The status so far: `AuthFailed` and `PermissionDenied` are set, and the fields of ConnectWise.
    pub draft: Draft,
    /// When ConnectWise is asked again.
    pub schedule: Schedule,
}

/// What a visit that passed at ConnectWise means for the next one.
pub(super) struct Schedule {
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
    fn fresh(visit: &Visit, tenant: Option<Tenant>) -> Self {
        Self { tenant, fresh: true, due: visit.now.up, held: None }
    }

    /// Plans the next round: the routine after a fresh answer, what was planned before without one.
    pub(super) fn end(&self, visit: &Visit, mut settled: Settlement) -> Settlement {
        settled.memory.tenant = self.tenant.clone().or(settled.memory.tenant);
        match self.held {
            Some((kind, asked_to_wait)) => settled.holding("inconclusive").repeat(visit, kind, asked_to_wait),
            None if self.fresh => {
                // ConnectWise just found nothing wrong; what is suspected at Petra is Petra's to clear.
                let at_petra = |it: &Suspicion| it.of == Reason::RemoteLinkMissing;
                settled.memory.suspicion = settled.memory.suspicion.filter(at_petra);
                settled.routine(visit)
            }
            None => settled.still_due(visit, self.due),
        }
    }
}

/// What the conditions say of ConnectWise, for the inputs that they judge.
pub(super) fn standing(status: &LinkStatus) -> Option<Standing> {
    let ready = draft::reason(status, ConditionType::Ready)?;
    match ready {
        Reason::CompanyUnknown
        | Reason::CredentialsRejected
        | Reason::MemberInactive
        | Reason::PermissionsMissing
        | Reason::ServiceBoardNotReady
        | Reason::SiteInvalid
        | Reason::SiteUnreachable => Some(Standing::Fault(ready)),
        // Found out by resolving the name: the spec alone was fine.
        Reason::SiteNotAllowed if status.inputs.is_some() => Some(Standing::Fault(ready)),
        Reason::Linked
        | Reason::AwaitingConfirmation
        | Reason::RemoteLinkMissing
        | Reason::RegistrationRejected
        | Reason::ConfirmationTimedOut
        | Reason::LinkConflict
        | Reason::PortalActionRequired
        | Reason::RegistrationUnsupported
        | Reason::PetraUnavailable
        | Reason::PetraKeyRejected
        | Reason::RateLimited
            if passed_at_connectwise(status) =>
        {
            Some(Standing::Passed)
        }
        _ => None,
    }
}

fn passed_at_connectwise(status: &LinkStatus) -> bool {
    let reason = |kind| draft::reason(status, kind);
    reason(ConditionType::AuthFailed) == Some(Reason::CredentialsAccepted)
        && matches!(
            reason(ConditionType::PermissionDenied),
            Some(Reason::PermissionsGranted | Reason::GrantedAsFarAsVisible | Reason::NotVerifiable)
        )
}

/// Decides everything that ConnectWise can decide; continues when nothing is wrong there.
pub(super) fn row(visit: &Visit, target: &Target, inputs: Inputs) -> Row<Passed> {
    let mut draft = visit.draft();
    draft.fields().inputs = Some(inputs);
    match &visit.seen.round {
        None => unasked(visit, draft),
        Some(round) => asked(visit, target, round, draft),
    }
}

fn unasked(visit: &Visit, draft: Draft) -> Row<Passed> {
    let standing = standing(&visit.subject.status);
    let due = due_at(visit, standing);
    if visit.now.up >= due {
        visit.need_keys()?;
        return ControlFlow::Break(Plan::Ask(Question::Round(depth(visit, standing))));
    }
    match standing {
        Some(Standing::Passed) => {
            let tenant = visit.memory.tenant.clone();
            ControlFlow::Continue(Passed { draft, schedule: Schedule { tenant, fresh: false, due, held: None } })
        }
        Some(Standing::Fault(_)) => {
            ControlFlow::Break(visit.settle(draft.finish(Progress::Keep)).still_due(visit, due).plan())
        }
        None => ControlFlow::Break(not_due_yet(visit, draft, due)),
    }
}

/// No verdict, and the floor or a backoff forbids a round now.
fn not_due_yet(visit: &Visit, mut draft: Draft, due: Duration) -> Plan {
    let progress = if asked_before(visit) {
        Progress::Keep
    } else {
        // What stood in the way (the Secret, the spec, suspend) is mended; it must not stand beside these inputs.
        let text = "The inputs are good and are about to be checked.";
        for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
            draft.unknown(kind, Reason::Pending, text);
        }
        Progress::Reconciling
    };
    visit.settle(draft.finish(progress)).still_due(visit, due).plan()
}

/// Whether the status, without a verdict, is about an earlier round for these inputs.
fn asked_before(visit: &Visit) -> bool {
    let about_rounds = [
        Reason::Pending,
        Reason::Checking,
        Reason::ConnectWiseUnavailable,
        Reason::RateLimited,
        Reason::ValidationStale,
    ];
    draft::reason(&visit.subject.status, ConditionType::Ready).is_some_and(|reason| about_rounds.contains(&reason))
}

/// When the next round is due, on the monotonic clock.
fn due_at(visit: &Visit, standing: Option<Standing>) -> Duration {
    let (memory, timings) = (visit.memory, &visit.rules.timings);
    let now = visit.now.up;
    let floor = now + visit.floor_left();
    if visit.subject.requested_at.is_some() {
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
fn depth(visit: &Visit, standing: Option<Standing>) -> Depth {
    let status = &visit.subject.status;
    let known_tenant = status.site.as_ref().is_some_and(|site| site.api_host.is_some() && site.codebase.is_some());
    let cheap_enough = matches!(
        standing,
        Some(
            Standing::Passed | Standing::Fault(Reason::PermissionsMissing) | Standing::Fault(Reason::CredentialsRejected)
        )
    );
    let full_due = status
        .last_full_check_time
        .is_none_or(|at| visit.now.since(at.0) >= visit.rules.timings.full_round);
    if visit.subject.requested_at.is_none() && known_tenant && cheap_enough && !full_due {
        Depth::Cheap
    } else {
        Depth::Full
    }
}

fn asked(visit: &Visit, target: &Target, round: &Round, mut draft: Draft) -> Row<Passed> {
    let standing = standing(&visit.subject.status);
    draft.fields().last_handled_reconcile_at = visit.handled();
    match finding::find(visit, target, round, standing) {
        Finding::Escalate => ControlFlow::Break(Plan::Ask(Question::Round(Depth::Full))),
        Finding::Same => same(visit, standing, draft),
        Finding::Passed { permissions, denied } => {
            record_round(visit, target, round, &mut draft);
            draft.fields().permissions = Some(permissions);
            let accepted = "ConnectWise accepted the keys.";
            let no = ConditionStatus::False;
            draft.set(ConditionType::AuthFailed, no, Reason::CredentialsAccepted, accepted);
            let (status, reason, text) = denied;
            draft.set(ConditionType::PermissionDenied, status, reason, text);
            ControlFlow::Continue(Passed { draft, schedule: Schedule::fresh(visit, tenant(round)) })
        }
        Finding::Fault(fault) => accuse(visit, target, round, *fault, draft),
        Finding::Nothing { why, half } => nothing(visit, standing, why, half, draft),
    }
}

/// A cheap round that agrees with what stands.
fn same(visit: &Visit, standing: Option<Standing>, mut draft: Draft) -> Row<Passed> {
    draft.fields().last_validated_time = Some(StatusTime::new(visit.now.wall));
    match standing {
        Some(Standing::Fault(reason)) => {
            let settled = visit.settle(draft.finish(Progress::Keep));
            ControlFlow::Break(settled.repeat(visit, timetable::kind_of(reason), None).plan())
        }
        _ => {
            let tenant = visit.memory.tenant.clone();
            ControlFlow::Continue(Passed { draft, schedule: Schedule::fresh(visit, tenant) })
        }
    }
}

fn tenant(round: &Round) -> Option<Tenant> {
    match &round.company {
        crate::connectwise::CompanyAnswer::Found(tenant) => Some(tenant.clone()),
        _ => None,
    }
}

/// The fields that a conclusive full round fills.
fn record_round(visit: &Visit, target: &Target, round: &Round, draft: &mut Draft) {
    let fields = draft.fields();
    if let Some(tenant) = tenant(round) {
        fields.site = Some(SiteStatus {
            host: Some(target.site.to_string()),
            api_host: Some(tenant.api_host.to_string()),
            version: tenant.version,
            codebase: Some(tenant.codebase),
        });
    }
    let at = StatusTime::new(visit.now.wall);
    fields.last_validated_time = Some(at);
    if round.depth == Depth::Full {
        fields.last_full_check_time = Some(at);
    }
}

/// A conclusive fault: at once when nothing better stands, else only with a second answer and when the fleet stands.
fn accuse(visit: &Visit, target: &Target, round: &Round, fault: Fault, mut draft: Draft) -> Row<Passed> {
    let was_ready = draft::is_true(&visit.subject.status, ConditionType::Ready);
    if was_ready && let Some(plan) = hold_accusation(visit, fault.ready, &draft) {
        return ControlFlow::Break(plan);
    }
    record_round(visit, target, round, &mut draft);
    if let Some(permissions) = fault.permissions {
        draft.fields().permissions = Some(permissions);
    }
    draft.set(ConditionType::Ready, ConditionStatus::False, fault.ready, fault.message.clone());
    let (status, reason) = fault.auth;
    draft.set(ConditionType::AuthFailed, status, reason, fault.auth_message);
    let (status, reason, text) = fault.denied;
    draft.set(ConditionType::PermissionDenied, status, reason, text);
    let mut settled = visit.settle(draft.finish(Progress::Stalled));
    settled.memory.suspicion = None;
    settled.memory.tenant = tenant(round).or(settled.memory.tenant);
    ControlFlow::Break(settled.repeat(visit, timetable::kind_of(fault.ready), None).plan())
}

/// Debounce and fleet: the plan that leaves a Ready link as it is, unless the accusation may stand now.
pub(super) fn hold_accusation(visit: &Visit, of: Reason, draft: &Draft) -> Option<Plan> {
    let timings = &visit.rules.timings;
    let since = match visit.memory.suspicion {
        Some(suspicion) if suspicion.of == of => suspicion.since,
        _ => visit.now.up,
    };
    let debounce_left = timings.debounce.saturating_sub(visit.elapsed(since));
    let Some(fleet) = visit.seen.fleet else { return Some(Plan::Ask(Question::Fleet(of))) };
    let alike = fleet.suspected_alike + 1;
    let fleet_holds = (alike > 3 && alike * 5 > fleet.ready) || visit.seen.client_id.unproven;
    let asked_for = visit.subject.requested_at.is_some();
    if debounce_left.is_zero() && (asked_for || !fleet_holds) {
        return None;
    }
    let (draft, stale) = stale_or_kept(visit, draft.clone());
    let mut settled = visit.settle(draft.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
    settled.memory.suspicion = Some(Suspicion { of, since });
    Some(if debounce_left.is_zero() {
        settled.holding("fleet").repeat(visit, BackoffKind::Held, None).plan()
    } else {
        settled.holding("debounce").again_in(visit, debounce_left.max(timings.floor)).plan()
    })
}

/// A Ready link for which nothing conclusive was heard for too long is stale, whatever holds the rest.
fn stale_or_kept(visit: &Visit, mut draft: Draft) -> (Draft, bool) {
    let ready = draft::is_true(&visit.subject.status, ConditionType::Ready);
    let limit = timetable::stale_after(visit.subject, &visit.rules.timings);
    let age = visit.subject.status.last_validated_time.map_or(Duration::ZERO, |at| visit.now.since(at.0));
    if !ready || age < limit {
        return (draft, false);
    }
    let text = message::looks_again(
        "The link was good, but ConnectWise has told nothing conclusive for too long. Nothing was found wrong.",
    );
    for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
        draft.unknown(kind, Reason::ValidationStale, text.clone());
    }
    (draft, true)
}

/// A round that answered nothing.
fn nothing(visit: &Visit, standing: Option<Standing>, why: Inconclusive, half: Half, mut draft: Draft) -> Row<Passed> {
    let asked_to_wait = match why {
        Inconclusive::RateLimited(wait) => wait,
        _ => None,
    };
    let standing = match standing {
        Some(Standing::Fault(fault)) if half.clears(fault) => None,
        other => other,
    };
    match standing {
        Some(Standing::Passed) if !draft::is_true(&visit.subject.status, ConditionType::Ready) => {
            let tenant = visit.memory.tenant.clone();
            let held = Some((BackoffKind::Held, asked_to_wait));
            ControlFlow::Continue(Passed { draft, schedule: Schedule { tenant, fresh: false, due: visit.now.up, held } })
        }
        Some(_) => {
            let (draft, stale) = stale_or_kept(visit, draft);
            let settled = visit.settle(draft.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
            ControlFlow::Break(held(visit, settled, asked_to_wait).plan())
        }
        None => {
            half.apply(&mut draft);
            let (settled, kind) = without_verdict(visit, why, draft);
            ControlFlow::Break(settled.repeat(visit, kind, asked_to_wait).plan())
        }
    }
}

/// Ends a visit whose verdict is held, with one event for the whole streak.
fn held(visit: &Visit, settled: Settlement, asked_to_wait: Option<Duration>) -> Settlement {
    let first = visit.memory.backoff.kind != Some(BackoffKind::Held);
    let settled = settled.holding("inconclusive").repeat(visit, BackoffKind::Held, asked_to_wait);
    if first {
        settled.note(
            true,
            "CheckInconclusive",
            "ConnectWise gave no conclusive answer; the last verdict stands and the operator tries again.",
        )
    } else {
        settled
    }
}

fn without_verdict(visit: &Visit, why: Inconclusive, mut draft: Draft) -> (Settlement, BackoffKind) {
    let site_fault = match why {
        Inconclusive::NoSuchName => Some("The name of the site does not exist"),
        Inconclusive::BadCertificate => Some("The certificate of the site is not trusted"),
        _ => None,
    };
    let since = site_fault.map(|_| visit.memory.site_unreachable.unwrap_or(visit.now.up));
    let over = since.is_some_and(|since| visit.elapsed(since) >= visit.rules.timings.site_grace);
    let stale = draft::reason(&visit.subject.status, ConditionType::Ready) == Some(Reason::ValidationStale);
    let mut kind = BackoffKind::Nothing;
    let progress = match site_fault {
        Some(fault) if over => {
            let text = message::looks_again(&format!(
                "{fault}. Correct spec.siteUrl, or ask whoever runs the ConnectWise server to mend its name or certificate."
            ));
            draft.set(ConditionType::Ready, ConditionStatus::False, Reason::SiteUnreachable, text);
            kind = BackoffKind::Refused;
            Progress::Stalled
        }
        _ if stale => Progress::Keep,
        _ => {
            let (reason, what) = match why {
                Inconclusive::RateLimited(_) => (Reason::RateLimited, "ConnectWise asked the operator to slow down"),
                Inconclusive::NoSuchName => (Reason::ConnectWiseUnavailable, "The name of the site does not exist"),
                Inconclusive::BadCertificate => {
                    (Reason::ConnectWiseUnavailable, "The certificate of the site is not trusted")
                }
                Inconclusive::Unavailable => {
                    (Reason::ConnectWiseUnavailable, "ConnectWise gave no conclusive answer, which accuses nobody")
                }
            };
            draft.unknown(ConditionType::Ready, reason, message::looks_again(&format!("{what}.")));
            Progress::Reconciling
        }
    };
    let mut settled = visit.settle(draft.finish(progress));
    settled.memory.site_unreachable = since;
    (settled, kind)
}

/// Permission lines as they stand in the status.
fn permissions_status(target: &Target, permissions: &crate::connectwise::Permissions) -> PermissionsStatus {
    let lines = |lines: &[crate::connectwise::Line]| lines.iter().map(message::permission_line).collect();
    PermissionsStatus {
        profile: target.profile.name.clone(),
        source: Some(target.profile.source.clone()),
        missing: lines(&permissions.missing),
        unknown: lines(&permissions.unknown),
        advice: lines(&permissions.advice),
    }
}
