//! What cannot be recorded is not done at Petra first.
//!
//! An admission policy can keep the operator from writing a link. Before it changes anything at Petra, it knows that the API
//! server takes what follows: the finalizer's removal for a deletion, a status for everything else.

use super::View;
use super::deletion;
use crate::crd::{ConditionType, Reason, RegistrationMode};
use crate::kubernetes::{LinkWrite, RefusedBy, WriteRefusal};
use crate::link::message;
use crate::link::plan::{Change, Plan, Question};
use crate::link::reason_class::BackoffKind;
use crate::link::status_builder::Progress;

/// Puts a trial before a change at Petra, and an end to a visit whose writes are refused.
pub(super) fn before(view: &View, plan: Plan) -> Plan {
    let facts = view.facts;
    let Plan::Change(change) = &plan else { return plan };
    let write = match change {
        Change::AddFinalizer | Change::RemoveFinalizer => {
            return facts.finalizer_refused.as_ref().map_or(plan, |refusal| refused(view, refusal));
        }
        Change::Delete { .. } if loses_the_finalizer(view) => LinkWrite::Finalizer,
        Change::Put { .. } | Change::Delete { .. } if facts.status_taken => return plan,
        Change::Put { .. } | Change::Delete { .. } => LinkWrite::Status,
    };
    match &facts.trial {
        None => Plan::Ask(Question::Trial(write)),
        Some(Ok(())) => plan,
        // The permissions of a namespace that is deleted may go first. They come back or the namespace stays; either way,
        // what a person deleted must not go on working.
        Some(Err(WriteRefusal { by: RefusedBy::Rights, .. })) if view.subject.deleting.is_some() => plan,
        Some(Err(refusal)) => refused(view, refusal),
    }
}

/// Whether the resource gives its link up, and the finalizer with it.
fn loses_the_finalizer(view: &View) -> bool {
    let leaves_api = view.subject.target.as_ref().is_ok_and(|target| target.mode == RegistrationMode::Portal);
    view.facts.finalizer && (view.subject.deleting.is_some() || leaves_api)
}

fn refused(view: &View, refusal: &WriteRefusal) -> Plan {
    if view.subject.deleting.is_some() {
        return deletion::refused(view, refusal);
    }
    let status = match refusal.write {
        // It could not be stored.
        LinkWrite::Status => view.subject.status.clone(),
        LinkWrite::Finalizer => {
            let mut builder = view.status_builder();
            let text = message::looks_again(&format!(
                "The cluster does not let the operator change this resource: {}. Nothing was changed at Petra. Ask a \
                 cluster administrator to allow the operator to patch connectwiselinks.",
                refusal.by
            ));
            builder.unknown(ConditionType::Ready, Reason::FinalizerForbidden, text);
            builder.finish(Progress::Reconciling)
        }
    };
    let settled = view.settle(status).refused(refusal);
    settled.requeue_with_backoff(view, BackoffKind::Inconclusive, None).plan()
}
