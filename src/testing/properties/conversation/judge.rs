//! What a visit may write, change and say, held against what it was told.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::connectwise::{CompanyAnswer, Depth};
use crate::crd::{ConditionType, LinkStatus, Reason, RegistrationMode, SiteStatus};
use crate::link::decide::View;
use crate::link::facts::{PollView, SecretRead};
use crate::link::message;
use crate::link::plan::{Change, Settlement};
use crate::petra::{Holder, LinkId, Owner, OwnerUid, PutAnswer, RemoteLink, RemoteState};
use crate::testing::properties::verdicts::{
    RoundVerdict, accusations_are_backed, blames_client_id, passed, round_verdict, same_keys, same_role,
};
use crate::testing::properties::{WORD, tells_nothing};

/// What the operator may add to a status that it was given.
const MOST_ADDED: usize = 64 << 10;

/// A status that may be written: whole, within bounds, without text from outside, and proved.
pub(super) fn written(view: &View, status: &LinkStatus, stored: usize) {
    let before = &view.subject.status;
    is_fit(status, stored);
    tells_only_what_it_may(view, status);
    accusations_are_backed(before, status, view.facts.round.as_ref());
    ready_was_proved(view, status);
}

/// The end of a visit: its status, its events, and the id that it claims.
pub(super) fn settled(view: &View, settlement: &Settlement, stored: usize) {
    let status = &settlement.status;
    for note in &settlement.events {
        let is_message = status.conditions.iter().any(|condition| condition.message == note.text);
        assert!(is_message || !note.text.contains(WORD), "an event tells: {}", note.text);
    }
    if let Some(claimed) = &settlement.claim {
        // The id of another link of the company is as Petra returned it, and is only compared.
        assert!(!claimed.proved || claimed.id.is_derived(), "{claimed:?}");
    }
    if matches!(view.facts.secret, Some(SecretRead::Invalid { .. })) {
        assert_eq!(status.reason(ConditionType::Ready), Some(Reason::SecretInvalid));
    }
    // Of a resource that leaves, nothing is written any more.
    if view.subject.deleting.is_none() || view.facts.finalizer {
        written(view, status, stored);
    }
}

/// A change that may be made: keys go to Petra only after ConnectWise found nothing wrong with these very keys, and a link
/// is deleted only where Petra said that it is this resource's.
pub(super) fn changed(view: &View, change: &Change, links: &[RemoteLink]) {
    let subject = view.subject;
    match change {
        Change::AddFinalizer => assert!(!view.facts.finalizer && subject.deleting.is_none()),
        Change::RemoveFinalizer => assert!(view.facts.finalizer),
        Change::Put { id, company, site, expected, adopt_from, credentials } => {
            assert!(view.facts.finalizer && subject.deleting.is_none() && !subject.spec.suspended());
            assert_eq!(company.as_str(), subject.spec.company_id);
            let Some(SecretRead::Keys { credentials: read, .. }) = &view.facts.secret else {
                panic!("a PUT without keys");
            };
            assert_eq!(read, credentials, "a PUT of other keys than were read");
            let round = view.facts.round.as_ref().expect("a PUT of keys that this process did not check");
            assert_eq!(round.depth, Depth::Full, "a PUT after half a check");
            assert_eq!(verdict(view), Some(RoundVerdict::Good));
            let CompanyAnswer::Found(tenant) = &round.company else { panic!("a PUT without a tenant") };
            assert_eq!(*site, tenant.api_host, "a PUT of a host that companyinfo did not name");
            let theirs = links.iter().any(|link| link.id == *id && Some(&link.version) == expected.as_ref());
            assert!(theirs || *id == LinkId::of(tenant), "a PUT under an id that nobody found");
            let asked = subject.spec.registration.as_ref().and_then(|it| it.adopt_from.as_deref());
            if let Some(adopt) = adopt_from {
                assert_eq!(asked, Some(adopt.as_str()), "a take-over that nobody asked for");
            }
        }
        Change::Delete { id, expected } => {
            let by_this = |uid: &OwnerUid| uid.as_str() == subject.uid;
            let ours = |link: &&RemoteLink| {
                link.owner.as_ref() == Some(&subject.owner) && link.owner_uid.as_ref().is_none_or(by_this)
            };
            let is_ours = links.iter().filter(ours).any(|link| link.id == *id && link.version == *expected);
            assert!(is_ours, "a DELETE of a link that is not this resource's: {id}");
        }
    }
}

/// What the round says for sure. A refusal that is as likely about the operator's clientId says nothing.
fn verdict(view: &View) -> Option<RoundVerdict> {
    let before = &view.subject.status;
    let just = view.facts.round.as_ref().and_then(|round| round_verdict(round, before));
    just.filter(|_| !blames_client_id(before, view.facts, just))
}

fn is_fit(status: &LinkStatus, stored: usize) {
    let written = serde_json::to_string(status).expect("JSON");
    assert!(written.len() <= stored + MOST_ADDED, "{} bytes of status", written.len());
    let mut kinds = BTreeSet::new();
    for condition in &status.conditions {
        assert!(kinds.insert(&condition.type_), "{} stands twice", condition.type_);
    }
    for kind in ConditionType::LASTING {
        assert!(status.condition(kind).is_some(), "{} is not there", kind.as_str());
    }
    let moving = status.is_true(ConditionType::Reconciling);
    assert!(!(moving && status.is_true(ConditionType::Stalled)), "Reconciling and Stalled");
    let ready = status.condition(ConditionType::Ready).expect("there");
    assert!(ready.message.len() <= message::MAX_BYTES.max(stored), "a long message");
}

