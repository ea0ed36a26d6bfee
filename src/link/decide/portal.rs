//! The rows of Petra in `Portal` mode: a person saves the link, and says so in the resource.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::api::{find_tenant, known_id};
use super::deletion::unlink;
use super::secret::Credentials;
use super::standing::{Standing, standing};
use super::verdict::Passed;
use super::{Row, View};
use crate::connectwise::CredentialsVersion;
use crate::crd::{
    Condition, ConditionStatus, ConditionType, DeletionPolicy, LinkRecord, Reason, RegistrationMode,
    StatusTime,
};
use crate::link::facts::Precedence;
use crate::link::message;
use crate::link::plan::{Change, Plan, Question};
use crate::link::reason_class::BackoffKind;
use crate::link::status_builder::Progress;
use crate::link::subject::Target;
use crate::petra::LinkId;

/// What a person puts into `registration.acknowledged`: link id and credentials version, shortened. Other keys or another
/// company make another token.
#[must_use]
pub(crate) fn token(id: &LinkId, credentials: &CredentialsVersion) -> String {
    let id = id.as_str();
    let id: String = id.strip_prefix("cw-").unwrap_or(id).chars().take(8).collect();
    let version: String = credentials.as_str().chars().take(8).collect();
    format!("{id}-{version}")
}

pub(super) fn row(
    view: &View,
    target: &Target,
    credentials: &Credentials,
    passed: Passed,
) -> Row<Infallible> {
    leave_api(view, &passed)?;
    let Some(id) = link_id(view, &passed) else { return find_tenant(view, passed) };
    if is_conflict_from_before(view) {
        let settled = passed.schedule.end(view, view.settle(passed.builder.finish(Progress::Keep)));
        let settled = settled.requeue_petra_with_backoff(view, BackoffKind::Rejected, None);
        return ControlFlow::Break(settled.claiming(&id).plan());
    }
    let Some(precedence) = &view.facts.precedence else {
        return ControlFlow::Break(Plan::Ask(Question::Rival(id)));
    };
    if let Precedence::After(rival) = precedence {
        let who = rival.visible_name.as_ref().map_or_else(
            || "Another resource of this operator links it. Ask your platform team which one".to_owned(),
            |name| format!("ConnectWiseLink \"{name}\" in this namespace links it. Delete one of the two"),
        );
        let mut builder = passed.builder;
        let text = message::looks_again(&format!("This company is already linked. {who}."));
        let value = ConditionStatus::False.because(Reason::LinkConflict, text);
        builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
        let settled = view.settle(builder.finish(Progress::Stalled));
        let settled =
            passed.schedule.end(view, settled).requeue_petra_with_backoff(view, BackoffKind::Rejected, None);
        return ControlFlow::Break(settled.claiming(&id).plan());
    }
    let expected = token(&id, &credentials.version);
    let given =
        view.subject.spec.registration.as_ref().and_then(|registration| registration.acknowledged.as_deref());
    ControlFlow::Break(if given.map(str::trim) == Some(expected.as_str()) {
        acknowledged(view, credentials, &id, &passed)
    } else {
        action_required(view, target, &id, &expected, &passed)
    })
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

fn link_id(view: &View, passed: &Passed) -> Option<LinkId> {
    let recorded = view.record(RegistrationMode::Portal).and_then(|record| LinkId::parse(&record.id));
    recorded.or_else(|| known_id(view, passed))
}

fn acknowledged(view: &View, credentials: &Credentials, id: &LinkId, passed: &Passed) -> Plan {
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
    passed.schedule.end(view, view.settle(builder.finish(Progress::Settled))).claiming(id).plan()
}

fn action_required(view: &View, target: &Target, id: &LinkId, token: &str, passed: &Passed) -> Plan {
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
    passed.schedule.end(view, view.settle(builder.finish(Progress::Stalled))).claiming(id).plan()
}
