//! The rows of Petra in `Portal` mode: a person saves the link, and says so in the resource.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use super::api::ask;
use super::deletion::unlink;
use super::secret::Credentials;
use super::standing::{Standing, standing};
use super::verdict::Passed;
use super::{Row, View};
use crate::connectwise::{CredentialsVersion, Depth};
use crate::crd::{
    Condition, ConditionStatus, ConditionType, DeletionPolicy, EventReason, LinkRecord, Reason,
    RegistrationMode, StatusTime,
};
use crate::link::facts::{Precedence, Rival};
use crate::link::message;
use crate::link::plan::{Change, Claimed, Plan, Question, Settlement};
use crate::link::reason_class::{BackoffKind, ConnectWiseSays};
use crate::link::status_builder::Progress;
use crate::link::subject::Target;
use crate::petra::LinkId;

/// What a person puts into `registration.acknowledged`: link id and credentials version, shortened. Other keys or another
/// company make another token.
#[must_use]
pub(crate) fn token(id: &LinkId, credentials: &CredentialsVersion) -> String {
    let version: String = credentials.as_str().chars().take(8).collect();
    format!("{}-{version}", id.shortened())
}

pub(super) fn row(
    view: &View,
    target: &Target,
    credentials: &Credentials,
    passed: Passed,
) -> Row<Infallible> {
    leave_api(view, &passed)?;
    if is_conflict_from_before(view) {
        let settled = passed.schedule.end(view, view.settle(passed.builder.finish(Progress::Keep)));
        let settled = settled.requeue_petra_with_backoff(view, BackoffKind::Rejected, None);
        return ControlFlow::Break(settled.plan());
    }
    let kept = acknowledged_id(view, credentials);
    let Some(derived) = passed.derived_id() else { return unfound(view, credentials, kept, passed) };
    let is_acknowledged = view.subject.acknowledges(&derived) || kept.is_some();
    let claim =
        Claimed { id: derived.clone(), acknowledged: is_acknowledged, proved: passed.proved().is_some() };
    let Some(precedence) = &view.facts.precedence else {
        return ControlFlow::Break(Plan::Ask(Question::Rival(claim)));
    };
    let waits_since = match precedence {
        Precedence::First => None,
        Precedence::After(rival) => return ControlFlow::Break(conflict(view, rival, claim, passed)),
        Precedence::Unproved => Some(view.state.awaits_rival_since.unwrap_or(view.now.up)),
    };
    // A claim that nobody can prove does not hold another up for ever.
    let patience = view.config.timings.refused;
    if let Some(since) = waits_since
        && view.elapsed(since) < patience
    {
        return ControlFlow::Break(wait_for_rival(view, since, claim, passed));
    }
    let full = view.facts.round.as_ref().is_some_and(|round| round.depth == Depth::Full);
    let moved = full && kept.as_ref().is_some_and(|kept| *kept != derived);
    let id = kept.unwrap_or(derived);
    let expected = token(&id, &credentials.version);
    let mut settled = if acknowledged_token(view) == Some(expected.as_str()) {
        acknowledged(view, credentials, &id, &passed)
    } else {
        action_required(view, target, &expected, &passed)
    };
    settled.state.awaits_rival_since = waits_since;
    if moved {
        settled = settled.event(EventReason::LinkIdKept, message::ID_KEPT);
    }
    ControlFlow::Break(settled.claiming(Some(claim)).plan())
}

/// The token that a person put into the spec.
fn acknowledged_token<'a>(view: &View<'a>) -> Option<&'a str> {
    let registration = view.subject.spec.registration.as_ref()?;
    registration.acknowledged.as_deref().map(str::trim)
}

/// The recorded id, if it is the one that a person acknowledged for these keys: it stays when companyinfo names another API
/// host later.
fn acknowledged_id(view: &View, credentials: &Credentials) -> Option<LinkId> {
    let recorded = view.record(RegistrationMode::Portal).and_then(|record| LinkId::parse(&record.id))?;
    (acknowledged_token(view)? == token(&recorded, &credentials.version)).then_some(recorded)
}

/// No round of this process has found the tenant yet. What a person was asked for or acknowledged stays until the next one;
/// anything else needs one now.
fn unfound(view: &View, credentials: &Credentials, kept: Option<LinkId>, passed: Passed) -> Row<Infallible> {
    if view.subject.is_ready()
        && let Some(id) = kept
    {
        return ControlFlow::Break(acknowledged(view, credentials, &id, &passed).plan());
    }
    let asked = view.subject.status.reason(ConditionType::Ready) == Some(Reason::PortalActionRequired);
    if asked && !view.is_edited() {
        let settled = view.settle(passed.builder.finish(Progress::Keep));
        return ControlFlow::Break(passed.schedule.end(view, settled).plan());
    }
    ask(view, Depth::Cheap, passed)
}

/// Another resource comes first.
fn conflict(view: &View, rival: &Rival, claim: Claimed, passed: Passed) -> Plan {
    let who = rival.visible_name.as_ref().map_or_else(
        || "Another resource of this operator links it. Ask your platform team which one".to_owned(),
        |name| format!("ConnectWiseLink \"{name}\" in this namespace links it. Delete one of the two"),
    );
    let mut builder = passed.builder;
    let text = message::looks_again(&format!("This company is already linked. {who}."));
    let value = ConditionStatus::False.because(Reason::LinkConflict, text);
    builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
    let mut settled = view.settle(builder.finish(Progress::Stalled));
    settled.state.awaits_rival_since = None;
    let settled =
        passed.schedule.end(view, settled).requeue_petra_with_backoff(view, BackoffKind::Rejected, None);
    settled.claiming(Some(claim)).plan()
}

