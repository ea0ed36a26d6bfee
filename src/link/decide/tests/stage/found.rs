//! Shrunk histories that once broke a promise.

use super::events::{Edit, Event};
use super::petra::Mood;
use super::{Stage, Who};
use crate::crd::{ConditionStatus, ConditionType, Reason, RegistrationMode};
use crate::link::decide::tests::secret::SecretIs;
use crate::link::decide::tests::tenancy::Tenancy;
use crate::petra::{Owner, RemoteState};

impl Stage {
    fn links_of(&self, who: Who) -> usize {
        let owner: Owner = Self::owner(who);
        self.petra.links.values().filter(|link| link.owner.as_ref() == Some(&owner)).count()
    }

    fn has_finalizer(&self, who: Who) -> bool {
        self.server.get(who).is_some_and(|link| link.metadata.finalizers.iter().flatten().next().is_some())
    }

    fn is_reconciling(&self, who: Who) -> bool {
        let status = self.server.get(who).and_then(|link| link.status.as_ref());
        status.is_some_and(|status| status.is_true(ConditionType::Reconciling))
    }
}

#[test]
fn a_resource_of_a_rebuilt_cluster_answers_for_the_link_that_it_finds() {
    let stage =
        Stage::play([Event::Round, Event::Remote(RemoteState::Connected), Event::Rebuild, Event::Round]);
    assert_eq!(stage.ready(0), Some((ConditionStatus::True, Reason::Linked)));
    assert!(stage.has_finalizer(0), "it sent no PUT, but deleting it must remove the link");
    let mut stage = stage;
    stage.apply(Event::Delete(0));
    stage.apply(Event::Wait(20));
    stage.apply(Event::Round);
    assert_eq!((stage.server.get(0).is_none(), stage.links_of(0)), (true, 0));
}

#[test]
fn a_status_restored_onto_a_new_resource_brings_the_finalizer_back() {
    let stage = Stage::play([
        Event::Round,
        Event::Backup(0),
        Event::Rebuild,
        Event::Secret(0, SecretIs::Absent),
        Event::Restore(0),
        Event::Visit(0, 0),
    ]);
    assert!(stage.has_finalizer(0), "the Secret stands in the way of everything else");
}

#[test]
fn leaving_api_removes_a_link_whose_registration_was_never_answered() {
    let mut stage =
        Stage::play([Event::Poll(0), Event::Petra(Mood::Mute), Event::Visit(0, 2), Event::Petra(Mood::Good)]);
    assert_eq!((stage.links_of(2), stage.has_finalizer(2)), (1, true), "taken, but nobody heard of it");
    stage.apply(Event::Edit(2, Edit::Mode(Some(RegistrationMode::Portal))));
    stage.apply(Event::Wait(60));
    stage.apply(Event::Visit(0, 2));
    assert_eq!((stage.links_of(2), stage.has_finalizer(2)), (0, false));
    assert_eq!(stage.ready(2), Some((ConditionStatus::False, Reason::PortalActionRequired)));
}

#[test]
fn a_copy_that_may_not_change_anything_says_so_and_registers_once_it_may() {
    let mut stage = Stage::play([Event::LeaseIsShort(true), Event::Visit(0, 0)]);
    assert_eq!(stage.ready(0), Some((ConditionStatus::Unknown, Reason::PetraUnavailable)));
    assert!(stage.is_reconciling(0));
    stage.apply(Event::LeaseIsShort(false));
    stage.apply(Event::Wait(60));
    stage.apply(Event::Visit(0, 0));
    assert_eq!(stage.ready(0), Some((ConditionStatus::Unknown, Reason::AwaitingConfirmation)));
}

#[test]
fn a_lost_status_is_unknown_and_under_way_until_it_is_due() {
    let stage = Stage::play([
        Event::Secret(1, SecretIs::Forbidden),
        Event::Backup(1),
        Event::Visit(0, 1),
        Event::Restore(1),
        Event::Visit(0, 1),
    ]);
    assert_eq!(stage.ready(1).map(|(status, _)| status), Some(ConditionStatus::Unknown));
    assert!(stage.is_reconciling(1));
}

#[test]
fn a_link_that_is_suspended_no_more_does_not_rest() {
    let mut stage = Stage::play([
        Event::Visit(0, 2),
        Event::Edit(2, Edit::Mode(Some(RegistrationMode::Portal))),
        Event::Edit(2, Edit::Suspend(true)),
        Event::Visit(0, 2),
    ]);
    assert_eq!(stage.ready(2), Some((ConditionStatus::Unknown, Reason::Suspended)));
    stage.apply(Event::Edit(2, Edit::Suspend(false)));
    // The referee holds every status on the way against the rules of kstatus, that of leaving mode `Api` included.
    stage.apply(Event::Wait(60));
    stage.apply(Event::Visit(0, 2));
    assert_eq!(stage.ready(2), Some((ConditionStatus::False, Reason::PortalActionRequired)));
}

#[test]
fn leaving_api_accuses_nobody_whose_keys_were_just_accepted() {
    for mood in [Mood::Good, Mood::Late] {
        let stage = Stage::play([
            Event::Visit(0, 2),
            Event::Tenancy(2, Box::new(Tenancy::refusing())),
            Event::Edit(2, Edit::Mode(Some(RegistrationMode::Portal))),
            Event::Crash(0),
            Event::Visit(0, 2),
            Event::Tenancy(2, Box::new(Tenancy::good())),
            Event::Wait(300),
            Event::Petra(mood),
            Event::Visit(0, 2),
        ]);
        let status = stage.server.get(2).and_then(|link| link.status.as_ref()).expect("visited");
        assert!(!status.is_true(ConditionType::AuthFailed), "{mood:?}");
    }
}

#[test]
fn a_put_that_outlives_an_orderly_handover_leaves_nothing_behind() {
    let mut stage = Stage::play([
        Event::Poll(0),
        Event::Petra(Mood::Late),
        Event::Visit(0, 2),
        Event::Petra(Mood::Good),
        Event::HandOver,
        Event::Delete(2),
        Event::Visit(1, 2),
        Event::Deliver(0),
    ]);
    assert_eq!((stage.links_of(2), stage.has_finalizer(2)), (1, true), "it came late, and is waited for");
    stage.apply(Event::Wait(20));
    stage.apply(Event::Visit(1, 2));
    assert_eq!((stage.links_of(2), stage.server.get(2).is_none()), (0, true));
}
