//! The rows of ConnectWise: is a round due, what does it say, and does it stand (hold, debounce, fleet, staleness).

mod finding;
mod hold;
mod schedule;

use std::ops::ControlFlow;

use super::operator_keys::clear_client_id;
use super::{Row, View};
use crate::connectwise::{CompanyAnswer, Depth, Line, MemberTraits, Permissions, Round, Tenant};
use crate::crd::{
    ConditionStatus, ConditionType, Inputs, LinkStatus, PermissionsStatus, Reason, SiteStatus, StatusTime,
};
use crate::link::draft::{Draft, Progress};
use crate::link::message;
use crate::link::plan::{Plan, Question};
use crate::link::subject::Target;
use crate::link::timetable;
use finding::{Fault, Finding};
use hold::nothing;
use schedule::{Schedule, depth, due_at, not_due_yet};

pub(super) use hold::{hold_accusation, stale_or_kept};

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

/// What the conditions say of ConnectWise, for the inputs that they judge.
pub(super) fn standing(status: &LinkStatus) -> Option<Standing> {
    let ready = status.reason(ConditionType::Ready)?;
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
        | Reason::ValidationStale
            if passed_at_connectwise(status) =>
        {
            Some(Standing::Passed)
        }
        _ => None,
    }
}

fn passed_at_connectwise(status: &LinkStatus) -> bool {
    let reason = |kind| status.reason(kind);
    // Where the status does not name what was found good, it may have been anything, other keys included.
    let named = status.inputs.as_ref().is_some_and(|inputs| {
        [&inputs.site, &inputs.company_id, &inputs.credentials_version, &inputs.permission_profile]
            .iter()
            .all(|input| input.is_some())
    });
    named
        && reason(ConditionType::AuthFailed) == Some(Reason::CredentialsAccepted)
        && matches!(
            reason(ConditionType::PermissionDenied),
            Some(Reason::PermissionsGranted | Reason::GrantedAsFarAsVisible | Reason::NotVerifiable)
        )
}

/// Decides everything that ConnectWise can decide; continues when nothing is wrong there.
pub(super) fn row(visit: &View, target: &Target, inputs: Inputs) -> Row<Passed> {
    let mut draft = visit.draft();
    draft.fields().inputs = Some(inputs);
    match &visit.seen.round {
        None => unasked(visit, draft),
        Some(round) => asked(visit, target, round, draft),
    }
}

fn unasked(visit: &View, mut draft: Draft) -> Row<Passed> {
    let standing = standing(&visit.subject.status);
    let due = due_at(visit, standing);
    if visit.now.up >= due {
        visit.need_keys()?;
        return ControlFlow::Break(Plan::Ask(Question::Round(depth(visit, standing))));
    }
    match standing {
        Some(Standing::Passed) => {
            let tenant = visit.memory.tenant.clone();
            ControlFlow::Continue(Passed {
                draft,
                schedule: Schedule { tenant, fresh: false, due, held: None },
            })
        }
        Some(Standing::Fault(_)) => {
            clear_client_id(visit, &mut draft);
            ControlFlow::Break(visit.settle(draft.finish(Progress::Keep)).still_due(visit, due).plan())
        }
        None => ControlFlow::Break(not_due_yet(visit, draft, due)),
    }
}

fn asked(visit: &View, target: &Target, round: &Round, mut draft: Draft) -> Row<Passed> {
    let standing = standing(&visit.subject.status);
    draft.fields().last_handled_reconcile_at = visit.handled();
    match finding::find(visit, target, round, standing) {
        Finding::Escalate => ControlFlow::Break(Plan::Ask(Question::Round(Depth::Full))),
        Finding::Same => same(visit, standing, draft),
        Finding::Passed { permissions, denied } => {
            record_round(visit, target, round, &mut draft);
            draft.fields().permissions = Some(permissions);
            let accepted = "ConnectWise accepted the API keys.";
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
fn same(visit: &View, standing: Option<Standing>, mut draft: Draft) -> Row<Passed> {
    draft.fields().last_validated_time = Some(StatusTime::new(visit.now.wall));
    if let Some(Standing::Fault(reason)) = standing {
        clear_client_id(visit, &mut draft);
        let settled = visit.settle(draft.finish(Progress::Keep));
        return ControlFlow::Break(settled.repeat(visit, timetable::kind_of(reason), None).plan());
    }
    let tenant = visit.memory.tenant.clone();
    ControlFlow::Continue(Passed { draft, schedule: Schedule::fresh(visit, tenant) })
}

fn tenant(round: &Round) -> Option<Tenant> {
    match &round.company {
        CompanyAnswer::Found(tenant) => Some(tenant.clone()),
        _ => None,
    }
}

/// The fields that a conclusive full round fills.
fn record_round(visit: &View, target: &Target, round: &Round, draft: &mut Draft) {
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
fn accuse(visit: &View, target: &Target, round: &Round, fault: Fault, mut draft: Draft) -> Row<Passed> {
    let was_ready = visit.subject.status.is_true(ConditionType::Ready);
    if was_ready && let Some(plan) = hold_accusation(visit, fault.ready, &draft, None) {
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

/// Permission lines as they stand in the status. Advice about the member comes before that about its role.
fn permissions_status(
    visit: &View,
    target: &Target,
    traits: MemberTraits,
    permissions: &Permissions,
) -> PermissionsStatus {
    let lines = |lines: &[Line]| lines.iter().map(message::permission_line).collect();
    let mut advice = message::member_advice(traits, visit.subject.spec.service_board.is_some());
    advice.extend(permissions.advice.iter().map(message::permission_line));
    PermissionsStatus {
        profile: target.profile.name.clone(),
        source: Some(target.profile.source.clone()),
        missing: lines(&permissions.missing),
        unknown: lines(&permissions.unknown),
        advice,
    }
}
