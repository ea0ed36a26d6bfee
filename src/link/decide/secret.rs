//! The rows of the Secret.

use std::ops::ControlFlow;
use std::time::Duration;

use super::verdict::stale_or_kept;
use super::{Row, View, not_evaluated};
use crate::connectwise::CredentialsVersion;
use crate::crd::{ConditionStatus, ConditionType, LinkStatus, Reason, SecretLookup, SecretVersion};
use crate::link::facts::SecretRead;
use crate::link::plan::{Plan, Question};
use crate::link::reason_class::{BackoffKind, Source};
use crate::link::status_builder::Progress;

/// The keys that this visit judges: which they are, not what they are.
pub(super) struct Credentials {
    pub version: CredentialsVersion,
    pub secret: SecretVersion,
}

pub(super) fn row(view: &View) -> Row<Credentials> {
    match &view.facts.secret {
        Some(SecretRead::Keys { secret, credentials }) => {
            ControlFlow::Continue(Credentials { version: credentials.clone(), secret: secret.clone() })
        }
        Some(SecretRead::Invalid { secret, problem }) => {
            ControlFlow::Break(invalid(view, secret, &problem.to_string()))
        }
        Some(SecretRead::Absent) => ControlFlow::Break(absent(view)),
        Some(SecretRead::Forbidden) => ControlFlow::Break(forbidden(view)),
        Some(SecretRead::Unavailable) => ControlFlow::Break(unavailable(view)),
        None => unread(view),
    }
}

/// Without reading: the very Secret that was judged before needs no reading again.
fn unread(view: &View) -> Row<Credentials> {
    let judged = judged_before(view);
    match (&view.facts.secret_watch, judged) {
        (SecretLookup::Absent, _) => ControlFlow::Break(absent(view)),
        (SecretLookup::Present(found), Some(judged)) if judged.secret == *found => {
            ControlFlow::Continue(judged)
        }
        (SecretLookup::Present(found), None) if judged_invalid(view, found) => {
            ControlFlow::Break(view.settle(view.status_builder().finish(Progress::Keep)).plan())
        }
        (SecretLookup::Present(_), _) => ControlFlow::Break(Plan::Ask(Question::Secret)),
        // A change of the Secret wakes the link where Secrets are watched; elsewhere the next round reads it anyhow. Only
        // a person who replaces rejected keys waits for the operator, and the next round may be an hour away.
        (SecretLookup::NotWatched, Some(_)) if reread_is_due(view) => {
            ControlFlow::Break(Plan::Ask(Question::Secret))
        }
        (SecretLookup::NotWatched, Some(judged)) => ControlFlow::Continue(judged),
        (SecretLookup::NotWatched, None) => match view.state.not_before {
            Some(at)
                if at > view.now.up
                    && view.subject.requested_at.is_none()
                    && names_the_secret_of_before(view) =>
            {
                let kept = view.settle(view.status_builder().finish(Progress::Keep));
                ControlFlow::Break(kept.requeue_as_planned(view, at).plan())
            }
            _ => ControlFlow::Break(Plan::Ask(Question::Secret)),
        },
    }
}

/// Whether this is a verdict that new keys would change, and nobody reports new keys.
fn waits_for_new_keys(view: &View, status: &LinkStatus) -> bool {
    let rejected = matches!(
        status.reason(ConditionType::Ready),
        Some(Reason::CredentialsRejected | Reason::RegistrationRejected)
    );
    rejected
        && view.facts.secret_watch == SecretLookup::NotWatched
        && view.subject.deleting.is_none()
        && !view.subject.spec.suspended()
}

/// Whether the Secret is to be read again although no round is due.
fn reread_is_due(view: &View) -> bool {
    let last = view.state.secret_read_at.or(view.state.first_seen).unwrap_or(view.now.up);
    waits_for_new_keys(view, &view.subject.status)
        && view.elapsed(last) >= view.config.timings.secret_poll_later
}

/// Sees to it that a visit comes in time to read the Secret again.
pub(super) fn with_reread(view: &View, plan: Plan) -> Plan {
    match plan {
        Plan::Settle(settlement) if waits_for_new_keys(view, &settlement.status) => {
            settlement.requeue_no_later_than(view.config.timings.secret_poll_later).plan()
        }
        plan => plan,
    }
}

/// Whether what was planned was planned for this Secret: another one, just named, is read at once.
fn names_the_secret_of_before(view: &View) -> bool {
    let before = view.subject.status.inputs.as_ref().and_then(|inputs| inputs.secret_name.as_ref());
    before == Some(&view.subject.spec.credentials_secret_ref.name)
}

/// The keys that the status judges, when its verdict was not about the Secret itself.
fn judged_before(view: &View) -> Option<Credentials> {
    let ready = view.subject.status.reason(ConditionType::Ready);
    if ready.is_some_and(|reason| reason.class().source == Source::Secret) {
        return None;
    }
    let inputs = view.subject.inputs();
    Some(Credentials {
        version: CredentialsVersion::parse(inputs.credentials_version.as_deref()?)?,
        secret: SecretVersion { uid: inputs.secret_uid?, resource_version: inputs.secret_resource_version? },
    })
}

