//! The rows of a resource that is being deleted. They need no Secret and no ConnectWise.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Row, View};
use crate::crd::{ConditionStatus, ConditionType, DeletionPolicy, Reason, RegistrationMode};
use crate::link::message;
use crate::link::plan::{Change, Plan, Question};
use crate::link::reason_class::BackoffKind;
use crate::link::status_builder::{Progress, StatusBuilder};
use crate::petra::{DeleteAnswer, LinkId, PetraFault, RemoteLink};

pub(super) fn row(view: &View) -> Row<()> {
    let subject = view.subject;
    if subject.deleting.is_none() {
        return ControlFlow::Continue(());
    }
    if !view.facts.finalizer {
        return ControlFlow::Break(view.settle(subject.status.clone()).plan());
    }
    if subject.spec.deletion_policy() == DeletionPolicy::Unlink {
        unlink(view, &view.status_builder())?;
    }
    ControlFlow::Break(Plan::Change(Change::RemoveFinalizer))
}

/// Removes every link at Petra that this resource may delete. Continues when there is none any more. `draft` is
/// what the status says meanwhile.
pub(super) fn unlink(view: &View, builder: &StatusBuilder) -> Row<()> {
    if !view.config.petra_configured {
        return ControlFlow::Break(blocked(view, builder, "this operator no longer has a Petra URL", None));
    }
    let owned = match &view.facts.owned {
        None => return ControlFlow::Break(Plan::Ask(Question::Owned(view.subject.owner.clone()))),
        Some(Err(fault)) => return ControlFlow::Break(blocked_by(view, builder, *fault)),
        Some(Ok(owned)) => owned,
    };
    match &view.facts.delete_answer {
        Some(DeleteAnswer::Unknown(fault)) => return ControlFlow::Break(blocked_by(view, builder, *fault)),
        Some(DeleteAnswer::Fenced) => {
            return ControlFlow::Break(blocked(
                view,
                builder,
                "this replica of the operator is on standby",
                None,
            ));
        }
        // What was listed before a DELETE is asked again after it: the answer to one says nothing of the others.
        Some(DeleteAnswer::LookAgain | DeleteAnswer::Gone | DeleteAnswer::NotOurs) | None => {}
    }
    // The server's filter is not relied on.
    let left = owned.iter().find(|link| view.may_delete(link));
    if left.is_some() && view.facts.ineffective_deletes >= 2 {
        let why = "Petra rejects every request to remove it as out of date, so the clocks of the operator and Petra may differ";
        return ControlFlow::Break(blocked(view, builder, why, None));
    }
    if let Some(link) = left {
        return ControlFlow::Break(delete(link));
    }
    if let Some(record) = view.record(RegistrationMode::Api).and_then(|record| LinkId::parse(&record.id)) {
        match &view.facts.petra_link {
            None => return ControlFlow::Break(Plan::Ask(Question::Link(record))),
            Some(Err(fault)) => return ControlFlow::Break(blocked_by(view, builder, *fault)),
            Some(Ok(Some(link))) if view.may_delete(link) => {
                return ControlFlow::Break(delete(link));
            }
            Some(Ok(_)) => {}
        }
    }
    late_put(view, builder)
}

fn delete(link: &RemoteLink) -> Plan {
    Plan::Change(Change::Delete { id: link.id.clone(), expected: link.version.clone() })
}

/// A PUT that was sent before a crash, or whose outcome is unknown, may arrive until its `notAfter`: absence at Petra
/// counts only after that, or a link would be left behind. Where no Lease keeps other replicas still, one may have sent a
/// PUT right up to the deletion.
fn late_put(view: &View, builder: &StatusBuilder) -> Row<()> {
    let limit = view.config.timings.timeouts.petra_change + Duration::from_secs(1);
    let since = view.state.unknown_put_at.unwrap_or(Duration::ZERO);
    let own = limit.saturating_sub(view.elapsed(since));
    let others = match view.subject.deleting {
        Some(at) if !view.config.elected => limit.saturating_sub(view.now.since(at)),
        _ => Duration::ZERO,
    };
    let left = own.max(others);
    if left.is_zero() {
        return ControlFlow::Continue(());
    }
    let settled = view.settle(builder.clone().finish(Progress::Keep));
    ControlFlow::Break(settled.requeue_in(view, left).plan())
}

fn blocked_by(view: &View, builder: &StatusBuilder, fault: PetraFault) -> Plan {
    let (why, wait) = match fault {
        PetraFault::KeyRejected => ("Petra refuses the operator's own API key", None),
        PetraFault::RateLimited(wait) => ("Petra asked the operator to slow down", wait),
        PetraFault::NoContract => ("this Petra server does not support the link API", None),
        PetraFault::Unavailable => ("Petra does not answer", None),
    };
    blocked(view, builder, why, wait)
}

/// Held up: after a while the message says how to get out.
fn blocked(view: &View, builder: &StatusBuilder, why: &str, retry_after: Option<Duration>) -> Plan {
    let subject = view.subject;
    let grace = view.config.timings.deletion_grace;
    let deleted_for = subject.deleting.map_or(Duration::ZERO, |at| view.now.since(at));
    let mut builder = builder.clone();
    if subject.deleting.is_none() {
        // Leaving `Api` for `Portal`: nothing is being deleted but the link.
        let text = message::looks_again(&format!(
            "spec.registration.mode is now Portal, so the operator is removing its own link at Petra, but {why}. \
             To keep that link at Petra, set spec.deletionPolicy to Orphan."
        ));
        builder.unknown(ConditionType::Ready, Reason::PetraUnavailable, text);
        let settled = view.settle(builder.finish(Progress::Reconciling));
        return settled.requeue_with_backoff(view, BackoffKind::Inconclusive, retry_after).plan();
    }
    if deleted_for < grace {
        let text = message::looks_again(&format!("The operator is removing the link at Petra, but {why}."));
        builder.set(ConditionType::Ready, ConditionStatus::False.because(Reason::Deleting, text));
    } else {
        let cause = message::looks_again(&format!("The link at Petra cannot be removed, because {why}."));
        let text = format!(
            "{cause} To delete this resource and leave the link at Petra, run this command or ask a cluster administrator \
             to run it: kubectl -n {} patch cwlink {} --type=merge -p '{{\"spec\":{{\"deletionPolicy\":\"Orphan\"}}}}'",
            subject.key.namespace, subject.key.name
        );
        builder.set(ConditionType::Ready, ConditionStatus::False.because(Reason::DeletionBlocked, text));
    }
    let settled = view.settle(builder.finish(Progress::Reconciling)).requeue_with_backoff(
        view,
        BackoffKind::Inconclusive,
        retry_after,
    );
    let grace_left = grace.saturating_sub(deleted_for);
    if grace_left.is_zero() {
        return settled.plan();
    }
    let next = settled.next.map_or(grace_left, |next| next.min(grace_left));
    settled.requeue_in(view, next).plan()
}
