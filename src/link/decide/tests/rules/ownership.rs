//! Which of the links at Petra is this resource's, and which list is believed about it.

use std::time::Duration;

use super::super::world::{SecretIs, World};
use super::{MINUTE, place};
use crate::link::plan::Settlement;
use crate::petra::{LinkId, PetraFault};

fn id(text: &str) -> LinkId {
    LinkId::parse(text).expect("an id")
}

/// The id of the world's one link.
fn only(world: &World) -> LinkId {
    let mut ids = world.petra.keys();
    let only = ids.next().expect("a link").clone();
    assert_eq!(ids.next(), None);
    only
}

fn claimed(settlement: &Settlement) -> Option<LinkId> {
    settlement.claim.as_ref().map(|claimed| claimed.id.clone())
}

/// A link that was just registered, and a minute later still no newer list.
fn just_registered() -> World {
    let mut world = World::new();
    world.visit();
    world.poll_stopped = true;
    world.wait(MINUTE);
    world
}

/// A link that is Ready, and whose status names another id than the one that it has.
fn forged() -> (World, LinkId, LinkId) {
    let mut world = World::ready();
    let (own, forged) = (only(&world), id("forged"));
    world.status.link.as_mut().expect("a record").id = forged.as_str().to_owned();
    // The process does not know the tenant, as after a restart.
    world.state.found = None;
    (world, own, forged)
}

#[test]
fn of_several_links_of_this_owner_the_recorded_one_stays() {
    let mut world = World::ready();
    let own = only(&world);
    place(&mut world, "a-leftover", "acme", Some(World::owner()));
    let (settlement, trace) = world.visit();
    assert_eq!((claimed(&settlement), trace.deletes), (Some(own.clone()), 1));
    assert_eq!((only(&world), world.ready_reason().as_str()), (own, "True/Linked"));
}

#[test]
fn a_recorded_id_that_nobody_has_gives_way_to_the_link_that_stands() {
    let (mut world, own, _) = forged();
    let (settlement, trace) = world.visit();
    assert_eq!((claimed(&settlement), trace.puts, trace.deletes), (Some(own.clone()), 0, 0));
    assert_eq!(world.status.link.as_ref().map(|link| link.id.as_str()), Some(own.as_str()));
}

#[test]
fn a_recorded_id_that_petra_denies_is_not_registered_again() {
    let (mut world, own, _) = forged();
    world.petra.clear();
    world.visit();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(only(&world), own);
}

#[test]
fn a_recorded_id_stands_where_petra_cannot_tell() {
    type Doubt = fn(&mut World);
    let doubts: [(&str, Doubt); 4] = [
        ("an outage", |world| world.petra_fault = Some(PetraFault::Unavailable)),
        ("a list that lost much at once", |world| world.unsure = true),
        ("a list from before a change", |world| {
            world.state.petra_changed_at = Some(world.now.up + Duration::from_hours(1));
        }),
        ("a list from the moment of a change", |world| {
            world.state.petra_changed_at = Some(world.now.up + Duration::from_secs(1));
        }),
    ];
    for (doubt, arrange) in doubts {
        let (mut world, _, forged) = forged();
        world.petra.clear();
        arrange(&mut world);
        let (settlement, trace) = world.visit();
        assert_eq!((claimed(&settlement), trace.puts), (Some(forged), 0), "{doubt}");
    }
}

#[test]
fn a_list_from_before_a_change_names_no_link_of_ours() {
    for later in [Duration::from_secs(1), Duration::from_hours(1)] {
        let (mut world, _, forged) = forged();
        world.state.petra_changed_at = Some(world.now.up + later);
        assert_eq!(claimed(&world.visit().0), Some(forged), "changed {later:?} after the list");
    }
}

#[test]
fn a_link_that_was_just_registered_waits_for_the_next_list() {
    let mut world = just_registered();
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.petra_reads), ("Unknown/AwaitingConfirmation", 0));
}

#[test]
fn keys_changed_before_the_next_list_are_registered_after_a_read() {
    let mut world = just_registered();
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    let (_, trace) = world.visit();
    assert_eq!((trace.petra_reads, trace.puts), (1, 1), "the list is older than the first PUT");
}
