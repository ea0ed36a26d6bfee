//! Deleting, to the end.

use std::time::Duration;

use super::super::books::Links;
use super::super::world::{World, at};
use super::{MINUTE, place};
use crate::crd::{ConditionType, DeletionPolicy, RegistrationMode, RegistrationSpec};
use crate::petra::{LinkId, Owner, PetraFault};

#[test]
fn deleting_believes_a_links_own_get_where_the_list_lags() {
    let mut world = World::ready();
    world.listed = Some(Links::new());
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, true));
}

#[test]
fn a_list_that_still_names_a_deleted_link_does_not_hold_it_up() {
    for removed_by_hand in [false, true] {
        let mut world = World::ready();
        world.listed = Some(world.petra.clone());
        if removed_by_hand {
            world.petra.clear();
        }
        world.deleting = Some(world.now.wall);
        let (_, trace) = world.visit();
        assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, true));
        assert_eq!(trace.petra_reads, 1, "the answer to the DELETE is newer than any list");
    }
}

#[test]
fn a_list_that_shows_an_old_version_is_followed_by_the_links_own_get() {
    let mut world = World::ready();
    world.listed = Some(world.petra.clone());
    world.confirm();
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, trace.petra_reads, world.petra.len(), world.gone), (2, 2, 0, true));
}

#[test]
fn a_list_that_shows_a_lost_link_as_ours_deletes_nothing() {
    let mut world = World::ready();
    world.listed = Some(world.petra.clone());
    for link in world.petra.values_mut() {
        link.owner = Some(Owner::new("here", "team", "other"));
    }
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, trace.petra_reads, world.petra.len(), world.gone), (1, 1, 1, true));
}

#[test]
fn absence_counts_only_in_a_list_that_no_put_can_come_after() {
    let mut world = World::ready();
    world.restart();
    world.petra.clear();
    // A visit begins a second later, and its list is answered when the PUTs of the process before are spent.
    world.now.up = Duration::from_millis(17_500);
    world.petra_takes = Duration::from_secs(2);
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert_eq!((world.gone, settlement.next), (false, Some(Duration::ZERO)));
    world.visit();
    assert!(world.gone);
}

#[test]
fn a_new_leader_waits_as_long_as_a_put_of_the_one_before_may_arrive() {
    let mut world = World::ready();
    // The former leader gave the Lease back with a request on the way; this replica was on standby for an hour.
    world.leads_since = world.now.up;
    let late = std::mem::take(&mut world.petra);
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert!(!world.gone, "absence proves nothing yet");
    world.petra = late;
    world.wait(settlement.next.expect("it looks again"));
    world.visit();
    assert_eq!((world.gone, world.petra.len()), (true, 0));
}

#[test]
fn deleting_leaves_a_link_alone_that_another_took_over() {
    let mut world = World::ready();
    for link in world.petra.values_mut() {
        link.owner = Some(Owner::new("here", "team", "other"));
    }
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (0, 1, true));
}

#[test]
fn a_new_process_waits_as_long_as_a_put_of_the_one_before_may_arrive() {
    let mut world = World::new();
    world.finalizer = true;
    world.restart();
    // A PUT lapses nine seconds after the start at the latest, and a list may be ten seconds behind. A visit takes a second.
    world.now.up = Duration::from_millis(17_500);
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert_eq!((world.gone, settlement.next), (false, Some(Duration::from_millis(500))));
    world.visit();
    assert!(world.gone);
}

#[test]
fn a_deletion_that_is_held_up_for_two_minutes_says_how_to_get_out() {
    let mut world = World::ready();
    world.deleting = Some(world.now.wall);
    world.petra_fault = Some(PetraFault::Unavailable);
    world.wait(Duration::from_secs(118));
    let (settlement, _) = world.visit();
    assert_eq!(world.ready_reason(), "False/Deleting");
    assert_eq!(settlement.next, Some(Duration::from_secs(1)), "it looks again when the two minutes are over");
    world.visit();
    assert_eq!(world.ready_reason(), "False/DeletionBlocked", "two minutes are long");
}

#[test]
fn deleting_removes_the_link_and_then_the_finalizer() {
    let mut world = World::ready();
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, true));
    assert_eq!((trace.secret_reads, trace.rounds.len()), (0, 0), "it needs no Secret and no ConnectWise");
}

