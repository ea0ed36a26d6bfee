//! Two resources of one owner: copies of one resource in two clusters, and a namesake after a resource that left its link.

use super::super::world::{SecretIs, World};
use super::{MINUTE, place};
use crate::crd::{ConditionType, DeletionPolicy, RegistrationMode, RegistrationSpec};
use crate::petra::{LinkId, Owner, OwnerUid, RemoteLink, Version};

fn uid(text: &str) -> OwnerUid {
    OwnerUid::parse(text).expect("a uid")
}

/// The only link at Petra.
fn only(world: &mut World) -> &mut RemoteLink {
    assert_eq!(world.petra.len(), 1);
    world.petra.values_mut().next().expect("a link")
}

/// A copy of the resource took the link over, with keys of its own.
fn take_over(world: &mut World) {
    let link = only(world);
    link.owner_uid = Some(uid("copy"));
    link.credentials_version = Some("0123456789abcdef".to_owned());
    link.version = Version::parse("by-the-copy").expect("a version");
}

fn visit_for(world: &mut World, minutes: u32) -> u32 {
    let mut puts = 0;
    for _ in 0..minutes {
        world.wait(MINUTE);
        puts += world.visit().1.puts;
    }
    puts
}

/// A link that was taken over from a Ready resource, and is said to be.
fn lost() -> World {
    let mut world = World::ready();
    take_over(&mut world);
    assert_eq!(visit_for(&mut world, 3), 0, "the copy's keys stay");
    assert_eq!(world.ready_reason(), "False/LinkConflict");
    world
}

#[test]
fn a_link_that_a_copy_took_over_is_a_conflict_and_is_left_alone() {
    let mut world = lost();
    assert_eq!(world.shown(ConditionType::Registered), "False/LinkConflict");
    let message = &world.status.conditions[0].message;
    assert!(message.contains("A copy of this resource has taken over"), "{message}");
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    assert_eq!(visit_for(&mut world, 300), 0, "nor do other keys");
    assert_eq!(world.ready_reason(), "False/LinkConflict");
}

#[test]
fn who_lost_its_link_to_a_copy_knows_it_after_a_restart() {
    let mut world = lost();
    world.restart();
    world.edit(|spec| spec.interval = Some("2h".to_owned()));
    assert_eq!(visit_for(&mut world, 120), 0);
    assert_eq!(world.ready_reason(), "False/LinkConflict");
}

#[test]
fn who_lost_its_link_to_a_copy_knows_it_without_a_status() {
    let mut world = lost();
    world.status = crate::crd::LinkStatus::default();
    assert_eq!(visit_for(&mut world, 60), 0, "this process sent the PUT itself");
}

#[test]
fn a_resource_that_never_held_the_link_takes_it_over_once() {
    let mut world = World::ready();
    let conditions = world.status.conditions.clone();
    // The backup of another cluster is restored here, status and all.
    world.uid = uid("restored");
    world.state = crate::link::state::LinkState::default();
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, only(&mut world).owner_uid.clone()), (1, Some(uid("restored"))));
    assert_eq!(world.status.conditions, conditions, "the same keys: it stays Ready");
    assert_eq!(world.status.link.as_ref().and_then(|link| link.owner_uid.as_deref()), Some("restored"));
    assert_eq!(visit_for(&mut world, 60), 0);

    // A cluster that is built again has no status.
    world.uid = uid("rebuilt");
    world.state = crate::link::state::LinkState::default();
    world.status = crate::crd::LinkStatus::default();
    world.finalizer = false;
    assert_eq!(visit_for(&mut world, 60), 1);
    assert_eq!((world.ready_reason().as_str(), world.finalizer), ("True/Linked", true));
}

#[test]
fn two_copies_with_different_keys_end_with_one_that_stops() {
    let mut copies = [World::ready(), World::new()];
    copies[1].uid = uid("second");
    // Petra gives no version twice.
    copies[1].versions = 10_000;
    let mut petra = copies[0].petra.clone();
    let mut puts = [0, 0];
    for minute in 0..600 {
        if minute == 10 {
            copies[0].write_secret(SecretIs::Keys { public: "two", revision: 2 });
        }
        for (puts, world) in puts.iter_mut().zip(&mut copies) {
            world.petra = petra;
            world.wait(MINUTE);
            *puts += world.visit().1.puts;
            world.confirm();
            petra = std::mem::take(&mut world.petra);
        }
    }
    assert_eq!(puts, [0, 1], "the second takes the link over, and keeps it");
    let reasons = copies.map(|world| world.ready_reason());
    assert_eq!(reasons, ["False/LinkConflict", "True/Linked"]);
}

#[test]
fn a_link_without_a_uid_stays_as_it_is() {
    let mut world = World::ready();
    only(&mut world).owner_uid = None;
    assert_eq!(visit_for(&mut world, 60), 0);
    assert_eq!(world.ready_reason(), "True/Linked");
    world.deleting = Some(world.now.wall);
    world.visit();
    assert_eq!((world.petra.len(), world.gone), (0, true), "it is the one of the status");
}

#[test]
fn deleting_leaves_a_link_that_a_copy_took_over() {
    let mut world = lost();
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (0, 1, true));
}

/// What resources of the same name left: of another company, of this one, and by an operator that sent no UID.
fn with_leftovers(mut world: World) -> World {
    for (id, left_by) in [("left-by-former", Some("former")), ("left-by-nobody", None)] {
        place(&mut world, id, "former", Some(World::owner()));
        let id = LinkId::parse(id).expect("an id");
        world.petra.get_mut(&id).expect("placed").owner_uid = left_by.map(uid);
    }
    world
}

#[test]
fn a_namesake_neither_removes_nor_deletes_what_its_predecessor_left() {
    let mut world = with_leftovers(World::ready());
    visit_for(&mut world, 60);
    assert_eq!((world.ready_reason().as_str(), world.petra.len()), ("True/Linked", 3));
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    let left: Vec<&str> = world.petra.keys().map(LinkId::as_str).collect();
    assert_eq!((trace.deletes, left, world.gone), (1, vec!["left-by-former", "left-by-nobody"], true));
}

#[test]
fn leaving_api_keeps_what_a_predecessor_left() {
    let mut world = with_leftovers(World::ready());
    world.edit(|spec| {
        let mode = Some(RegistrationMode::Portal);
        spec.registration = Some(RegistrationSpec { mode, ..RegistrationSpec::default() });
        spec.deletion_policy = Some(DeletionPolicy::Unlink);
    });
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len()), (1, 2));
}

#[test]
fn no_delete_goes_out_for_a_listed_link_of_another_owner() {
    let mut world = World::ready();
    for (id, owner) in [("foreign", Some(Owner::new("here", "team", "other"))), ("by-hand", None)] {
        place(&mut world, id, "other", owner);
    }
    world.list_unfiltered = true;
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 2, true));
}
