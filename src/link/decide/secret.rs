//! The rows of the Secret.

use std::ops::ControlFlow;
use std::time::Duration;

use super::verdict::stale_or_kept;
use super::{Row, View, not_evaluated};
use crate::connectwise::CredentialsVersion;
use crate::crd::{ConditionStatus, ConditionType, Reason, SecretLookup, SecretVersion};
use crate::link::draft::Progress;
use crate::link::facts::SecretRead;
use crate::link::plan::{Plan, Question};
use crate::link::state::BackoffKind;
use crate::link::subject::Target;

/// The keys that this visit judges: which they are, not what they are.
pub(super) struct Credentials {
    pub version: CredentialsVersion,
    pub secret: SecretVersion,
}

pub(super) fn row(visit: &View, target: &Target) -> Row<Credentials> {
    match &visit.seen.secret {
        Some(SecretRead::Keys { secret, credentials }) => {
            ControlFlow::Continue(Credentials { version: credentials.clone(), secret: secret.clone() })
        }
        Some(SecretRead::Invalid { secret, problem }) => {
            ControlFlow::Break(invalid(visit, target, secret, &problem.to_string()))
        }
        Some(SecretRead::Absent) => ControlFlow::Break(absent(visit, target)),
        Some(SecretRead::Forbidden) => ControlFlow::Break(forbidden(visit, target)),
        Some(SecretRead::Unavailable) => ControlFlow::Break(unavailable(visit)),
        None => unread(visit, target),
    }
}

/// Without reading: the very Secret that was judged before needs no reading again.
fn unread(visit: &View, target: &Target) -> Row<Credentials> {
    let judged = judged_before(visit, target);
    match (&visit.seen.secret_watch, judged) {
        (SecretLookup::Absent, _) => ControlFlow::Break(absent(visit, target)),
        (SecretLookup::Present(found), Some(judged)) if judged.secret == *found => {
            ControlFlow::Continue(judged)
        }
        (SecretLookup::Present(found), None) if judged_invalid(visit, target, found) => {
            ControlFlow::Break(visit.settle(visit.draft().finish(Progress::Keep)).plan())
        }
        (SecretLookup::Present(_), _) => ControlFlow::Break(Plan::Ask(Question::Secret)),
        // A change of the Secret wakes the link where Secrets are watched; elsewhere the next round reads it anyhow.
        (SecretLookup::NotWatched, Some(judged)) => ControlFlow::Continue(judged),
        (SecretLookup::NotWatched, None) => match visit.memory.not_before {
            Some(at)
                if at > visit.now.up
                    && visit.subject.requested_at.is_none()
                    && names_the_secret_of_before(visit) =>
            {
                let kept = visit.settle(visit.draft().finish(Progress::Keep));
                ControlFlow::Break(kept.still_due(visit, at).plan())
            }
            _ => ControlFlow::Break(Plan::Ask(Question::Secret)),
        },
    }
}

/// Whether what was planned was planned for this Secret: another one, just named, is read at once.
fn names_the_secret_of_before(visit: &View) -> bool {
    let before = visit.subject.status.inputs.as_ref().and_then(|inputs| inputs.secret_name.as_ref());
    before == Some(&visit.subject.spec.credentials_secret_ref.name)
}

/// The keys that the status judges, when its verdict was not about the Secret itself.
fn judged_before(visit: &View, target: &Target) -> Option<Credentials> {
    let ready = visit.subject.status.reason(ConditionType::Ready);
    let about_secret =
        [Reason::SecretInvalid, Reason::SecretNotFound, Reason::SecretForbidden, Reason::WaitingForSecret];
    if ready.is_some_and(|reason| about_secret.contains(&reason)) {
        return None;
    }
    let inputs = visit.subject.inputs(target);
    Some(Credentials {
        version: CredentialsVersion::parse(inputs.credentials_version.as_deref()?)?,
        secret: SecretVersion { uid: inputs.secret_uid?, resource_version: inputs.secret_resource_version? },
    })
}

/// Whether exactly this Secret was found invalid before.
fn judged_invalid(visit: &View, target: &Target, found: &SecretVersion) -> bool {
    let inputs = visit.subject.inputs(target);
    visit.subject.status.reason(ConditionType::Ready) == Some(Reason::SecretInvalid)
        && inputs.secret_uid.as_ref() == Some(&found.uid)
        && inputs.secret_resource_version.as_ref() == Some(&found.resource_version)
        && visit.subject.requested_at.is_none()
}

