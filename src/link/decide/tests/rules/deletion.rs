//! Deleting, to the end.

use std::time::Duration;

use super::super::world::World;
use crate::petra::{Owner, PetraFault};

#[test]
fn deleting_believes_a_links_own_get_where_the_list_lags() {
    let mut world = World::ready();
    world.list_lags = true;
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, true));
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
    // A visit takes a second: this one ends eight and a half seconds after the start, when a PUT may just have been spent.
    world.now.up = Duration::from_millis(7_500);
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
