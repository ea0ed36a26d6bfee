//! ConnectWise refused the link, according to Petra.

use std::collections::BTreeSet;

use super::super::world::{Trace, World};
use super::{MINUTE, lacking, outage};
use crate::connectwise::Depth;
use crate::crd::ConditionType;
use crate::petra::{Holder, Owner, PutAnswer, Refusal, RemoteState};

/// A new link that failed at Petra.
fn failed() -> World {
    let mut world = World::new();
    world.visit();
    world.set_remote(RemoteState::Failed);
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    world
}

/// Visits every minute until something is sent, and says after how many minutes it was.
fn until_sent(world: &mut World) -> (u32, Trace) {
    for minute in 1..=120 {
        world.wait(MINUTE);
        let (_, trace) = world.visit();
        if trace.puts > 0 {
            return (minute, trace);
        }
        assert_eq!(trace.rounds.iter().filter(|depth| **depth == Depth::Full).count(), 0, "{minute}");
    }
    panic!("nothing is ever sent again: {:?}", world.status.conditions);
}

#[test]
fn a_failed_link_is_tried_again_after_a_full_check_that_passes() {
    let mut world = failed();
    let (minutes, trace) = until_sent(&mut world);
    assert!((4..=6).contains(&minutes), "after {minutes} minutes");
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn a_link_that_fails_again_is_tried_ever_more_rarely() {
    let mut world = failed();
    let mut after = Vec::new();
    for _ in 0..5 {
        after.push(until_sent(&mut world).0);
        world.set_remote(RemoteState::Failed);
        world.visit();
        assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    }
    let bounds = [5, 10, 20, 40, 60];
    for (minutes, bound) in after.iter().zip(bounds) {
        assert!((bound - 2..=bound + 2).contains(minutes), "{after:?}");
    }
}

#[test]
fn a_link_that_failed_and_was_confirmed_is_tried_soon_when_it_fails_later() {
    let mut world = failed();
    until_sent(&mut world);
    world.confirm();
    world.visit();
    world.set_remote(RemoteState::Failed);
    for _ in 0..2 {
        world.wait(MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    assert!(until_sent(&mut world).0 <= 6);
}

#[test]
fn keys_that_pass_no_full_check_are_not_sent_again() {
    let mut world = failed();
    world.tenancy = outage();
    for _ in 0..30 {
        world.wait(MINUTE);
        assert_eq!(world.visit().1.puts, 0);
    }
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    world.tenancy = lacking("Service Tickets");
    let mut puts = 0;
    for _ in 0..30 {
        world.wait(MINUTE);
        puts += world.visit().1.puts;
    }
    assert_eq!((world.ready_reason().as_str(), puts), ("False/PermissionsMissing", 0));
}

#[test]
fn who_asks_for_a_check_gets_a_failed_link_tried_at_once() {
    let mut world = failed();
    world.wait(MINUTE);
    world.requested_at = Some("now".to_owned());
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
}

#[test]
fn keys_that_petra_refused_at_once_are_sent_again_after_a_full_check() {
    let mut world = World::new();
    world.petra_refuses = true;
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    let (minutes, trace) = until_sent(&mut world);
    assert!((4..=6).contains(&minutes), "after {minutes} minutes");
    assert_eq!(trace.rounds, [Depth::Full]);
    world.petra_refuses = false;
    let (_, trace) = until_sent(&mut world);
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn a_restart_waits_before_a_failed_link_is_tried_again() {
    let mut world = failed();
    world.restart();
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, trace.rounds.len()), (0, 0));
    assert!((3..=6).contains(&until_sent(&mut world).0));
}

#[test]
fn each_reason_of_petra_has_a_message_of_its_own() {
    let mut messages = BTreeSet::new();
    for refusal in Refusal::ALL {
        let mut world = World::new();
        world.failing_for = refusal;
        world.visit();
        world.set_remote(RemoteState::Failed);
        world.visit();
        let message = world.status.conditions[0].message.clone();
        let new_keys = message.contains("new key pair");
        assert_eq!(new_keys, refusal == Refusal::CredentialsRejected, "{refusal:?}: {message}");
        messages.insert(message);
    }
    assert_eq!(messages.len(), Refusal::ALL.len(), "{messages:#?}");
}

#[test]
fn a_link_of_somebody_whose_name_cannot_be_read_was_not_made_by_hand() {
    for holder in [Holder::Unreadable, Holder::Owner(Owner::parse("Prod-EU/Team-A/Name").expect("an owner"))]
    {
        let mut world = World::new();
        world.put_answer = Some(PutAnswer::OwnedByOther(holder.clone()));
        let (_, trace) = world.visit();
        assert_eq!((world.ready_reason().as_str(), trace.puts), ("False/LinkConflict", 1), "{holder:?}");
        let message = &world.status.conditions[0].message;
        assert!(message.contains("Another owner holds it"), "{holder:?}: {message}");
        assert!(!message.contains("Prod-EU"), "{message}");
    }
}

#[test]
fn a_link_of_an_owner_with_unusual_names_is_taken_over_by_that_name() {
    let owner = Owner::parse("Prod-EU/Team-A/Name").expect("an owner");
    let mut world = super::super::table::foreign_link(Some(owner.clone()));
    let mut puts = 0;
    for _ in 0..120 {
        world.wait(MINUTE);
        puts += world.visit().1.puts;
    }
    assert_eq!(puts, 1, "the one that Petra refused");
    assert_eq!(world.shown(ConditionType::Ready), "False/LinkConflict");
    world.edit(|spec| {
        spec.deletion_policy = Some(crate::crd::DeletionPolicy::Unlink);
        spec.registration = Some(crate::crd::RegistrationSpec {
            adopt_from: Some(owner.as_str().to_owned()),
            ..crate::crd::RegistrationSpec::default()
        });
    });
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}