#[test]
fn deleting_finds_the_owners_link_under_another_id_and_no_others() {
    let mut world = World::ready();
    place(&mut world, "leftover", "acme", Some(World::owner()));
    place(&mut world, "foreign", "acme", Some(Owner::new("here", "team", "other")));
    world.deleting = Some(world.now.wall);
    world.visit();
    let left: Vec<&str> = world.petra.keys().map(LinkId::as_str).collect();
    assert_eq!((left, world.gone), (vec!["foreign"], true));
}

#[test]
fn a_leftover_of_this_resource_is_removed_when_ready_and_orphan_keeps_it() {
    for (policy, left) in [(None, 1), (Some(DeletionPolicy::Orphan), 2)] {
        let mut world = World::new();
        place(&mut world, "leftover", "former", Some(World::owner()));
        world.spec.deletion_policy = policy;
        world.visit();
        assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("Unknown/AwaitingConfirmation", 2));
        world.confirm();
        world.visit();
        assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("True/Linked", left), "{policy:?}");
    }
}

#[test]
fn an_id_that_petra_chose_is_never_written_and_its_link_is_a_leftover() {
    let mut world = World::new();
    place(&mut world, "CANARYwords", "acme", Some(World::owner()));
    for _ in 0..2 {
        let (_, trace) = world.visit();
        assert!(!format!("{:?}", trace.written).contains("CANARYwords"));
        world.confirm();
    }
    assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("True/Linked", 1));
}

#[test]
fn orphan_ends_a_deletion_without_a_call_to_petra() {
    let mut world = World::ready();
    world.deleting = Some(at(world.now.wall.as_second() - 600));
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert_eq!(world.ready_reason(), "False/DeletionBlocked");
    world.edit(|spec| spec.deletion_policy = Some(DeletionPolicy::Orphan));
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.gone, world.petra.len()), (0, true, 1));
}

#[test]
fn a_deletion_right_after_a_crash_waits_until_no_put_can_arrive_any_more() {
    let mut world = World::ready();
    world.restart();
    world.now.up = Duration::from_secs(1);
    world.petra.clear();
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert!(!world.gone, "absence proves nothing within the lifetime of a PUT of the process before");
    world.wait(settlement.next.expect("it looks again"));
    world.visit();
    assert!(world.gone);
}

#[test]
fn a_deletion_without_a_lease_waits_until_no_put_of_others_can_arrive() {
    let mut world = World::ready();
    world.config.elected = false;
    world.deleting = Some(world.now.wall);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, false));
    world.wait(settlement.next.expect("it looks again"));
    world.visit();
    assert!(world.gone);
}

#[test]
fn from_api_to_portal_the_link_goes_and_a_person_is_asked() {
    let mut world = World::ready();
    world.edit(|spec| {
        let mode = Some(RegistrationMode::Portal);
        spec.registration = Some(RegistrationSpec { mode, ..RegistrationSpec::default() });
    });
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.finalizer), (1, 0, false));
    assert_eq!(world.ready_reason(), "False/PortalActionRequired");
}

#[test]
fn a_change_from_api_to_portal_leaves_nothing_and_asks_petra_once() {
    let mut world = World::ready();
    world.edit(|spec| {
        let mode = Some(RegistrationMode::Portal);
        spec.registration = Some(RegistrationSpec { mode, ..RegistrationSpec::default() });
    });
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.shown(ConditionType::Registered), "False/PortalActionRequired");
    assert_eq!(world.status.link, None);
    world.petra_fault = Some(PetraFault::Unavailable);
    let (_, trace) = world.visit();
    assert_eq!((trace.petra_reads, trace.writes), (0, 0));
    assert_eq!(world.ready_reason(), "False/PortalActionRequired");
}

#[test]
fn a_deletion_that_is_always_out_of_date_says_so_and_ends_the_visit() {
    let mut world = World::ready();
    world.deleting = Some(world.now.wall);
    world.petra_moves_on = true;
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.deletes), ("False/Deleting", 2));
    world.petra_moves_on = false;
    world.wait(MINUTE);
    world.visit();
    assert!(world.gone);
}
