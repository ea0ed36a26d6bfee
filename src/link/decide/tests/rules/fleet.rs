//! What all links share: a fleet that is held, how the hold ends, and the operator's own keys.

use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, outage};
use crate::connectwise::Depth;
use crate::crd::{ConditionType, LinkStatus, Reason};
use crate::link::decide::{OperatorKeys, may_help};
use crate::link::facts::{ClientIdView, FleetView};
use crate::link::plan::HeldCause;
use crate::link::state::LinkState;
use crate::petra::PetraFault;

/// Four of ten Ready links are suspected of the same.
const ALIKE: FleetView = FleetView { ready: 10, suspected_alike: 3, released: false };

/// A Ready link whose keys ConnectWise refuses for the second time, as those of many others.
fn held_by_the_fleet() -> World {
    let mut world = World::ready();
    world.fleet = ALIKE;
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    world.wait(2 * MINUTE);
    assert_eq!(world.visit().0.held, Some(HeldCause::Fleet));
    world
}

#[test]
fn only_a_suspect_that_is_good_with_the_same_inputs_disproves() {
    let of = Some(Reason::CredentialsRejected);
    let mut repaired = held_by_the_fleet();
    repaired.tenancy = Tenancy::good();
    repaired.wait(10 * MINUTE);
    assert_eq!((repaired.visit().0.disproved, repaired.state.suspicion), (of, None));

    let mut suspended = held_by_the_fleet();
    suspended.edit(|spec| spec.suspend = Some(true));
    assert_eq!((suspended.visit().0.disproved, suspended.state.suspicion), (None, None));
    assert_eq!(suspended.ready_reason(), "True/Linked");

    let mut rotated = held_by_the_fleet();
    rotated.tenancy = Tenancy::good();
    rotated.secret = SecretIs::Keys { public: "two", revision: 2 };
    rotated.wait(MINUTE);
    assert_eq!((rotated.visit().0.disproved, rotated.state.suspicion), (None, None));
}

#[test]
fn a_held_link_stays_held_until_another_succeeds() {
    for (released, then) in [(false, "True/Linked"), (true, "False/CredentialsRejected")] {
        let mut world = held_by_the_fleet();
        world.fleet = FleetView { ready: 10, suspected_alike: 0, released };
        world.wait(2 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), then);
    }
}

#[test]
fn the_hold_of_a_link_ends_when_it_is_stale() {
    let mut world = held_by_the_fleet();
    world.wait(90 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_fleet_that_is_missing_from_the_list_is_held_until_it_is_stale() {
    let mut world = World::ready();
    world.fleet = ALIKE;
    world.unsure = true;
    world.petra.clear();
    for _ in 0..2 {
        world.wait(31 * MINUTE);
        let (_, trace) = world.visit();
        assert_eq!((trace.petra_reads, trace.puts, world.ready_reason().as_str()), (0, 0, "True/Linked"));
    }
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.petra_reads, trace.puts), (1, 0), "the link itself is asked for");
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted", "ConnectWise was heard");
    world.wait(10 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/RemoteLinkMissing", "Unknown/AwaitingConfirmation"]);
}

#[test]
fn another_client_id_has_refused_keys_asked_about_at_once_and_only_once() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds, []);
    world.client_id = ClientIdView { generation: 1, worked: false };
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds, []);
}

#[test]
fn another_client_id_does_not_break_the_floor() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.client_id = ClientIdView { generation: 1, worked: false };
    let (settlement, trace) = world.visit();
    assert_eq!(trace.rounds, []);
    world.wait(settlement.next.expect("it looks again"));
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
}

#[test]
fn another_client_id_has_a_held_link_asked_about_at_once() {
    for mut world in [held_by_the_fleet(), {
        let mut world = World::ready();
        world.tenancy = outage();
        world.wait(31 * MINUTE);
        world.visit();
        world.wait(2 * MINUTE);
        world.visit();
        world
    }] {
        world.wait(2 * MINUTE);
        world.visit();
        world.wait(MINUTE / 2);
        assert!(may_help(OperatorKeys::ClientId, &world.status, &world.state));
        assert_eq!(world.visit().1.rounds, []);
        world.client_id = ClientIdView { generation: 1, worked: false };
        assert!(!world.visit().1.rounds.is_empty());
    }
}

#[test]
fn another_operator_key_costs_healthy_and_faulty_links_nothing() {
    let mut lacking = World::new();
    lacking.tenancy = super::lacking("Service Tickets");
    lacking.visit();
    for mut world in [World::ready(), lacking] {
        for change in [OperatorKeys::ClientId, OperatorKeys::ClientIdWorked, OperatorKeys::PetraKey] {
            assert!(!may_help(change, &world.status, &world.state), "{change:?}");
        }
        world.client_id = ClientIdView { generation: 1, worked: false };
        let (_, trace) = world.visit();
        assert_eq!((trace.rounds.len(), trace.writes), (0, 0));
    }
}

#[test]
fn a_link_that_waits_for_the_operators_petra_key_is_helped_by_another() {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::KeyRejected);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/PetraKeyRejected");
    assert!(may_help(OperatorKeys::PetraKey, &world.status, &world.state));
    world.petra_fault = None;
    assert_eq!(world.visit().1.puts, 1, "a list that was answered since is enough");
}

#[test]
fn a_client_id_that_worked_is_not_named_beside_a_standing_refusal() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.client_id = ClientIdView::default();
    world.visit();
    let names_it = |world: &World| world.status.conditions.iter().any(|it| it.message.contains("clientId"));
    assert!(names_it(&world) && may_help(OperatorKeys::ClientIdWorked, &world.status, &LinkState::default()));
    world.client_id.worked = true;
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes, settlement.events.len()), (0, 1, 0));
    assert!(!names_it(&world) && world.ready_reason() == "False/CredentialsRejected");
    assert_eq!(world.visit().1.writes, 0);
}

#[test]
fn a_standing_rejection_renders_its_message_from_what_is_known() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    let written = world.status.clone();
    for condition in &mut world.status.conditions {
        condition.message = "of an earlier version of the operator".to_owned();
    }
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (0, 1));
    for kind in [ConditionType::Ready, ConditionType::AuthFailed] {
        let message = |status: &LinkStatus| status.condition(kind).map(|it| it.message.clone());
        assert_eq!(message(&world.status), message(&written));
    }
}

#[test]
fn another_client_id_does_not_recheck_a_link_that_only_petra_denies() {
    let mut world = World::ready();
    world.petra.clear();
    assert_eq!(world.visit().0.held, Some(HeldCause::Debounce));
    world.client_id.generation += 1;
    world.wait(MINUTE / 2);
    assert_eq!(world.visit().1.rounds.len(), 0);
}
