//! All the rules, as one pure function.
//!
//! A visit is a conversation: [`decide`] looks at what is known and says what comes next: a question that only I/O can
//! answer, a change, a status that must be written before anything else is asked, or the end. The rows of the design's
//! condition table follow each other here in its order of precedence: `deletion`, `suspend` and `spec` (this file),
//! [`secret`], [`verdict`] (ConnectWise), then [`api`] or [`portal`] (Petra).

mod api;
mod deletion;
mod inputs;
mod operator_keys;
mod portal;
mod secret;
mod settle;
#[cfg(test)]
mod tests;
mod verdict;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use super::draft::{Draft, Progress};
use super::facts::Facts;
use super::plan::{Change, Plan, Question};
use super::state::LinkState;
use super::subject::{Config, SpecProblem, Subject};
use crate::clock::Now;
use crate::crd::{ConditionStatus, ConditionType, LinkStatus, Reason, RegistrationMode};

pub use operator_keys::{OperatorKeys, may_help};
pub use portal::token;

/// The subject of the tests' world, for tests beside the rules.
#[cfg(test)]
pub(super) fn tests_subject() -> Subject {
    tests::subject()
}

/// A status that accuses the keys, for tests beside the rules.
#[cfg(test)]
pub(super) fn tests_rejected_status() -> LinkStatus {
    tests::rejected_status()
}

/// [`Settlement::held`] of a link that the fleet rule holds.
pub const FLEET: &str = "fleet";

/// Everything that a decision is made from.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The link.
    pub subject: &'a Subject,
    /// What this process remembers of it.
    pub memory: &'a LinkState,
    /// What this visit found out.
    pub seen: &'a Facts,
    /// The operator's configuration.
    pub rules: &'a Config,
    /// The present moment.
    pub now: Now,
}

/// A row either decides (`Break`) or leaves it to the rows below.
type Row<T> = ControlFlow<Plan, T>;

/// What comes next for this link.
#[must_use]
pub fn decide(visit: &View) -> Plan {
    match rows(visit) {
        ControlFlow::Break(plan) => plan,
        ControlFlow::Continue(never) => match never {},
    }
}

fn rows(visit: &View) -> Row<Infallible> {
    deletion::row(visit)?;
    finalizer(visit)?;
    suspend(visit)?;
    let target = match &visit.subject.target {
        Ok(target) => target,
        Err(problem) => return ControlFlow::Break(spec_problem(visit, problem)),
    };
    let credentials = secret::row(visit, target)?;
    let inputs = inputs::row(visit, target, &credentials)?;
    let passed = verdict::row(visit, target, inputs)?;
    match target.mode {
        RegistrationMode::Api => api::row(visit, target, &credentials, passed),
        RegistrationMode::Portal => portal::row(visit, target, &credentials, passed),
    }
}

/// A resource whose status records a link at Petra has the finalizer: a status that was restored onto a new resource came
/// without one, and deleting that would leave the link behind.
fn finalizer(visit: &View) -> Row<()> {
    if visit.record(RegistrationMode::Api).is_some() && !visit.seen.finalizer {
        return ControlFlow::Break(Plan::Change(Change::AddFinalizer));
    }
    ControlFlow::Continue(())
}

/// Suspended: nothing is checked, and what stands for these inputs is kept.
fn suspend(visit: &View) -> Row<()> {
    let subject = visit.subject;
    if !subject.spec.suspended() {
        return ControlFlow::Continue(());
    }
    let mut draft = visit.draft();
    let inputs = subject.target.as_ref().ok().map(|target| subject.inputs(target));
    let same = inputs.is_none() || inputs == subject.status.inputs;
    let judged = verdict::standing(&subject.status).is_some();
    let progress = if same && judged {
        Progress::Keep
    } else {
        let text = "Checks are suspended by spec.suspend, and the current settings of this link were not checked. To check \
                    them, set spec.suspend to false.";
        draft.unknown(ConditionType::Ready, Reason::Suspended, text);
        draft.unknown(ConditionType::AuthFailed, Reason::Suspended, text);
        draft.unknown(ConditionType::PermissionDenied, Reason::Suspended, text);
        if inputs.is_some() {
            draft.fields().inputs = inputs;
        }
        Progress::Settled
    };
    let mut settled = visit.settle(draft.finish(progress));
    // Nobody asks again, so that what was suspected can neither be confirmed nor disproved.
    settled.memory.suspicion = None;
    ControlFlow::Break(settled.plan())
}

/// A spec that cannot be worked on: only an edit of it helps, and that wakes the link by itself.
fn spec_problem(visit: &View, problem: &SpecProblem) -> Plan {
    let mut draft = visit.draft();
    draft.set(ConditionType::Ready, ConditionStatus::False, problem.reason, problem.message.clone());
    not_evaluated(&mut draft);
    draft.fields().inputs = None;
    visit.settle(draft.finish(Progress::Stalled)).plan()
}

/// `AuthFailed` and `PermissionDenied` of a row that stands before ConnectWise was asked.
fn not_evaluated(draft: &mut Draft) {
    let text = "Not checked. See the message of condition Ready.";
    draft.unknown(ConditionType::AuthFailed, Reason::NotEvaluated, text);
    draft.unknown(ConditionType::PermissionDenied, Reason::NotEvaluated, text);
}

impl View<'_> {
    fn draft(&self) -> Draft {
        let status = &self.subject.status;
        let mut draft = Draft::begin(status, self.subject.generation, self.now);
        let rested = status.reason(ConditionType::Ready) == Some(Reason::Suspended);
        if rested && !self.subject.spec.suspended() {
            let text = "The operator is about to check the company, site, API keys and settings.";
            for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
                draft.unknown(kind, Reason::Pending, text);
            }
        }
        draft
    }

    /// Asks for the Secret where it was not read in this visit: keys are never kept between visits.
    fn need_keys(&self) -> Row<()> {
        match self.seen.secret {
            Some(_) => ControlFlow::Continue(()),
            None => ControlFlow::Break(Plan::Ask(Question::Secret)),
        }
    }

    /// Since when `at`, on the monotonic clock.
    fn elapsed(&self, at: Duration) -> Duration {
        self.now.up.saturating_sub(at)
    }
}

/// What the status says while a first round takes long; `None` where a verdict stands or the status says so already.
#[must_use]
pub fn checking(visit: &View) -> Option<LinkStatus> {
    let status = &visit.subject.status;
    let ready = status.reason(ConditionType::Ready);
    // A later round takes nothing back: each condition stands on what the earlier ones found.
    let asked_before = matches!(
        ready,
        Some(
            Reason::ValidationStale
                | Reason::ConnectWiseUnavailable
                | Reason::RateLimited
                | Reason::PetraUnavailable
                | Reason::PetraKeyRejected
        )
    );
    if verdict::standing(status).is_some() || asked_before {
        return None;
    }
    let mut draft = visit.draft();
    if let Ok(target) = &visit.subject.target {
        draft.fields().inputs = Some(visit.subject.inputs(target));
    }
    let text = "The operator is checking the API keys, security role and service board at ConnectWise.";
    for kind in [ConditionType::Ready, ConditionType::AuthFailed, ConditionType::PermissionDenied] {
        draft.unknown(kind, Reason::Checking, text);
    }
    let next = draft.finish(Progress::Reconciling);
    (next != *status).then_some(next)
}
