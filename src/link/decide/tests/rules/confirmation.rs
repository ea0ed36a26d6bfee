//! The second look: what confirms a fault is as deep as what found it, and what was unclear is looked at again.

use std::time::Duration;

use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, lacking, outage};
use crate::connectwise::{BoardAnswer, Depth, MemberAnswer, Permissions, PermissionsAnswer};
use crate::crd::ConditionType;
use crate::link::plan::HeldCause;

/// A Ready link that names a board.
fn ready_with_board() -> World {
    let mut world = World::new();
    world.spec.service_board = Some("Help Desk".to_owned());
    world.tenancy.board = BoardAnswer::Ready;
    world.visit();
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world
}

/// Faults that a cheap check cannot see.
fn out_of_sight() -> [(Tenancy, &'static str); 3] {
    let good = Tenancy { board: BoardAnswer::Ready, ..Tenancy::good() };
    [
        (Tenancy { member: MemberAnswer::Inactive, ..good.clone() }, "False/MemberInactive"),
        (Tenancy { board: BoardAnswer::Inactive, ..good.clone() }, "False/ServiceBoardNotReady"),
        (Tenancy { board: BoardAnswer::NoDefaultTeam, ..good }, "False/ServiceBoardNotReady"),
    ]
}

/// A person asks for a check of a Ready link, and it finds this.
fn asked_for(tenancy: Tenancy) -> World {
    let mut world = ready_with_board();
    world.tenancy = tenancy;
    world.requested_at = Some("now".to_owned());
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), settlement.held), (&[Depth::Full][..], Some(HeldCause::Debounce)));
    assert_eq!((world.ready_reason().as_str(), settlement.next), ("True/Linked", Some(MINUTE)));
    world
}

#[test]
fn a_fault_that_a_requested_check_finds_is_confirmed_by_one_as_deep() {
    for (tenancy, fault) in out_of_sight() {
        let mut world = asked_for(tenancy);
        world.wait(MINUTE);
        let (_, trace) = world.visit();
        assert_eq!((trace.rounds.as_slice(), world.ready_reason().as_str()), (&[Depth::Full][..], fault));
    }
}

#[test]
fn a_requested_check_is_handled_when_its_fault_is_confirmed() {
    let [(tenancy, fault), ..] = out_of_sight();
    let mut world = asked_for(tenancy);
    assert_eq!(world.status.last_handled_reconcile_at, None);
    world.wait(MINUTE / 2);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (0, 0), "the confirmation is planned");
    world.wait(settlement.next.expect("it is planned"));
    world.visit();
    assert_eq!(world.ready_reason(), fault);
    assert_eq!(world.status.last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn a_restart_before_the_confirmation_begins_a_requested_check_anew() {
    for (tenancy, fault) in out_of_sight() {
        let mut world = asked_for(tenancy);
        world.restart();
        assert_eq!(world.visit().1.rounds, [Depth::Full]);
        assert_eq!(world.ready_reason(), "True/Linked");
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), fault);
    }
}

#[test]
fn a_requested_check_that_the_second_look_disproves_is_handled() {
    let [(tenancy, _), ..] = out_of_sight();
    let mut world = asked_for(tenancy);
    world.tenancy = Tenancy { board: BoardAnswer::Ready, ..Tenancy::good() };
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.state.suspicion, None);
    assert_eq!(world.ready_reason(), "True/Linked");
    assert_eq!(world.status.last_handled_reconcile_at.as_deref(), Some("now"));
}

#[test]
fn an_outage_between_two_looks_does_not_clear_what_the_first_found() {
    let [(tenancy, fault), ..] = out_of_sight();
    let mut world = asked_for(tenancy.clone());
    world.tenancy = outage();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world.tenancy = tenancy;
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
    assert_eq!(world.ready_reason(), fault);
}

#[test]
fn the_floor_counts_from_the_full_round_that_a_cheap_one_led_to() {
    let mut world = World::ready();
    world.tenancy = lacking("Service Tickets");
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
    world.requested_at = Some("now".to_owned());
    world.state.suspicion = None;
    world.wait(Duration::from_secs(28));
    assert_eq!(world.visit().1.rounds, []);
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
}

/// A Ready link whose Secret got a new public key a moment ago; the private key of before does not fit it.
fn half_rotated() -> World {
    let mut world = World::ready();
    world.wait(MINUTE);
    world.tenancy = Tenancy::refusing();
    world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), settlement.held), (&[Depth::Full][..], Some(HeldCause::Debounce)));
    assert_eq!((world.ready_reason().as_str(), settlement.events.len()), ("Unknown/Checking", 0));
    assert_eq!(world.shown(ConditionType::AuthFailed), "Unknown/Checking");
    assert_eq!(settlement.next, Some(world.config.timings.floor));
    world
}

#[test]
fn half_of_a_rotation_accuses_nobody() {
    let mut world = half_rotated();
    world.wait(Duration::from_secs(3));
    world.tenancy = Tenancy::good();
    world.write_secret(SecretIs::Keys { public: "three", revision: 0 });
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), world.ready_reason().as_str()), (0, "Unknown/Pending"));
    world.wait(settlement.next.expect("it is asked again"));
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.puts), (1, 1));
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn new_keys_that_are_refused_once_more_after_the_floor_are_accused() {
    let mut world = half_rotated();
    world.wait(Duration::from_secs(28));
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (0, 0), "the floor is not over");
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), world.ready_reason().as_str()), (1, "False/CredentialsRejected"));
    assert_eq!(settlement.events.len(), 1);
}

#[test]
fn keys_of_another_secret_are_accused_at_once() {
    let mut world = World::ready();
    world.wait(MINUTE);
    world.tenancy = Tenancy::refusing();
    world.edit(|spec| "other-keys".clone_into(&mut spec.credentials_secret_ref.name));
    world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn keys_that_were_accepted_are_not_new_when_they_are_refused_later() {
    let mut world = World::ready();
    world.wait(MINUTE);
    world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_role_that_is_shown_again_is_looked_at_whole_at_the_next_check() {
    let Tenancy { permissions: PermissionsAnswer::Judged(shown), .. } = lacking("Service Tickets") else {
        unreachable!("it was judged")
    };
    let silent = Permissions { unknown: shown.missing.clone(), ..Permissions::default() };
    let not_listed = Permissions { unasked: shown.missing, ..Permissions::default() };

    let mut world = World::ready();
    world.tenancy.permissions = PermissionsAnswer::Judged(silent.clone());
    world.wait(31 * MINUTE);
    world.visit();
    assert_eq!(world.shown(ConditionType::PermissionDenied), "Unknown/NotVerifiable");
    for still in [silent, not_listed] {
        world.tenancy.permissions = PermissionsAnswer::Judged(still);
        world.wait(31 * MINUTE);
        assert_eq!(world.visit().1.rounds, [Depth::Cheap], "it tells nothing new");
    }
    world.tenancy = Tenancy::good();
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
    assert_eq!(world.shown(ConditionType::PermissionDenied), "False/PermissionsGranted");
    assert_eq!(world.ready_reason(), "True/Linked");
}
