//! The rows of a resource that is being deleted. They need no Secret and no ConnectWise.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{Row, View};
use crate::clock::Now;
use crate::crd::{ConditionStatus, ConditionType, DeletionPolicy, Reason, RegistrationMode};
use crate::kubernetes::WriteRefusal;
use crate::link::message;
use crate::link::plan::{Change, Plan, Question};
use crate::link::reason_class::BackoffKind;
use crate::link::status_builder::{Progress, StatusBuilder};
use crate::petra::{DeleteAnswer, LinkId, PetraFault, RemoteLink};

/// How many DELETEs of one link a visit sends. One may come too late, until the operator knows Petra's clock.
const MOST_DELETES: usize = 2;

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
    // The server's filter is not relied on.
    let listed = || owned.links.iter().filter(|link| view.may_delete(link));
    for link in listed() {
        remove(view, builder, &link.id, Some(link))?;
    }
    let recorded = view.record(RegistrationMode::Api).and_then(|record| LinkId::parse(&record.id));
    if let Some(id) = recorded.filter(|id| listed().all(|link| link.id != *id)) {
        remove(view, builder, &id, None)?;
    }
    late_put(view, builder, owned.asked_at)
}

/// Removes one link. Continues when Petra has said that it is gone or not ours: what the list says of it is older than
/// that, and a list can be behind for some time.
fn remove(view: &View, builder: &StatusBuilder, id: &LinkId, listed: Option<&RemoteLink>) -> Row<()> {
    let facts = view.facts;
    let answers: Vec<&DeleteAnswer> =
        facts.deletes.iter().filter(|sent| sent.id == *id).map(|sent| &sent.answer).collect();
    match (answers.last(), listed) {
        (None, Some(link)) => return ControlFlow::Break(delete(link)),
        (Some(DeleteAnswer::Gone | DeleteAnswer::NotOurs), _) => return ControlFlow::Continue(()),
        (Some(DeleteAnswer::Unknown(fault)), _) => {
            return ControlFlow::Break(blocked_by(view, builder, *fault));
        }
        (Some(DeleteAnswer::Fenced), _) => {
            let why = "this replica of the operator is on standby";
            return ControlFlow::Break(blocked(view, builder, why, None));
        }
        (Some(DeleteAnswer::LookAgain), _) if answers.len() >= MOST_DELETES => {
            let why = "Petra rejects every request to remove it as out of date, so the clocks of the operator and Petra may differ";
            return ControlFlow::Break(blocked(view, builder, why, None));
        }
        // Only the link itself says which version it has now.
        (Some(DeleteAnswer::LookAgain) | None, _) => {}
    }
    match facts.petra_links.get(id) {
        None => ControlFlow::Break(Plan::Ask(Question::Link(id.clone()))),
        Some(Err(fault)) => ControlFlow::Break(blocked_by(view, builder, *fault)),
        Some(Ok(Some(link))) if view.may_delete(link) => ControlFlow::Break(delete(link)),
        Some(Ok(_)) => ControlFlow::Continue(()),
    }
}

fn delete(link: &RemoteLink) -> Plan {
    Plan::Change(Change::Delete { id: link.id.clone(), expected: link.version.clone() })
}

/// A PUT that was sent before a crash or by the leader before, or whose outcome is unknown, may arrive until its `notAfter`:
/// absence at Petra counts only in a list that was requested after that, and after the time that a list may be behind, or a
/// link would be left behind. Where no Lease keeps other replicas still, one may have sent a PUT right up to the deletion.
fn late_put(view: &View, builder: &StatusBuilder, asked_at: Now) -> Row<()> {
    let timings = &view.config.timings;
    let limit = timings.timeouts.petra_change + Duration::from_secs(1) + timings.poll;
    let since = view.state.unknown_put_at.unwrap_or_default().max(view.facts.leads_since);
    let deleted = view.subject.deleting.filter(|_| !view.config.elected);
    let left_at = |at: Now| {
        let own = limit.saturating_sub(at.up.saturating_sub(since));
        own.max(deleted.map_or(Duration::ZERO, |deleted| limit.saturating_sub(at.since(deleted))))
    };
    if left_at(asked_at).is_zero() {
        return ControlFlow::Continue(());
    }
    let settled = view.settle(builder.clone().finish(Progress::Keep));
    ControlFlow::Break(settled.requeue_in(view, left_at(view.now)).plan())
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

/// The cluster does not let the operator finish, or would not: then nothing is removed at Petra before it does.
pub(super) fn refused(view: &View, refusal: &WriteRefusal) -> Plan {
    let deleted_for = view.subject.deleting.map_or(Duration::ZERO, |at| view.now.since(at));
    let reason = if deleted_for < view.config.timings.deletion_grace {
        Reason::Deleting
    } else {
        Reason::DeletionBlocked
    };
    let text = message::looks_again(&format!(
        "The cluster does not let the operator finish the deletion of this resource: {}. {}Ask a cluster administrator to \
         allow the operator to patch connectwiselinks.",
        refusal.by,
        if view.facts.finalizer_refused.is_none() {
            "Until it does, the link at Petra stays as it is. "
        } else {
            ""
        }
    ));
    let mut builder = view.status_builder();
    builder.set(ConditionType::Ready, ConditionStatus::False.because(reason, text));
    let settled = view.settle(builder.finish(Progress::Reconciling)).refused(refusal);
    settled.requeue_with_backoff(view, BackoffKind::Inconclusive, None).plan()
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
