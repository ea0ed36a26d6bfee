//! The rows of ConnectWise: is a round due, what does it say, and does it stand (hold, debounce, fleet, staleness).

mod fault;
mod finding;
mod hold;
mod schedule;
mod unanswered;

use std::ops::ControlFlow;

use super::standing::{Standing, standing};
use super::{Row, View};
use crate::connectwise::{CompanyAnswer, Depth, KeysAnswer, Line, MemberTraits, Permissions, Round, Tenant};
use crate::crd::{ConditionType, Inputs, PermissionsStatus, Reason, SiteStatus, StatusTime};
use crate::link::intervals;
use crate::link::message;
use crate::link::plan::{Accusation, Plan, Question};
use crate::link::state::{Found, Proof};
use crate::link::status_builder::{Progress, StatusBuilder};
use crate::link::subject::Target;
use fault::Fault;
use finding::Finding;
use hold::{check_new_keys_again, inconclusive};
use schedule::{Schedule, depth, due_at, not_due_yet};

pub(super) use hold::{hold_accusation, stale_or_kept};

/// ConnectWise found nothing wrong: the rows of Petra decide.
pub(super) struct Passed {
    /// The status so far: `AuthFailed` and `PermissionDenied` are set, and the fields of ConnectWise.
    pub builder: StatusBuilder,
    /// When ConnectWise is asked again.
    pub schedule: Schedule,
}

/// Decides everything that ConnectWise can decide; continues when nothing is wrong there.
pub(super) fn row(view: &View, target: &Target, inputs: Inputs) -> Row<Passed> {
    let known = view.known(target, &inputs);
    match &view.facts.round {
        None => unasked(view, known, drafted(view, inputs)),
        Some(round) => asked(view, target, round, known, inputs),
    }
}

fn drafted(view: &View, inputs: Inputs) -> StatusBuilder {
    let mut builder = view.status_builder();
    builder.fields().inputs = Some(inputs);
    builder
}

fn unasked(view: &View, known: Option<Found>, mut builder: StatusBuilder) -> Row<Passed> {
    let standing = standing(&view.subject.status);
    let due = due_at(view, known.as_ref(), standing);
    if view.now.up >= due {
        view.need_keys()?;
        return ControlFlow::Break(Plan::Ask(Question::Round(depth(view, standing))));
    }
    match standing {
        Some(Standing::Passed) => ControlFlow::Continue(Passed {
            builder,
            schedule: Schedule { found: known, fresh: false, due, held: None },
        }),
        Some(Standing::Fault(reason)) => {
            fault::render_standing(view, reason, &mut builder);
            ControlFlow::Break(
                view.settle(builder.finish(Progress::Keep)).requeue_as_planned(view, due).plan(),
            )
        }
        None => ControlFlow::Break(not_due_yet(view, builder, due)),
    }
}

fn asked(view: &View, target: &Target, round: &Round, known: Option<Found>, inputs: Inputs) -> Row<Passed> {
    let standing = standing(&view.subject.status);
    let proof = Proof::of(&inputs, round.depth);
    let mut builder = drafted(view, inputs);
    builder.fields().last_handled_reconcile_at = view.handled();
    match finding::find(view, target, round, standing) {
        Finding::Escalate => ControlFlow::Break(Plan::Ask(Question::Round(Depth::Full))),
        Finding::Same => same(view, round, standing, found(target, round, known, proof), builder),
        Finding::Passed { permissions, denied } => {
            record_round(view, target, round, &mut builder);
            builder.fields().permissions = Some(permissions);
            builder.set(ConditionType::AuthFailed, fault::accepted());
            builder.set(ConditionType::PermissionDenied, denied);
            let found = found(target, round, known, proof);
            ControlFlow::Continue(Passed { builder, schedule: Schedule::fresh(view, found) })
        }
        Finding::Fault(fault) => report_fault(view, target, round, *fault, builder),
        Finding::Inconclusive { why, evidence } => {
            inconclusive(view, standing, known, why, evidence, builder)
        }
    }
}

/// A cheap round that agrees with what stands.
fn same(
    view: &View,
    round: &Round,
    standing: Option<Standing>,
    found: Option<Found>,
    mut builder: StatusBuilder,
) -> Row<Passed> {
    builder.fields().last_validated_time = Some(StatusTime::new(view.now.wall));
    record_client_id(view, round, &mut builder);
    if let Some(Standing::Fault(reason)) = standing {
        fault::render_standing(view, reason, &mut builder);
        let mut settled = view.settle(builder.finish(Progress::Keep));
        settled.state.found = found;
        settled.state.disprove();
        return ControlFlow::Break(
            settled.requeue_with_backoff(view, intervals::backoff_of(reason), None).plan(),
        );
    }
    ControlFlow::Continue(Passed { builder, schedule: Schedule::fresh(view, found) })
}

