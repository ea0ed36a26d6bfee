//! What must hold, judged by who sees all sides: every status that is written is held against the one before it and against
//! what the visit was really told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::operator::InProgress;
use super::{COMPANIES, NAMES, Stage, Who};
use crate::connectwise::{Depth, Round};
use crate::crd::{
    ConditionStatus, ConditionType, DeletionPolicy, Inputs, LinkStatus, Reason, RegistrationMode,
};
use crate::link::decide::tests::books::Links;
use crate::link::facts::SecretRead;
use crate::link::message;
use crate::link::plan::HeldCause;
use crate::link::visit::Visit;
use crate::petra::client::Adopt;
use crate::petra::{LinkId, OwnerUid, RemoteState, Version};
use crate::testing::properties::verdicts::{
    RoundVerdict, accusations_are_backed, blames_client_id, round_verdict,
};

/// The inputs that a good round proves: company, keys, profile, board.
type Proof = (String, String, String, Option<String>);

#[derive(Default)]
pub(super) struct Referee {
    /// Inputs that a whole round found good.
    proved: BTreeSet<Proof>,
    /// Keys' versions that Petra confirmed.
    confirmed: BTreeSet<String>,
    /// Since when a Ready link was told to be bad, by operator and resource, and what of.
    doubted: BTreeMap<(usize, Who), (RoundVerdict, Duration)>,
    /// Resources that may hold a link, with their UID: they sent a PUT, or say so in the status.
    holding: BTreeMap<Who, String>,
    /// Resources that are gone, or left mode `Api`, with their UID: they must have left nothing.
    must_be_gone: BTreeMap<Who, String>,
    pub steps: u64,
    pub writes: u64,
}

fn proof(inputs: &Inputs) -> Option<Proof> {
    let (company, keys) = (inputs.company_id.clone()?, inputs.credentials_version.clone()?);
    Some((company, keys, inputs.permission_profile.clone()?, inputs.service_board.clone()))
}

/// Whether both judge the same inputs; another revision of the same Secret is none of them.
fn same_keys(before: &LinkStatus, after: &LinkStatus) -> bool {
    before.inputs.as_ref().map(proof) == after.inputs.as_ref().map(proof)
}

impl Referee {
    pub fn stepped(&mut self) {
        self.steps += 1;
    }

    pub fn restarted(&mut self, operator: usize) {
        self.doubted.retain(|(of, _), _| *of != operator);
    }

    /// A resource is gone, or its finalizer is.
    pub fn departed(&mut self, who: Who, policy: DeletionPolicy) {
        if let Some(uid) = self.holding.remove(&who)
            && policy == DeletionPolicy::Unlink
        {
            self.must_be_gone.insert(who, uid);
        }
    }

    /// A resource of this name exists again: it is the same owner.
    pub fn came(&mut self, who: Who) {
        self.doubted.retain(|(_, of), _| *of != who);
        self.must_be_gone.remove(&who);
        self.holding.remove(&who);
    }

    /// A round was answered.
    pub fn asked(&mut self, who: Who, round: &Round, visit: &Visit) {
        let Ok(target) = &visit.subject.target else { return };
        let Some(SecretRead::Keys { credentials, .. }) = &visit.facts.secret else { return };
        if round.depth == Depth::Full
            && round_verdict(round, &visit.subject.status) == Some(RoundVerdict::Good)
        {
            self.proved.insert((
                COMPANIES[who].to_owned(),
                credentials.as_str().to_owned(),
                target.profile.name.clone(),
                visit.subject.spec.service_board.clone(),
            ));
        }
    }

    /// Promise 3: only a resource that was told to takes another's link over, and only before it has one.
    pub fn puts(&mut self, who: Who, visit: &Visit, adopt: Option<&Adopt>) {
        self.must_be_gone.remove(&who);
        self.holding.insert(who, visit.subject.uid.clone());
        assert!(visit.facts.finalizer, "a PUT before the finalizer");
        let Some(adopt) = adopt else { return };
        let asked = visit.subject.spec.registration.as_ref().and_then(|it| it.adopt_from.as_deref());
        assert_eq!(asked, Some(adopt.as_str()), "a take-over that nobody asked for");
    }

    /// A resource deletes no link of another owner, and none that another resource of its owner changed last.
    pub fn deletes(links: &Links, id: &LinkId, expected: &Version, visit: &Visit) {
        let Some(link) = links.get(id).filter(|link| link.version == *expected) else { return };
        assert_eq!(link.owner.as_ref(), Some(&visit.subject.owner), "a DELETE of another's link");
        let of_another = |uid: &OwnerUid| uid.as_str() != visit.subject.uid;
        assert!(!link.owner_uid.as_ref().is_some_and(of_another), "a DELETE of what a namesake left");
    }

    /// What Petra holds after anything happened.
    pub fn books(&mut self, links: &Links) {
        for link in links.values().filter(|link| link.state == RemoteState::Connected) {
            self.confirmed.extend(link.credentials_version.clone());
        }
        for (who, uid) in &self.must_be_gone {
            let owner = Stage::owner(*who);
            let by_it = |it: &OwnerUid| it.as_str() == uid;
            let left = links.values().any(|link| {
                link.owner.as_ref() == Some(&owner) && link.owner_uid.as_ref().is_some_and(by_it)
            });
            assert!(!left, "{} is gone and left a link behind", NAMES[*who]);
        }
        // The third company's host moves, and with it the id: a namesake's leftover may stand beside it for a while.
        let of_first =
            links.values().filter(|link| link.company.as_ref().is_some_and(|it| it.as_str() == COMPANIES[0]));
        assert!(of_first.count() <= 1, "two links for one company");
    }

