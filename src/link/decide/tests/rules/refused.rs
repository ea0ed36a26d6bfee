//! What cannot be recorded is not done at Petra first.

use std::time::Duration;

use super::super::world::World;
use super::MINUTE;
use crate::kubernetes::{LinkWrite, RefusedBy, WriteRefusal};
use crate::link::decide::tests::tenancy::Tenancy;
use crate::link::decide::tests::world::SecretIs;
use crate::link::visit::End;

/// As a policy of the cluster refuses it.
fn refusal(write: LinkWrite) -> WriteRefusal {
    let text = "x is forbidden: ValidatingAdmissionPolicy 'freeze' with binding 'b' denied request: not before Monday";
    let status = kube::core::Status::failure(text, "Invalid").with_code(422);
    WriteRefusal::of(write, &status).expect("a refusal")
}

#[test]
fn a_deletion_that_could_not_end_removes_nothing_at_petra() {
    let mut world = World::ready();
    world.refuses = Some(refusal(LinkWrite::Finalizer));
    world.deleting = Some(world.now.wall);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.ready_reason().as_str()), (0, 1, "False/Deleting"));
    assert_eq!(settlement.refused, world.refuses);
    let message = &world.status.conditions[0].message;
    assert!(
        message.contains("ValidatingAdmissionPolicy \"freeze\" refuses it (not before Monday)"),
        "{message}"
    );
    world.wait(2 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.ready_reason().as_str()), (0, "False/DeletionBlocked"));
    world.refuses = None;
    world.visit();
    assert_eq!((world.petra.len(), world.gone), (0, true));
}

#[test]
fn a_deletion_whose_permissions_went_first_removes_the_link_all_the_same() {
    let mut world = World::ready();
    world.refuses = Some(WriteRefusal { write: LinkWrite::Finalizer, by: RefusedBy::Rights });
    world.deleting = Some(world.now.wall);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len(), world.gone), (1, 0, false));
    assert_eq!(settlement.refused, world.refuses);
    let message = &world.status.conditions[0].message;
    assert!(
        message.contains("does not have the permission") && !message.contains("stays as it is"),
        "{message}"
    );
    world.refuses = None;
    world.visit();
    assert!(world.gone);
}

#[test]
fn a_deletion_without_a_link_at_petra_says_why_it_does_not_end() {
    let mut world = World::ready();
    world.petra.clear();
    world.refuses = Some(refusal(LinkWrite::Finalizer));
    world.deleting = Some(world.now.wall);
    let (settlement, _) = world.visit();
    assert_eq!((world.ready_reason().as_str(), world.gone), ("False/Deleting", false));
    assert_eq!(settlement.refused, world.refuses);
}

#[test]
fn without_its_finalizer_nothing_is_registered_and_no_round_repeated() {
    let mut world = World::new();
    world.refuses = Some(refusal(LinkWrite::Finalizer));
    let (settlement, trace) = world.visit();
    assert_eq!((trace.puts, trace.rounds.len()), (0, 1));
    assert_eq!(
        world.row(),
        [
            "Unknown/FinalizerForbidden",
            "False/CredentialsAccepted",
            "False/PermissionsGranted",
            "Unknown/Pending",
            "Reconciling",
        ]
    );
    assert_eq!(settlement.refused, world.refuses);
    let (mut rounds, mut looks) = (0, 0);
    let end = world.now.up + Duration::from_mins(29);
    while world.now.up < end {
        let (settlement, trace) = world.visit();
        rounds += trace.rounds.len();
        looks += 1;
        world.wait(settlement.next.expect("it looks again"));
    }
    assert!(rounds == 0 && looks < 20, "{rounds} rounds in {looks} visits");
    world.refuses = None;
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn while_no_status_can_be_stored_nobody_is_asked_and_the_delay_grows() {
    let mut world = World::new();
    world.refuses = Some(refusal(LinkWrite::Status));
    let (mut waits, mut asked) = (Vec::new(), 0);
    for _ in 0..9 {
        let (end, trace) = world.visit_or_not();
        asked += trace.rounds.len() + trace.puts as usize;
        let End::Refused(refusal, wait) = end else { panic!("it cannot be stored") };
        assert_eq!(Some(refusal), world.refuses);
        waits.push(wait.as_secs());
        world.wait(wait);
    }
    assert_eq!((waits, asked), (vec![5, 10, 20, 40, 80, 160, 300, 300, 300], 0));
    assert!(matches!(world.visit_or_not().0, End::Refused(..)));
    assert!(matches!(world.visit_or_not().0, End::NotYet(_)), "any other visit in between does nothing");
    world.refuses = None;
    world.edit(|spec| spec.interval = Some("1h".to_owned()));
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation", "an edit is tried at once");
}

#[test]
fn refused_keys_that_cannot_be_recorded_are_asked_about_ever_more_rarely() {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.refuses = Some(refusal(LinkWrite::Status));
    let (mut rounds, mut refusals) = (0, 0);
    let end = world.now.up + Duration::from_hours(2);
    while world.now.up < end {
        let (end, trace) = world.visit_or_not();
        rounds += trace.rounds.len();
        world.wait(match end {
            End::Settled(settlement) => settlement.next.expect("it looks again"),
            End::NotYet(wait) => wait,
            End::Refused(_, wait) => {
                refusals += 1;
                wait
            }
            End::Outdated => panic!("nobody else writes here"),
        });
    }
    assert!(refusals > 5 && rounds <= 2 * 30, "{rounds} rounds, {refusals} refusals in two hours");
}

#[test]
fn keys_are_not_replaced_at_petra_while_no_status_can_be_stored() {
    let mut world = World::ready();
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    world.refuses = Some(refusal(LinkWrite::Status));
    for _ in 0..5 {
        let (_, trace) = world.visit_or_not();
        assert_eq!((trace.puts, trace.rounds.len()), (0, 0));
        world.wait(5 * MINUTE);
    }
}

#[test]
fn a_change_at_petra_comes_after_a_write_that_was_taken_or_tried() {
    let mut world = World::new();
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, trace.trials), (1, 0), "the claim was taken in this visit");
    world.confirm();
    world.visit();
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, trace.trials), (1, 1));
}