/// What is known after a round that passed: the tenant, and what the round proved. A cheap round adds nothing to what a full
/// one proved.
fn found(target: &Target, round: &Round, known: Option<Found>, proof: Proof) -> Option<Found> {
    let CompanyAnswer::Found(tenant) = &round.company else { return known };
    let earlier = known.and_then(|known| known.passed).filter(|_| proof.depth == Depth::Cheap);
    Some(Found {
        site: target.site.clone(),
        company: target.company.clone(),
        tenant: tenant.clone(),
        passed: earlier.or(Some(proof)),
    })
}

fn tenant(round: &Round) -> Option<Tenant> {
    match &round.company {
        CompanyAnswer::Found(tenant) => Some(tenant.clone()),
        _ => None,
    }
}

impl View<'_> {
    /// What earlier rounds of this process found for this site and company, and whether they found these inputs good.
    fn known(&self, target: &Target, inputs: &Inputs) -> Option<Found> {
        let known = self.state.found_at(&target.site, &target.company)?;
        let passed = known.passed.clone().filter(|proof| proof.is_of(inputs));
        Some(Found { passed, ..known.clone() })
    }
}

/// The fields that a conclusive full round fills.
fn record_round(view: &View, target: &Target, round: &Round, builder: &mut StatusBuilder) {
    let fields = builder.fields();
    if let Some(tenant) = tenant(round) {
        fields.site = Some(SiteStatus {
            host: Some(target.site.to_string()),
            api_host: Some(tenant.api_host.to_string()),
            version: tenant.version,
            codebase: Some(tenant.codebase),
        });
    }
    let at = StatusTime::new(view.now.wall);
    fields.last_validated_time = Some(at);
    if round.depth == Depth::Full {
        fields.last_full_check_time = Some(at);
    }
    record_client_id(view, round, builder);
}

/// Under which clientId ConnectWise last accepted the keys, if this round says so.
fn record_client_id(view: &View, round: &Round, builder: &mut StatusBuilder) {
    let accepted = match round.keys {
        KeysAnswer::Accepted => Some(view.facts.client_id.version.to_string()),
        KeysAnswer::Rejected => None,
        KeysAnswer::Inconclusive(_) => return,
    };
    if let Some(inputs) = &mut builder.fields().inputs {
        inputs.client_id_version = accepted;
    }
}

/// Reports a conclusive fault. If the last verdict is good, a second response must confirm it, and the fleet rule must allow
/// it. A second response must also confirm that keys are refused which were changed a moment ago.
fn report_fault(
    view: &View,
    target: &Target,
    round: &Round,
    fault: Fault,
    mut builder: StatusBuilder,
) -> Row<Passed> {
    let reason = fault.ready.reason;
    // While the answer is not final, a check that a person asked for is not done. A restart begins it again.
    let mut undecided = builder.clone();
    let handled = &view.subject.status.last_handled_reconcile_at;
    undecided.fields().last_handled_reconcile_at.clone_from(handled);
    let accused = view.server().map(|by| Accusation { of: reason, by });
    if let Some(plan) = accused.and_then(|accused| hold_accusation(view, accused, &undecided, None)) {
        return ControlFlow::Break(plan);
    }
    if let Some(plan) = check_new_keys_again(view, reason, undecided) {
        return ControlFlow::Break(plan);
    }
    record_round(view, target, round, &mut builder);
    if let Some(permissions) = fault.permissions {
        builder.fields().permissions = Some(permissions);
    }
    builder.set(ConditionType::Ready, fault.ready);
    builder.set(ConditionType::AuthFailed, fault.auth);
    builder.set(ConditionType::PermissionDenied, fault.denied);
    let mut settled = view.settle(builder.finish(Progress::Stalled));
    settled.state.suspicion = None;
    settled.state.has_refused_keys |= reason == Reason::CredentialsRejected;
    if let Some(tenant) = tenant(round) {
        let (site, company) = (target.site.clone(), target.company.clone());
        settled.state.found = Some(Found { site, company, tenant, passed: None });
    }
    settled.state.disprove();
    ControlFlow::Break(settled.requeue_with_backoff(view, intervals::backoff_of(reason), None).plan())
}

/// Permission lines as they stand in the status. Advice about the member comes before that about its role.
fn permissions_status(
    view: &View,
    target: &Target,
    traits: MemberTraits,
    permissions: &Permissions,
) -> PermissionsStatus {
    let lines = |lines: &[Line]| lines.iter().map(message::permission_line).collect();
    let mut advice = message::member_advice(traits, view.subject.spec.service_board.is_some());
    advice.extend(permissions.advice.iter().map(message::permission_line));
    PermissionsStatus {
        profile: target.profile.name.clone(),
        source: Some(target.profile.source.clone()),
        missing: lines(&permissions.missing),
        unknown: lines(&permissions.unknown),
        advice,
    }
}