/// Another resource may come first, and is being checked. The last result stays meanwhile.
fn wait_for_rival(view: &View, since: Duration, claim: Claimed, passed: Passed) -> Plan {
    let mut builder = passed.builder;
    let says = view.subject.status.reason(ConditionType::Ready).map(|reason| reason.class().connectwise);
    let progress = if says == Some(ConnectWiseSays::Passed) {
        Progress::Keep
    } else {
        // Until the other one was checked, nobody is asked to save the company a second time.
        let text = message::looks_again(
            "Another resource of this operator may already link this company, and is being checked. The API keys and security \
             role are valid. Delete one of the two if both are for this company.",
        );
        let value = ConditionStatus::False.because(Reason::LinkConflict, text);
        builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
        Progress::Stalled
    };
    let left = view.config.timings.refused.saturating_sub(view.elapsed(since));
    let mut settled = passed.schedule.end(view, view.settle(builder.finish(progress)));
    settled.state.awaits_rival_since = Some(since);
    settled.requeue_no_later_than(left).claiming(Some(claim)).plan()
}

/// Right after a start the other resource may not have been looked at yet: a conflict with it stands for its first delay.
fn is_conflict_from_before(view: &View) -> bool {
    let stored = view.subject.status.reason(ConditionType::Ready);
    stored == Some(Reason::LinkConflict) && view.facts.round.is_none() && view.is_first_look()
}

/// A link that was registered by `Api`, or may have been, goes by the deletion policy before a person takes over. Its record
/// goes before the finalizer: a record says that there may be something to remove.
fn leave_api(view: &View, passed: &Passed) -> Row<()> {
    let recorded = view.record(RegistrationMode::Api).is_some();
    if !recorded && !view.facts.finalizer {
        return ControlFlow::Continue(());
    }
    let mut builder = passed.builder.clone();
    if let Some(Standing::Fault(_)) = standing(&view.subject.status) {
        builder.unknown(
            ConditionType::Ready,
            Reason::Pending,
            "The last check at ConnectWise found nothing wrong.",
        );
    }
    if view.subject.spec.deletion_policy() == DeletionPolicy::Unlink {
        unlink(view, &builder)?;
    }
    if !recorded {
        return ControlFlow::Break(Plan::Change(Change::RemoveFinalizer));
    }
    builder.fields().link = None;
    let text =
        "The operator no longer manages this link by mode Api. A person must save it in Petra's portal.";
    builder
        .set(ConditionType::Registered, ConditionStatus::False.because(Reason::PortalActionRequired, text));
    ControlFlow::Break(Plan::Publish(Box::new(builder.finish(Progress::Keep)), Box::new(view.state.clone())))
}

fn acknowledged(view: &View, credentials: &Credentials, id: &LinkId, passed: &Passed) -> Settlement {
    let mut builder = passed.builder.clone();
    let version = credentials.version.as_str();
    let stood = view.record(RegistrationMode::Portal);
    let same_keys = stood.filter(|record| record.credentials_version.as_deref() == Some(version));
    let now = Some(StatusTime::new(view.now.wall));
    builder.fields().link = Some(LinkRecord {
        id: id.as_str().to_owned(),
        mode: Some(RegistrationMode::Portal),
        owner: Some(view.subject.owner.as_str().to_owned()),
        owner_uid: None,
        state: Some("acknowledged".to_owned()),
        credentials_version: Some(version.to_owned()),
        registered_time: same_keys.and_then(|record| record.registered_time).or(now),
        confirmed_time: same_keys.and_then(|record| record.confirmed_time).or(now),
    });
    let text = "A person acknowledged that the link is saved in Petra's portal with these API keys.";
    builder.set(ConditionType::Registered, ConditionStatus::True.because(Reason::Acknowledged, text));
    let good =
        "The API keys and security role are valid, and the link is acknowledged. No action is required.";
    builder.set(ConditionType::Ready, ConditionStatus::True.because(Reason::Linked, good));
    passed.schedule.end(view, view.settle(builder.finish(Progress::Settled)))
}

fn action_required(view: &View, target: &Target, token: &str, passed: &Passed) -> Settlement {
    let mut builder = passed.builder.clone();
    let secret = &view.subject.spec.credentials_secret_ref.name;
    let changed = view.record(RegistrationMode::Portal).is_some();
    let text = format!(
        "{} Open https://app.petrasecurity.com/settings and click Link ConnectWise. Enter Company ID {}, Site URL {} and both \
         keys of Secret \"{secret}\". Click Save. When Petra shows the link as connected, set \
         spec.registration.acknowledged in this resource to this token: {token}",
        if changed {
            "The API keys changed and are valid. A person must now save the new keys in Petra's portal."
        } else {
            "The API keys and security role are valid. A person must now save the link in Petra's portal."
        },
        target.company,
        target.site,
    );
    builder.set(
        ConditionType::Ready,
        ConditionStatus::False.because(Reason::PortalActionRequired, text.clone()),
    );
    // What was acknowledged stands until the new keys are; anything else that stood is about another way to register.
    if builder.get(ConditionType::Registered).and_then(Condition::known_reason) != Some(Reason::Acknowledged)
    {
        builder.set(
            ConditionType::Registered,
            ConditionStatus::False.because(Reason::PortalActionRequired, text),
        );
    }
    passed.schedule.end(view, view.settle(builder.finish(Progress::Stalled)))
}