/// Whether exactly this Secret was found invalid before.
fn judged_invalid(view: &View, found: &SecretVersion) -> bool {
    let inputs = view.subject.inputs();
    view.subject.status.reason(ConditionType::Ready) == Some(Reason::SecretInvalid)
        && inputs.secret_uid.as_ref() == Some(&found.uid)
        && inputs.secret_resource_version.as_ref() == Some(&found.resource_version)
        && view.subject.requested_at.is_none()
}

fn invalid(view: &View, secret: &SecretVersion, problem: &str) -> Plan {
    let name = &view.subject.spec.credentials_secret_ref.name;
    let mut builder = view.status_builder();
    let text = format!(
        "Secret \"{name}\": {problem}. Put both keys of the API member into the Secret, as publicKey and privateKey. \
         ConnectWise creates them in System > Members > API Members > the member > API Keys. The operator detects the \
         change automatically."
    );
    builder.set(ConditionType::Ready, ConditionStatus::False.because(Reason::SecretInvalid, text));
    not_evaluated(&mut builder);
    let mut inputs = view.subject.inputs();
    inputs.secret_uid = Some(secret.uid.clone());
    inputs.secret_resource_version = Some(secret.resource_version.clone());
    builder.fields().inputs = Some(inputs);
    builder.fields().last_handled_reconcile_at = view.handled();
    let settled = view.settle(builder.finish(Progress::Stalled));
    match view.facts.secret_watch {
        SecretLookup::NotWatched => settled.requeue_in(view, view.config.timings.secret_poll_later).plan(),
        _ => settled.plan(),
    }
}

fn absent(view: &View) -> Plan {
    let timings = &view.config.timings;
    let name = &view.subject.spec.credentials_secret_ref.name;
    let since = view.state.secret_absent_since.unwrap_or(view.now.up);
    // Do not change SecretNotFound back to WaitingForSecret after a restart.
    let stored = view.subject.status.reason(ConditionType::Ready) == Some(Reason::SecretNotFound);
    let grace_left = timings.secret_grace.saturating_sub(view.elapsed(since));
    let over = stored || grace_left.is_zero();
    let mut builder = view.status_builder();
    let todo = "Create it in this namespace, or ask a cluster administrator to create it. Put both keys of the API member into \
                it, as publicKey and privateKey. ConnectWise creates them in System > Members > API Members > the member > \
                API Keys. The operator detects the Secret automatically.";
    if over {
        let text = format!("Secret \"{name}\" does not exist. {todo}");
        builder.set(ConditionType::Ready, ConditionStatus::False.because(Reason::SecretNotFound, text));
    } else {
        let text = format!("Waiting for Secret \"{name}\". {todo}");
        builder.unknown(ConditionType::Ready, Reason::WaitingForSecret, text);
    }
    not_evaluated(&mut builder);
    builder.fields().inputs = Some(view.subject.inputs());
    builder.fields().last_handled_reconcile_at = view.handled();
    let progress = if over { Progress::Stalled } else { Progress::Reconciling };
    let mut settled = view.settle(builder.finish(progress));
    settled.state.secret_absent_since = Some(since);
    let polled = match view.facts.secret_watch {
        SecretLookup::Absent | SecretLookup::Present(_) => None,
        SecretLookup::NotWatched if over => Some(timings.secret_poll_later),
        SecretLookup::NotWatched => Some(timings.secret_poll),
    };
    let grace_end = (!over).then_some(grace_left);
    let next = [polled, grace_end].into_iter().flatten().min();
    match next {
        Some(delay) => settled.requeue_in(view, delay).plan(),
        None => settled.plan(),
    }
}

fn forbidden(view: &View) -> Plan {
    let name = &view.subject.spec.credentials_secret_ref.name;
    let mut builder = view.status_builder();
    let text = format!(
        "The operator may not read Secret \"{name}\" in this namespace. Ask a cluster administrator to grant the operator's \
         service account the verb get on this Secret. The operator rechecks automatically."
    );
    builder.unknown(ConditionType::Ready, Reason::SecretForbidden, text);
    not_evaluated(&mut builder);
    builder.fields().inputs = Some(view.subject.inputs());
    builder.fields().last_handled_reconcile_at = view.handled();
    view.settle(builder.finish(Progress::Reconciling))
        .requeue_in(view, view.config.timings.secret_poll_later)
        .plan()
}

/// The API server did not respond. The status stays, until a Ready link becomes stale.
fn unavailable(view: &View) -> Plan {
    let (builder, stale) = stale_or_kept(
        view,
        view.status_builder(),
        "The Kubernetes API server has not returned the Secret to the operator for too long, so the link could not be checked. \
         Nothing was found wrong with the link.",
    );
    let settled = view.settle(builder.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
    settled.requeue_with_backoff(view, BackoffKind::Inconclusive, None).plan()
}

impl View<'_> {
    /// The value of `requestedAt` that this visit answers to, or the one that stands.
    pub(super) fn handled(&self) -> Option<String> {
        self.subject.requested_at.clone().or_else(|| self.subject.status.last_handled_reconcile_at.clone())
    }

    /// How long until the floor allows another round.
    pub(super) fn floor_left(&self) -> Duration {
        let floor = self.config.timings.floor;
        self.state.last_round.map_or(Duration::ZERO, |at| floor.saturating_sub(self.elapsed(at)))
    }
}