/// The canary's word stands in no text of a status but two: where the round found the tenant, and the name of the holder
/// of the company's link, which is told within a namespace.
fn tells_only_what_it_may(view: &View, status: &LinkStatus) {
    let mut rest = status.clone();
    if let Some(site) = &mut rest.site {
        let SiteStatus { host: _, api_host, version, codebase } = site;
        let found = view.facts.round.as_ref().and_then(|round| match &round.company {
            CompanyAnswer::Found(tenant) => Some(tenant),
            _ => None,
        });
        let before = view.subject.status.site.as_ref();
        let is_found = found.is_some_and(|tenant| {
            *api_host == Some(tenant.api_host.to_string())
                && *version == tenant.version
                && codebase.as_ref() == Some(&tenant.codebase)
        });
        let stood = before.is_some_and(|site| {
            (&site.api_host, &site.version, &site.codebase) == (&*api_host, &*version, &*codebase)
        });
        assert!(is_found || stood, "a site that no round found");
        (*api_host, *version, *codebase) = (None, None, None);
    }
    let holders = holders(view);
    for condition in &mut rest.conditions {
        for holder in &holders {
            let (_, name) = holder.within(&view.config.installation).expect("of this installation");
            condition.message = condition
                .message
                .replace(&format!("ConnectWiseLink \"{name}\" in this namespace holds it"), "")
                .replace(&format!("spec.registration.adoptFrom: {holder} and"), "");
        }
    }
    texts(&serde_json::to_value(&rest).expect("JSON"), &mut tells_nothing);
}

/// The links that Petra reported in this visit.
fn links<'a>(view: &View<'a>) -> impl Iterator<Item = &'a RemoteLink> {
    let facts = view.facts;
    let listed = match &facts.poll {
        PollView::Known { links, .. } => links.as_slice(),
        PollView::NotYet | PollView::Failing(_) => &[],
    };
    let put = match &facts.put_answer {
        Some(PutAnswer::Accepted(link)) => Some(link),
        _ => None,
    };
    listed.iter().chain(facts.petra_links.values().flatten().flatten()).chain(put)
}

/// Who Petra said holds a link, as far as the status may name them.
fn holders(view: &View) -> Vec<Owner> {
    let refused = match &view.facts.put_answer {
        Some(
            PutAnswer::OwnedByOther(Holder::Owner(owner))
            | PutAnswer::CompanyLinked { holder: Holder::Owner(owner), .. },
        ) => Some(owner),
        _ => None,
    };
    let namespace = view.subject.key.namespace.as_str();
    links(view)
        .filter_map(|link| link.owner.as_ref())
        .chain(refused)
        .filter(|owner| owner.within(&view.config.installation).is_some_and(|(of, _)| of == namespace))
        .cloned()
        .collect()
}

/// Every text of a value by itself: printed JSON has escapes, and text may run on from one of them.
fn texts(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, see)),
        Value::Object(fields) => {
            for (name, value) in fields {
                see(name);
                texts(value, see);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Promise 1: Ready is what a round just found good, or what stood for the same inputs; and a link that becomes Ready was
/// registered with these keys.
fn ready_was_proved(view: &View, after: &LinkStatus) {
    if !after.is_true(ConditionType::Ready) {
        return;
    }
    let before = &view.subject.status;
    let inputs = after.inputs.clone().unwrap_or_default();
    let inputs_before = before.inputs.clone().unwrap_or_default();
    let same = same_keys(&inputs_before, &inputs) && same_role(&inputs_before, &inputs);
    let stood = before.is_true(ConditionType::Ready) && same;
    let just = verdict(view);
    if stood {
        return;
    }
    let proved = match just {
        Some(verdict) => verdict == RoundVerdict::Good,
        None => passed(before) && same,
    };
    assert!(proved, "Ready, and ConnectWise reported {just:?}");
    assert_eq!(inputs.service_board, view.subject.spec.service_board, "Ready with another board");
    let link = after.link.as_ref().expect("a Ready link has its record");
    assert!(inputs.credentials_version.is_some(), "Ready without keys");
    assert_eq!(link.credentials_version, inputs.credentials_version, "Ready with other keys at Petra");
    if link.mode == Some(RegistrationMode::Portal) {
        let token = view.subject.spec.registration.as_ref().and_then(|it| it.acknowledged.as_ref());
        assert!(token.is_some(), "Ready without anybody's word");
        return;
    }
    let with_these = |link: &RemoteLink| {
        link.owner.as_ref() == Some(&view.subject.owner)
            && link.state == RemoteState::Connected
            && link.credentials_version == inputs.credentials_version
    };
    let confirmed = links(view).any(with_these);
    let stood = before.is_true(ConditionType::Registered)
        && before.link.as_ref().is_some_and(|link| link.credentials_version == inputs.credentials_version);
    assert!(confirmed || stood, "Ready, and Petra confirmed nothing");
}
