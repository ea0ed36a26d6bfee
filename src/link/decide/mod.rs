//! All the rules, as one pure function.
//!
//! A visit is a conversation: [`decide`] looks at what is known and says what comes next: a question that only I/O can
//! answer, a change, a status that must be written before anything else is asked, or the end.
//!
//! The rows are those of `docs/architecture.md`, in order of precedence: [`claim`] → [`deletion`] → `finalizer` → suspend → spec (these
//! three in this file) → [`inputs`] → [`secret`] → [`inputs`] → [`verdict`] (ConnectWise) → [`api`] or [`portal`] (Petra).

mod api;
mod claim;
mod deletion;
mod inputs;
mod operator_keys;
mod ownership;
mod portal;
mod requeue;
mod secret;
mod settle;
mod standing;
#[cfg(test)]
mod tests;
mod verdict;
mod writable;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use super::config::Config;
use super::facts::Facts;
use super::origin::Origin;
use super::plan::{Accusation, Change, Plan, Question};
use super::state::LinkState;
use super::status_builder::{Progress, StatusBuilder};
use super::subject::{SpecProblem, Subject};
use crate::clock::Now;
use crate::crd::{ConditionStatus, ConditionType, Inputs, LinkStatus, Reason, RegistrationMode};

use inputs::Changed;
pub(crate) use operator_keys::{OperatorKeys, may_help};
use standing::{is_unanswered, standing};

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

/// Everything that a decision is made from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The link.
    pub subject: &'a Subject,
    /// What this process remembers of it.
    pub state: &'a LinkState,
    /// What this visit found out.
    pub facts: &'a Facts,
    /// The operator's configuration.
    pub config: &'a Config,
    /// The present moment.
    pub now: Now,
}

/// A row either decides (`Break`) or leaves it to the rows below.
type Row<T> = ControlFlow<Plan, T>;

/// What comes next for this link.
#[must_use]
pub(crate) fn decide(view: &View) -> Plan {
    if let ControlFlow::Break(plan) = claim::row(view) {
        return plan;
    }
    match rows(view) {
        ControlFlow::Break(plan) => {
            claim::before(view, writable::before(view, secret::with_reread(view, plan)))
        }
        ControlFlow::Continue(never) => match never {},
    }
}

fn rows(view: &View) -> Row<Infallible> {
    deletion::row(view)?;
    finalizer(view)?;
    suspend(view)?;
    let target = match &view.subject.target {
        Ok(target) => target,
        Err(problem) => return ControlFlow::Break(spec_problem(view, problem)),
    };
    inputs::spec_row(view)?;
    let credentials = secret::row(view)?;
    let inputs = inputs::row(view, &credentials)?;
    let passed = verdict::row(view, target, inputs)?;
    match target.mode {
        RegistrationMode::Api => api::row(view, target, &credentials, passed),
        RegistrationMode::Portal => portal::row(view, target, &credentials, passed),
    }
}

/// A resource whose status records a link at Petra has the finalizer: a status that was restored onto a new resource came
/// without one, and deleting that would leave the link behind.
fn finalizer(view: &View) -> Row<()> {
    let is_wanted = view.record(RegistrationMode::Api).is_some() && !view.facts.finalizer;
    // Where it is refused, the rows of Petra say so. The link is checked all the same.
    if is_wanted && view.facts.finalizer_refused.is_none() {
        return ControlFlow::Break(Plan::Change(Change::AddFinalizer));
    }
    ControlFlow::Continue(())
}

/// Suspended: nothing is checked, and what stands for these inputs is kept.
fn suspend(view: &View) -> Row<()> {
    let subject = view.subject;
    if !subject.spec.suspended() {
        return ControlFlow::Continue(());
    }
    let mut builder = view.status_builder();
    let inputs = subject.inputs();
    let changed = inputs::changed(view, &inputs);
    let judged = standing(&subject.status).is_some() && subject.status.inputs.as_ref() == Some(&inputs);
    let progress = if judged && changed == Changed::Neutral {
        Progress::Keep
    } else {
        let text = "Checks are suspended by spec.suspend, and the current settings of this link were not checked. To check \
                    them, set spec.suspend to false.";
        let unknown = ConditionStatus::Unknown.because(Reason::Suspended, text);
        builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
        builder.fields().inputs = Some(inputs);
        inputs::forget_in_status(&mut builder, changed);
        Progress::Settled
    };
    let mut settled = view.settle(builder.finish(progress));
    settled.state = inputs::forget_in_state(settled.state, changed);
    // Nobody asks again, so that what was suspected can neither be confirmed nor disproved.
    settled.state.suspicion = None;
    ControlFlow::Break(settled.plan())
}

/// An invalid spec. Only an edit can fix it, and the edit triggers a visit. If the spec was judged good as it is, the
/// operator's configuration changed: a link with a good verdict is accused as ConnectWise would accuse it. The status names
/// the inputs without the API keys, which were not judged; a later edit is compared with them.
fn spec_problem(view: &View, problem: &SpecProblem) -> Plan {
    let mut builder = view.status_builder();
    if problem.of_configuration && view.subject.names_judged_inputs() {
        let accused = Accusation { of: problem.reason, by: Origin::Configuration };
        if let Some(plan) = verdict::hold_accusation(view, accused, &builder, None) {
            return plan;
        }
    }
    builder.fields().last_handled_reconcile_at = view.handled();
    builder
        .set(ConditionType::Ready, ConditionStatus::False.because(problem.reason, problem.message.clone()));
    not_evaluated(&mut builder);
    let inputs = view.subject.inputs();
    let changed = inputs::changed(view, &inputs);
    builder.fields().inputs =
        Some(Inputs { secret_uid: None, secret_resource_version: None, credentials_version: None, ..inputs });
    inputs::forget_in_status(&mut builder, changed);
    let mut settled = view.settle(builder.finish(Progress::Stalled));
    settled.state = inputs::forget_in_state(settled.state, changed);
    settled.state.suspicion = None;
    settled.plan()
}

/// `AuthFailed` and `PermissionDenied` of a row that stands before ConnectWise was asked.
fn not_evaluated(builder: &mut StatusBuilder) {
    let text = "Not checked. See the message of condition Ready.";
    builder.unknown(ConditionType::AuthFailed, Reason::NotEvaluated, text);
    builder.unknown(ConditionType::PermissionDenied, Reason::NotEvaluated, text);
}

impl View<'_> {
    fn status_builder(&self) -> StatusBuilder {
        let status = &self.subject.status;
        let mut builder = StatusBuilder::begin(status, self.subject.generation, self.now);
        let rested = status.reason(ConditionType::Ready) == Some(Reason::Suspended);
        if rested && !self.subject.spec.suspended() {
            let text = "The operator is about to check the company, site, API keys and settings.";
            let unknown = ConditionStatus::Unknown.because(Reason::Pending, text);
            builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
        }
        builder
    }

    /// Asks for the Secret where it was not read in this visit: keys are never kept between visits.
    fn need_keys(&self) -> Row<()> {
        match self.facts.secret {
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
pub(crate) fn checking(view: &View) -> Option<LinkStatus> {
    let status = &view.subject.status;
    let says_so = status.reason(ConditionType::Ready) == Some(Reason::Checking);
    if standing(status).is_some() || is_unanswered(status) || says_so {
        return None;
    }
    let mut builder = view.status_builder();
    builder.fields().inputs = Some(view.subject.inputs());
    let text = "The operator is checking the API keys, security role and service board at ConnectWise.";
    let unknown = ConditionStatus::Unknown.because(Reason::Checking, text);
    builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
    Some(claim::signed(view, builder.finish(Progress::Reconciling)))
}