fn invalid(visit: &View, target: &Target, secret: &SecretVersion, problem: &str) -> Plan {
    let name = &visit.subject.spec.credentials_secret_ref.name;
    let mut draft = visit.draft();
    let text = format!(
        "Secret \"{name}\": {problem}. Put both keys of the API member into the Secret, as publicKey and privateKey. \
         ConnectWise creates them in System > Members > API Members > the member > API Keys. The operator detects the \
         change automatically."
    );
    draft.set(ConditionType::Ready, ConditionStatus::False, Reason::SecretInvalid, text);
    not_evaluated(&mut draft);
    let mut inputs = visit.subject.inputs(target);
    inputs.secret_uid = Some(secret.uid.clone());
    inputs.secret_resource_version = Some(secret.resource_version.clone());
    draft.fields().inputs = Some(inputs);
    draft.fields().last_handled_reconcile_at = visit.handled();
    let settled = visit.settle(draft.finish(Progress::Stalled));
    match visit.seen.secret_watch {
        SecretLookup::NotWatched => settled.again_in(visit, visit.rules.timings.secret_poll_later).plan(),
        _ => settled.plan(),
    }
}

fn absent(visit: &View, target: &Target) -> Plan {
    let timings = &visit.rules.timings;
    let name = &visit.subject.spec.credentials_secret_ref.name;
    let since = visit.memory.secret_absent.unwrap_or(visit.now.up);
    // A fault that was told before a restart does not become a wait again: the grace began in another process.
    let told = visit.subject.status.reason(ConditionType::Ready) == Some(Reason::SecretNotFound);
    let grace_left = timings.secret_grace.saturating_sub(visit.elapsed(since));
    let over = told || grace_left.is_zero();
    let mut draft = visit.draft();
    let todo = "Create it in this namespace, or ask a cluster administrator to create it. Put both keys of the API member into \
                it, as publicKey and privateKey. ConnectWise creates them in System > Members > API Members > the member > \
                API Keys. The operator detects the Secret automatically.";
    if over {
        let text = format!("Secret \"{name}\" does not exist. {todo}");
        draft.set(ConditionType::Ready, ConditionStatus::False, Reason::SecretNotFound, text);
    } else {
        let text = format!("Waiting for Secret \"{name}\". {todo}");
        draft.unknown(ConditionType::Ready, Reason::WaitingForSecret, text);
    }
    not_evaluated(&mut draft);
    draft.fields().inputs = Some(visit.subject.inputs(target));
    draft.fields().last_handled_reconcile_at = visit.handled();
    let progress = if over { Progress::Stalled } else { Progress::Reconciling };
    let mut settled = visit.settle(draft.finish(progress));
    settled.memory.secret_absent = Some(since);
    let polled = match visit.seen.secret_watch {
        SecretLookup::Absent | SecretLookup::Present(_) => None,
        SecretLookup::NotWatched if over => Some(timings.secret_poll_later),
        SecretLookup::NotWatched => Some(timings.secret_poll),
    };
    let grace_end = (!over).then_some(grace_left);
    let next = [polled, grace_end].into_iter().flatten().min();
    match next {
        Some(delay) => settled.again_in(visit, delay).plan(),
        None => settled.plan(),
    }
}

fn forbidden(visit: &View, target: &Target) -> Plan {
    let name = &visit.subject.spec.credentials_secret_ref.name;
    let mut draft = visit.draft();
    let text = format!(
        "The operator may not read Secret \"{name}\" in this namespace. Ask a cluster administrator to grant the operator's \
         service account the verb get on this Secret. The operator rechecks automatically."
    );
    draft.unknown(ConditionType::Ready, Reason::SecretForbidden, text);
    not_evaluated(&mut draft);
    draft.fields().inputs = Some(visit.subject.inputs(target));
    draft.fields().last_handled_reconcile_at = visit.handled();
    visit
        .settle(draft.finish(Progress::Reconciling))
        .again_in(visit, visit.rules.timings.secret_poll_later)
        .plan()
}

/// The API server did not answer: nothing is known, so nothing is said, but that a Ready link is stale in the end.
fn unavailable(visit: &View) -> Plan {
    let (draft, stale) = stale_or_kept(
        visit,
        visit.draft(),
        "The Kubernetes API server has not returned the Secret to the operator for too long, so the link could not be checked. \
         Nothing was found wrong with the link.",
    );
    let settled = visit.settle(draft.finish(if stale { Progress::Reconciling } else { Progress::Keep }));
    settled.repeat(visit, BackoffKind::Nothing, None).plan()
}

impl View<'_> {
    /// The value of `requestedAt` that this visit answers to, or the one that stands.
    pub(super) fn handled(&self) -> Option<String> {
        self.subject.requested_at.clone().or_else(|| self.subject.status.last_handled_reconcile_at.clone())
    }

    /// How long until the floor allows another round.
    pub(super) fn floor_left(&self) -> Duration {
        let floor = self.rules.timings.floor;
        self.memory.last_round.map_or(Duration::ZERO, |at| floor.saturating_sub(self.elapsed(at)))
    }
}
