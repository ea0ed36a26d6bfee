//! What each answer of Petra means for the status.

use std::time::Duration;

use super::Registration;
use crate::connectwise::Depth;
use crate::crd::{
    Condition, ConditionStatus, ConditionType, EventReason, LinkRecord, Reason, RegistrationMode, StatusTime,
};
use crate::kubernetes::WriteRefusal;
use crate::link::facts::PollView;
use crate::link::message;
use crate::link::plan::{Claimed, HeldCause, Plan, Settlement};
use crate::link::reason_class::{BackoffKind, PetraSays};
use crate::link::state::{Backoff, Suspicion};
use crate::link::status_builder::{Progress, StatusBuilder};
use crate::petra::{Holder, LinkId, PetraFault, PutAnswer, RemoteLink};

const GOOD: &str = "The API keys, security role and link are valid. No action is required.";
const TAKEN: &str =
    "Petra accepted the link and is waiting for ConnectWise to confirm it. This takes one or two minutes.";

impl Registration<'_> {
    pub(super) fn linked(self, link: &RemoteLink) -> Plan {
        let view = self.view;
        let confirmed = StatusTime::new(link.confirmed_at.unwrap_or(view.now.wall));
        let (mut builder, registered) = self.recorded(link);
        let stood = view.record(RegistrationMode::Api).and_then(|record| record.confirmed_time);
        builder.fields().link = Some(LinkRecord {
            confirmed_time: if registered.fresh { Some(confirmed) } else { stood.or(Some(confirmed)) },
            ..registered.record
        });
        let text = "Petra confirmed the link with these API keys.";
        builder.set(ConditionType::Registered, ConditionStatus::True.because(Reason::Confirmed, text));
        builder.set(ConditionType::Ready, ConditionStatus::True.because(Reason::Linked, GOOD));
        let moved = self.derivation_moved();
        let mut settled = self
            .end(view.settle(builder.finish(Progress::Settled)))
            .reset_petra_backoff()
            .claiming(self.claim());
        settled = settled.disproving(Suspicion::is_of_petra);
        settled.state.petra_heard_at = Some(view.now.up);
        if moved {
            settled = settled.event(EventReason::LinkIdKept, message::ID_KEPT);
        }
        settled.plan()
    }

    /// Whether a full round of this visit would derive another id than the one that stands.
    fn derivation_moved(&self) -> bool {
        let full = self.view.facts.round.as_ref().is_some_and(|round| round.depth == Depth::Full);
        full && self.passed.derived_id().is_some_and(|id| Some(&id) != self.id.as_ref())
    }

    /// The company's link that this resource claims: by the tenant that this process found, where it did.
    pub(super) fn claim(&self) -> Option<Claimed> {
        let derived = self.passed.derived_id();
        let proved = derived.is_some() && self.passed.proved().is_some();
        derived.or_else(|| self.id.clone()).map(|id| Claimed { id, acknowledged: false, proved })
    }

    pub(super) fn pending(self, link: &RemoteLink) -> Plan {
        let view = self.view;
        let (mut builder, registered) = self.recorded(link);
        builder.fields().link = Some(registered.record);
        let confirm = view.config.timings.confirm;
        // The time begins when this process first sees the link pending. A former process cannot tell how long its polls
        // were answered, and a link that was confirmed before, or whose keys were sent again, gets the whole time again.
        let stored = view.subject.status.reason(ConditionType::Registered).filter(|_| !registered.fresh);
        let (since, was_late) = match stored {
            Some(Reason::AwaitingConfirmation) => (view.state.pending_since, false),
            // What was late before a restart still is.
            Some(Reason::ConfirmationTimedOut) => (view.state.pending_since, true),
            _ => (None, false),
        };
        let since = since.unwrap_or(view.now.up);
        let is_late = was_late
            || matches!(
                &view.facts.poll,
                PollView::Known { answered_at, failing: None, .. }
                    if answered_at.up.saturating_sub(since) >= confirm
            );
        let progress = if is_late {
            let text = message::looks_again(
                "Petra did not confirm the link in time. The API keys and security role are valid. Contact \
                 support@petrasecurity.com and include the link ID from status.link.id.",
            );
            builder.set(
                ConditionType::Ready,
                ConditionStatus::False.because(Reason::ConfirmationTimedOut, text.clone()),
            );
            builder.unknown(ConditionType::Registered, Reason::ConfirmationTimedOut, text);
            Progress::Stalled
        } else {
            let value = ConditionStatus::Unknown.because(Reason::AwaitingConfirmation, TAKEN);
            builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
            Progress::Reconciling
        };
        // The shared poll wakes the link; this is for the timeout alone.
        let left = confirm.saturating_sub(view.elapsed(since)) + view.config.timings.poll;
        let mut settled = self.end(view.settle(builder.finish(progress)));
        settled.state.pending_since = Some(since);
        settled.state.petra_heard_at = Some(view.now.up);
        // Keys that were refused before are a retry: if they are refused again, the next one comes later still.
        let retry = !registered.fresh && settled.state.petra_backoff.kind == Some(BackoffKind::Rejected);
        let backoff = if retry { settled.state.petra_backoff } else { Backoff::default() };
        let mut settled = settled.requeue_no_later_than(left).reset_petra_backoff();
        settled.state.petra_backoff = backoff;
        settled.claiming(self.claim()).awaiting_petra().plan()
    }

    pub(super) fn conflict(&self, holder: &Holder) -> Plan {
        // adoptFrom counts only while there is no record of a link.
        let take_over = if self.view.record(RegistrationMode::Api).is_some() {
            "delete this resource and create it again with"
        } else {
            "set"
        };
        let policy = "spec.deletionPolicy: Unlink (or Orphan)";
        let within = match holder {
            Holder::Owner(owner) => owner.within(&self.view.config.installation).map(|names| (owner, names)),
            Holder::Nobody | Holder::Unreadable => None,
        };
        let holder = match (holder, within) {
            (Holder::Nobody, _) => format!(
                "A person created it in Petra's portal. To take it over, {take_over} spec.registration.adoptFrom: \
                 unowned and {policy}"
            ),
            (_, Some((owner, (namespace, name)))) if namespace == self.view.subject.key.namespace => format!(
                "ConnectWiseLink \"{name}\" in this namespace holds it. Delete one of the two resources. To take the \
                 link over with this resource instead, {take_over} spec.registration.adoptFrom: {owner} and {policy}"
            ),
            (Holder::Owner(_) | Holder::Unreadable, _) => format!(
                "Another owner holds it. Ask your platform team which owner links this company. To take the link over, \
                 {take_over} spec.registration.adoptFrom: OWNER and {policy}"
            ),
        };
        self.conflicting(&format!("This company already has a link at Petra. {holder}."), self.claim())
    }

    /// Another resource of this owner changed the link after this one had held it.
    pub(super) fn taken_over(&self) -> Plan {
        self.conflicting(
            "A copy of this resource has taken over its link at Petra. The copy has the same installation ID, namespace and \
             name, for example in a cluster that was migrated from this one. This resource no longer changes or removes the \
             link. Delete one of the two resources. To take the link back, delete this resource and create it again.",
            self.claim(),
        )
    }

    /// Petra has another link for the company, under another id: its site has two names, or a person chose the id.
    pub(super) fn company_linked(&self, id: Option<&LinkId>, holder: &Holder) -> Plan {
        let view = self.view;
        let within = match holder {
            Holder::Owner(owner) => owner.within(&view.config.installation),
            Holder::Nobody | Holder::Unreadable => None,
        };
        let holder = match (holder, within) {
            (Holder::Nobody, _) => {
                "A person created it in Petra's portal. Open https://app.petrasecurity.com/settings and remove it there"
                    .to_owned()
            }
            (Holder::Owner(owner), _) if *owner == view.subject.owner => {
                if view.owned_links().any(|link| Some(&link.id) == id && view.may_delete(link)) {
                    "This resource left it. Set spec.deletionPolicy: Unlink, or remove the link in Petra's portal".to_owned()
                } else {
                    "An earlier resource of this name left it. Open https://app.petrasecurity.com/settings and remove it there".to_owned()
                }
            }
            (_, Some((namespace, name))) if namespace == view.subject.key.namespace => {
                format!("ConnectWiseLink \"{name}\" in this namespace holds it. Delete one of the two resources")
            }
            (Holder::Owner(_) | Holder::Unreadable, _) => {
                "Another owner holds it. Ask your platform team which owner links this company".to_owned()
            }
        };
        let text =
            format!("This company already has a link at Petra, with another name of its site. {holder}.");
        // Its holder claims that id: when it goes, this link is woken.
        let holders = id.map(|id| Claimed { id: id.clone(), acknowledged: false, proved: false });
        self.conflicting(&text, holders.or_else(|| self.claim()))
    }

    /// Petra's link of this resource is not what the operator registered.
    pub(super) fn of_another_company(&self) -> Plan {
        self.conflicting(
            "Petra's link of this resource is for another company or site than spec.companyId and spec.siteUrl. Check the link \
             in Petra's portal. To register it again, delete this resource with spec.deletionPolicy: Unlink and create it \
             again.",
            self.claim(),
        )
    }

    fn conflicting(&self, text: &str, claim: Option<Claimed>) -> Plan {
        let mut builder = self.passed.builder.clone();
        let text = message::looks_again(text);
        let value = ConditionStatus::False.because(Reason::LinkConflict, text);
        builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
        let mut settled = self.end(self.view.settle(builder.finish(Progress::Stalled)));
        settled.state.suspicion = settled.state.suspicion.filter(|it| !it.is_of_petra());
        settled.requeue_petra_with_backoff(self.view, BackoffKind::Rejected, None).claiming(claim).plan()
    }

    /// Without the finalizer, nothing is sent to Petra.
    pub(super) fn finalizer_refused(&self, refusal: &WriteRefusal) -> Plan {
        let mut builder = self.passed.builder.clone();
        let text = message::looks_again(&format!(
            "The API keys and security role are valid, but the cluster does not let the operator change this resource: {}. \
             Nothing was sent to Petra. Ask a cluster administrator to allow the operator to patch connectwiselinks.",
            refusal.by
        ));
        builder.unknown(ConditionType::Ready, Reason::FinalizerForbidden, text);
        let settled = self.end(self.view.settle(builder.finish(Progress::Reconciling))).refused(refusal);
        settled
            .requeue_petra_with_backoff(self.view, BackoffKind::Inconclusive, None)
            .claiming(self.claim())
            .plan()
    }

    /// This replica was not certain to remain the leader, so it did not send the request.
    pub(super) fn fenced(&self) -> Plan {
        let mut builder = self.passed.builder.clone();
        let progress = if self.registered() {
            self.hold(&mut builder)
        } else if self.judged_by_petra() {
            Progress::Keep
        } else {
            let text = "The API keys and security role are valid. This replica of the operator is on standby. The leading replica \
                        registers the link.";
            builder.unknown(ConditionType::Ready, Reason::PetraUnavailable, text);
            Progress::Reconciling
        };
        let settled = self.settled(builder, progress);
        settled
            .requeue_petra_with_backoff(self.view, BackoffKind::Inconclusive, None)
            .claiming(self.claim())
            .plan()
    }

    /// Petra answered nothing: a registered link stays as it is, one that is not yet waits.
    pub(super) fn petra_fault(&self, fault: PetraFault) -> Plan {
        let view = self.view;
        let retry_after = match fault {
            PetraFault::RateLimited(wait) => wait,
            _ => None,
        };
        let mut builder = self.passed.builder.clone();
        let mut kind = BackoffKind::Inconclusive;
        let mut unsupported = false;
        let progress = if self.registered() {
            kind = BackoffKind::Held;
            self.hold(&mut builder)
        } else if self.judged_by_petra() {
            kind = BackoffKind::Held;
            Progress::Keep
        } else if fault == PetraFault::NoContract && !self.may_have_sent_keys() {
            let text = message::looks_again(
                "This Petra server does not support the link API, so the operator registered nothing and sent no key. Set \
                 spec.registration.mode to Portal. The message then says what to save in Petra's portal.",
            );
            unsupported = true;
            let value = ConditionStatus::False.because(Reason::RegistrationUnsupported, text);
            builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
            kind = BackoffKind::Rejected;
            Progress::Stalled
        } else {
            let (reason, text) = match fault {
                PetraFault::KeyRejected => (
                    Reason::PetraKeyRejected,
                    "Petra refuses the operator's own API key. The link itself was not checked. Ask the operator's \
                     administrator to replace the key.",
                ),
                PetraFault::RateLimited(_) => (Reason::RateLimited, "Petra asked the operator to slow down."),
                PetraFault::NoContract | PetraFault::Unavailable => (
                    Reason::PetraUnavailable,
                    "Petra gave no clear answer (outage or timeout). The API keys and security role are valid.",
                ),
            };
            builder.unknown(ConditionType::Ready, reason, message::looks_again(text));
            Progress::Reconciling
        };
        let mut settled = self.settled(builder, progress).requeue_petra_with_backoff(view, kind, retry_after);
        settled.state.petra_request_failed = !self.is_list_failing();
        if matches!(view.facts.put_answer, Some(PutAnswer::Unknown(_))) {
            settled.state.unknown_put_at = Some(view.now.up);
        }
        if kind == BackoffKind::Held {
            settled = settled.holding(HeldCause::Petra);
        }
        if unsupported {
            // The shared poll sees first that the server has the link API now.
            settled = settled.awaiting_petra();
        }
        settled.claiming(self.claim()).plan()
    }

    pub(super) fn end(&self, settled: Settlement) -> Settlement {
        self.passed.schedule.end(self.view, settled)
    }

    /// Nothing new is known of Petra: what stands stays.
    pub(super) fn keep(&self) -> Plan {
        self.kept().requeue_petra_as_planned(self.view).plan()
    }

    /// The end of a visit that keeps what stands.
    pub(super) fn kept(&self) -> Settlement {
        let mut builder = self.passed.builder.clone();
        let progress = if self.registered() { self.hold(&mut builder) } else { Progress::Keep };
        self.settled(builder, progress).claiming(self.claim())
    }

    /// The end of a visit to which Petra said nothing new. The shared poll asks often for a link that waits for it.
    fn settled(&self, builder: StatusBuilder, progress: Progress) -> Settlement {
        let waits = self.waits_for_list(&builder);
        let settled = self.end(self.view.settle(builder.finish(progress)));
        if waits { settled.awaiting_petra() } else { settled }
    }

    /// Whether the next list can move the link on: Petra has not confirmed it yet, or it is not Ready because the list fails.
    fn waits_for_list(&self, builder: &StatusBuilder) -> bool {
        let reason = |kind| builder.get(kind).and_then(Condition::known_reason);
        let unconfirmed = matches!(
            reason(ConditionType::Registered),
            Some(
                Reason::AwaitingConfirmation | Reason::ConfirmationTimedOut | Reason::RegistrationUnsupported
            )
        );
        let unheard = matches!(
            reason(ConditionType::Ready),
            Some(
                Reason::PetraUnavailable
                    | Reason::PetraKeyRejected
                    | Reason::RateLimited
                    | Reason::ValidationStale
            )
        );
        unconfirmed || (unheard && self.is_list_failing())
    }

    /// Whether the newest list call failed or did not end, so that there is no list to judge by.
    fn is_list_failing(&self) -> bool {
        match &self.view.facts.poll {
            PollView::Known { asked_at, links, failing, .. } => {
                failing.is_some() || self.is_of_namesake(*asked_at, links)
            }
            PollView::NotYet | PollView::Failing(_) => true,
        }
    }

    /// Whether Petra took the link with the keys of now, as far as was last heard.
    pub(super) fn registered(&self) -> bool {
        let status = &self.view.subject.status;
        let held = status.link.as_ref().and_then(|link| link.credentials_version.as_deref());
        let says = status.reason(ConditionType::Registered).map(|reason| reason.class().petra);
        held == Some(self.credentials.version.as_str()) && says == Some(PetraSays::Registered)
    }

    /// Whether the operator may have sent the keys: it registered a link, or a PUT was sent whose outcome is not known.
    fn may_have_sent_keys(&self) -> bool {
        let view = self.view;
        view.record(RegistrationMode::Api).is_some()
            || view.facts.puts > 0
            || view.state.unknown_put_at.is_some()
    }

    /// Whether `Ready` says, for these inputs, what Petra last told against the link.
    fn judged_by_petra(&self) -> bool {
        let ready = self.view.subject.status.reason(ConditionType::Ready);
        ready.is_some_and(|reason| reason.class().petra == PetraSays::Rejected)
    }

    /// `Ready` from what was last heard of Petra: an outage there says nothing about the link, for a while.
    fn hold(&self, builder: &mut StatusBuilder) -> Progress {
        let view = self.view;
        if view.is_petra_stale() {
            builder.unknown(ConditionType::Ready, Reason::ValidationStale, message::petra_stale());
            Progress::Reconciling
        } else if self.view.subject.status.is_true(ConditionType::Registered) {
            builder.set(ConditionType::Ready, ConditionStatus::True.because(Reason::Linked, GOOD));
            Progress::Settled
        } else {
            builder.unknown(ConditionType::Ready, Reason::AwaitingConfirmation, TAKEN);
            Progress::Reconciling
        }
    }

    /// The record of the link as Petra holds it, and whether its keys are newly registered.
    pub(super) fn recorded(&self, link: &RemoteLink) -> (StatusBuilder, Recorded) {
        let view = self.view;
        let stood = view.record(RegistrationMode::Api);
        // A link that was lost is another one, though it has the same keys: its time to be confirmed begins anew.
        let lost = view.subject.status.reason(ConditionType::Registered) == Some(Reason::RemoteLinkMissing);
        let same_keys =
            stood.filter(|record| !lost && record.credentials_version == link.credentials_version);
        let record = LinkRecord {
            id: link.id.as_str().to_owned(),
            mode: Some(RegistrationMode::Api),
            owner: Some(view.subject.owner.as_str().to_owned()),
            owner_uid: link.owner_uid.as_ref().map(|uid| uid.as_str().to_owned()),
            state: Some(link.state.as_str().to_owned()),
            credentials_version: link.credentials_version.clone(),
            registered_time: same_keys
                .and_then(|record| record.registered_time)
                .filter(|at| view.now.since_record(at.0) < Duration::MAX)
                .or_else(|| Some(StatusTime::new(view.now.wall))),
            confirmed_time: same_keys.and_then(|record| record.confirmed_time),
        };
        (self.passed.builder.clone(), Recorded { record, fresh: same_keys.is_none() })
    }
}

/// The record of a link, and whether its keys are newly registered.
pub(super) struct Recorded {
    pub record: LinkRecord,
    pub fresh: bool,
}
