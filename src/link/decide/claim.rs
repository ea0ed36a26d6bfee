//! One operator serves a link: the one that the status names.
//!
//! An operator writes its name into the status before it asks or changes anything outside the cluster for a link. That write is
//! guarded by the resource version, so of two operators one succeeds, and the other one leaves the link alone. The name
//! stands for as long as its operator goes on writing: one that writes nothing for a whole period has lost the link. Only the time
//! since this process saw the last change counts, as for a Lease, so that no wall clock and no forged time can take a link.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::time::Duration;

use super::{Row, View};
use crate::crd::{ConditionStatus, ConditionType, EventReason, LinkStatus, OperatorName, Reason, StatusTime};
use crate::link::intervals;
use crate::link::plan::{Change, Plan, Question, Settlement};
use crate::link::state::{Elsewhere, LinkState};
use crate::link::status_builder::Progress;
use crate::link::subject::Subject;

/// The link of another operator is left alone until that operator has been silent for too long.
pub(super) fn row(view: &View) -> Row<()> {
    let subject = view.subject;
    let Some(by) = serving(subject).filter(|by| *by != view.config.operator) else {
        return ControlFlow::Continue(());
    };
    let mark = mark(subject);
    let known = view.state.elsewhere.as_ref().filter(|known| known.by == by);
    let since = known.filter(|known| known.mark == mark).map_or(view.now.up, |known| known.since);
    let left = intervals::claim_lasts(subject, &view.config.timings).saturating_sub(view.elapsed(since));
    if left.is_zero() && !owes_nothing(subject) {
        return ControlFlow::Continue(());
    }
    let mut settled = view.settle(subject.status.clone());
    if known.is_none() {
        settled = settled.event(EventReason::ServedByAnotherOperator, other_operator_text(view, &by));
    }
    settled.next = (!owes_nothing(subject)).then_some(left);
    settled.state = LinkState::left_to(view.state, Elsewhere { by, mark, since });
    ControlFlow::Break(settled.plan())
}

/// Puts the claim before the first step outside the cluster, and into every status.
pub(super) fn before(view: &View, plan: Plan) -> Plan {
    match plan {
        Plan::Ask(question) if leaves_the_cluster(&question) && !is_claimed(view) => claim(view),
        Plan::Change(change) if needs_a_claim(&change) && !is_claimed(view) => claim(view),
        Plan::Ask(_) | Plan::Change(_) => plan,
        Plan::Publish(status, state) if *status == view.subject.status => Plan::Publish(status, state),
        Plan::Publish(status, state) => Plan::Publish(Box::new(signed(view, *status)), state),
        Plan::Settle(settled) => settle(view, *settled).plan(),
    }
}

/// A status with the name of this operator.
pub(super) fn signed(view: &View, status: LinkStatus) -> LinkStatus {
    let operator = view.config.operator.serving_at(StatusTime::new(view.now.wall));
    LinkStatus { operator: Some(operator), ..status }
}

fn serving(subject: &Subject) -> Option<OperatorName> {
    subject.status.operator.as_ref().and_then(OperatorName::of)
}

fn is_ours(view: &View) -> bool {
    serving(view.subject).as_ref() == Some(&view.config.operator)
}

/// Whether this visit may go on outside the cluster. A schema of an earlier release drops the name; then the guarded write
/// alone counts as the claim.
fn is_claimed(view: &View) -> bool {
    is_ours(view) || view.facts.status_taken
}

/// Distinguishes one state of a resource from another, by what its operator writes and by what it answers to.
fn mark(subject: &Subject) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A status that cannot be written as JSON does not exist: it was read from JSON.
    serde_json::to_vec(&subject.status).unwrap_or_default().hash(&mut hasher);
    (&subject.uid, subject.generation, subject.deleting.is_some(), &subject.requested_at).hash(&mut hasher);
    hasher.finish()
}

/// Whether there is nothing to do for the resource, so that silence proves nothing: it is suspended, and that was seen.
fn owes_nothing(subject: &Subject) -> bool {
    subject.spec.suspended()
        && subject.deleting.is_none()
        && subject.status.observed_generation == Some(subject.generation)
}

fn leaves_the_cluster(question: &Question) -> bool {
    match question {
        Question::Round(_) | Question::Link(_) | Question::Owned(_) => true,
        Question::Secret | Question::Poll | Question::Rival(_) | Question::Fleet(_) | Question::Trial(_) => {
            false
        }
    }
}

fn needs_a_claim(change: &Change) -> bool {
    match change {
        Change::Put { .. } | Change::Delete { .. } => true,
        // The operator that serves the link adds it. Before it is removed, what had to be done at Petra has taken the claim; with
        // `Orphan` there was nothing, and a status that cannot be written must not be in the way.
        Change::AddFinalizer | Change::RemoveFinalizer => false,
    }
}

/// Takes the link. The last result is kept, because the inputs are those that it judges: where they are not, the status that says
/// so takes the link. A status that judges nothing yet says what comes next.
fn claim(view: &View) -> Plan {
    let status = &view.subject.status;
    let is_new = status.inputs.is_none()
        && matches!(status.reason(ConditionType::Ready), None | Some(Reason::Pending))
        && view.subject.deleting.is_none();
    let mut builder = view.status_builder();
    if is_new {
        let text = "The operator is about to check the company, site, API keys and settings.";
        let unknown = ConditionStatus::Unknown.because(Reason::Pending, text);
        builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
    }
    let status = builder.finish(if is_new { Progress::Reconciling } else { Progress::Keep });
    Plan::Publish(Box::new(signed(view, status)), Box::new(view.state.clone()))
}

fn settle(view: &View, mut settled: Settlement) -> Settlement {
    let subject = view.subject;
    let changed = settled.status != subject.status;
    if !changed && !is_ours(view) {
        // Free, or its operator was silent for too long: it is taken when there is something to do.
        return settled;
    }
    settled.state.elsewhere = None;
    if changed {
        settled.status = signed(view, settled.status);
    }
    let departing = subject.deleting.is_some() && !view.facts.finalizer;
    if departing || (subject.deleting.is_none() && subject.spec.suspended()) {
        return settled;
    }
    let next = if changed { whole_renewal(view) } else { renewal(view, &mut settled) };
    settled.requeue_no_later_than(next)
}

fn whole_renewal(view: &View) -> Duration {
    intervals::claim_renewed_after(view.subject, &view.config.timings)
}

/// Says that the operator is alive where it had nothing to write for long. Returns when it has to say so again.
fn renewal(view: &View, settled: &mut Settlement) -> Duration {
    let written = view.subject.status.operator.as_ref().and_then(|operator| operator.renew_time);
    let age = written.map_or(Duration::MAX, |at| view.now.since_record(at.0));
    let left = whole_renewal(view).saturating_sub(age);
    if !left.is_zero() {
        return left;
    }
    if view.state.first_seen.is_none() {
        // After a long stop, a fleet must not be written at once.
        let rest =
            intervals::claim_lasts(view.subject, &view.config.timings).saturating_sub(whole_renewal(view));
        return rest.mul_f64(intervals::spread(&view.subject.uid));
    }
    settled.status = signed(view, settled.status.clone());
    whole_renewal(view)
}

fn other_operator_text(view: &View, by: &OperatorName) -> String {
    let own = &view.config.operator;
    format!(
        "Operator \"{by}\" serves this link, as status.operator says, so operator \"{own}\" leaves it alone. Let only one \
         operator watch a namespace. If \"{by}\" does not run any more, \"{own}\" takes the link over after three intervals \
         (at least 90 minutes), or at once if a cluster administrator removes status.operator."
    )
}