    /// A status was written.
    pub fn wrote(&mut self, who: Who, visit: &Visit, after: &LinkStatus) {
        self.writes += 1;
        conforms(visit, after);
        accusations_are_backed(&visit.subject.status, after, visit.facts.round.as_ref());
        self.ready_was_proved(visit, after);
        let text = serde_json::to_string(after).expect("json");
        assert!(!text.contains("CANARY"), "a key leaked");
        let registered = [Reason::Confirmed, Reason::AwaitingConfirmation]
            .into_iter()
            .any(|it| after.reason(ConditionType::Registered) == Some(it));
        let by_api = after.link.as_ref().is_some_and(|link| link.mode == Some(RegistrationMode::Api));
        if registered && by_api {
            self.holding.insert(who, visit.subject.uid.clone());
        }
    }

    /// A visit ended: a Ready link that was told to be bad twice, the debounce apart, is not Ready any more.
    pub fn settled(
        &mut self,
        operator: usize,
        who: Who,
        progress: &InProgress,
        held: Option<HeldCause>,
        up: Duration,
        debounce: Duration,
    ) {
        let visit = &progress.visit;
        let after = &visit.subject.status;
        let ready = after.is_true(ConditionType::Ready);
        let whole = visit.facts.round.as_ref().filter(|round| round.depth == Depth::Full);
        let doubt = self.doubted.remove(&(operator, who));
        let doubt = match whole.and_then(|round| round_verdict(round, &progress.began)) {
            _ if !ready || !same_keys(&progress.began, after) => None,
            None => doubt,
            Some(RoundVerdict::Good) => None,
            // What it is accused of may change in between: then the debounce begins anew.
            Some(bad) => Some(doubt.filter(|(of, _)| *of == bad).unwrap_or((bad, up))),
        };
        if let Some((of, since)) = doubt {
            let may_hold = held == Some(HeldCause::Fleet) || up.saturating_sub(since) < debounce;
            assert!(whole.is_none() || may_hold, "Ready although ConnectWise reported {of:?} twice");
            self.doubted.insert((operator, who), (of, since));
        }
        if progress.began.is_true(ConditionType::Ready)
            && progress.began.conditions == after.conditions
            && progress.began.inputs == after.inputs
        {
            assert!(progress.writes <= 1, "a check that found nothing new wrote {} times", progress.writes);
        }
    }

    /// Promise 1: Ready only for inputs that a whole round found good, with a link that was confirmed with these keys.
    fn ready_was_proved(&self, visit: &Visit, after: &LinkStatus) {
        let before = &visit.subject.status;
        if !after.is_true(ConditionType::Ready) {
            return;
        }
        let inputs = after.inputs.as_ref().expect("a Ready link has inputs");
        let proof = proof(inputs).expect("a Ready link has whole inputs");
        assert!(self.proved.contains(&proof), "Ready without a good round for these inputs: {inputs:?}");
        let link = after.link.as_ref().expect("a Ready link has its record");
        assert_eq!(link.credentials_version.as_ref(), Some(&proof.1), "Ready with other keys at Petra");
        if link.mode == Some(RegistrationMode::Api) {
            assert!(self.confirmed.contains(&proof.1), "Ready without a confirmation of these keys");
        }
        let was = before.is_true(ConditionType::Ready) && same_keys(before, after);
        let just = visit.facts.round.as_ref().and_then(|round| round_verdict(round, before));
        let blamed = blames_client_id(before, &visit.facts, just);
        let refuted = !blamed && just.is_some_and(|verdict| verdict != RoundVerdict::Good);
        assert!(was || !refuted, "Ready against what ConnectWise just said");
    }
}

/// What kstatus and Flux expect of conditions.
fn conforms(visit: &Visit, after: &LinkStatus) {
    let before = &visit.subject.status;
    let generation = Some(visit.subject.generation);
    let is = |kind| after.is_true(kind);
    for kind in ConditionType::LASTING {
        assert!(after.condition(kind).is_some(), "{} is not there", kind.as_str());
    }
    assert!(!(is(ConditionType::Reconciling) && is(ConditionType::Stalled)), "Reconciling and Stalled");
    let ready = after.condition(ConditionType::Ready).expect("there");
    let suspended = visit.subject.spec.suspended();
    match ready.status {
        ConditionStatus::True => {
            use ConditionType::{AuthFailed, PermissionDenied, Reconciling, Stalled};
            for kind in [AuthFailed, PermissionDenied, Reconciling, Stalled] {
                assert!(!is(kind), "Ready and {}", kind.as_str());
            }
        }
        ConditionStatus::Unknown if !suspended => {
            assert!(is(ConditionType::Reconciling), "Unknown without Reconciling: {ready:?}");
        }
        ConditionStatus::False if !suspended && visit.subject.deleting.is_none() => {
            assert!(is(ConditionType::Stalled), "False without Stalled: {ready:?}");
        }
        ConditionStatus::Unknown | ConditionStatus::False => {}
    }
    assert_eq!(after.observed_generation, generation, "not the generation that was judged");
    let mut kinds = BTreeSet::new();
    for condition in &after.conditions {
        assert!(kinds.insert(&condition.type_), "{} stands twice", condition.type_);
        assert_eq!(condition.observed_generation, generation, "{}", condition.type_);
        assert!(condition.message.len() <= message::MAX_BYTES, "a long message: {}", condition.message);
        let same =
            before.conditions.iter().find(|it| it.type_ == condition.type_ && it.status == condition.status);
        if let Some(same) = same {
            assert_eq!(
                same.last_transition_time, condition.last_transition_time,
                "{} did not change",
                condition.type_
            );
        }
    }
}
