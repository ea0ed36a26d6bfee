//! What Petra says, and what is done there: registration, confirmation, leftovers, deletion, `Portal`.
use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, place};
use crate::connectwise::Depth;
use crate::crd::{ConditionType, DeletionPolicy, EventReason, LinkStatus, RegistrationSpec};
use crate::link::plan::HeldCause;
use crate::link::state::LinkState;
use crate::petra::{LinkId, Owner, PetraFault, RemoteState};

#[test]
fn a_link_that_vanished_at_petra_is_registered_again_after_its_second_404() {
    let mut world = World::ready();
    world.petra.clear();
    let (settlement, trace) = world.visit();
    assert_eq!((settlement.held, trace.puts), (Some(HeldCause::Debounce), 0));
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/RemoteLinkMissing", "Unknown/AwaitingConfirmation"]);
    assert_eq!((trace.puts, world.petra.len()), (1, 1));
}

#[test]
fn a_link_that_failed_is_ready_as_soon_as_the_list_says_so() {
    let mut world = World::new();
    world.visit();
    world.set_remote(RemoteState::Failed);
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    let (_, trace) = world.visit();
    assert_eq!((trace.petra_reads, trace.writes), (0, 0), "the same again is no news");
    world.confirm();
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.rounds.len()), ("True/Linked", 0));
}

#[test]
fn who_has_a_record_of_a_link_is_not_told_what_would_be_ignored() {
    let mut world = World::ready();
    let owner = Owner::new("here", "team", "other");
    for link in world.petra.values_mut() {
        link.owner = Some(owner.clone());
    }
    for _ in 0..2 {
        world.visit();
        world.wait(MINUTE);
    }
    assert_eq!(world.ready_reason(), "False/LinkConflict");
    let message = &world.status.conditions[0].message;
    assert!(
        message.contains("delete this resource and create it again with spec.registration.adoptFrom"),
        "{message}"
    );
}

#[test]
fn a_list_from_before_its_confirmation_takes_no_ready_link_back() {
    let mut world = World::new();
    world.visit();
    let unconfirmed = world.petra.clone();
    world.confirm();
    world.visit();
    let before = world.row();
    // Another replica heard the confirmation first; this one's own list is older.
    world.listed = Some(unconfirmed);
    let (_, trace) = world.visit();
    assert_eq!((world.row(), trace.writes, trace.petra_reads), (before, 0, 1));

    world.set_remote(RemoteState::Pending);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation", "its own answer counts");
}

#[test]
fn a_link_that_was_registered_anew_after_long_is_neither_stale_nor_late() {
    let mut world = World::ready();
    for _ in 0..2 {
        world.wait(31 * MINUTE);
        world.visit();
    }
    let registered = world.status.link.as_ref().and_then(|link| link.registered_time);
    world.petra.clear();
    world.visit();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation", "its time begins anew");
    assert_ne!(world.status.link.as_ref().and_then(|link| link.registered_time), registered);

    let mut mended = World::new();
    mended.tenancy = Tenancy::refusing();
    mended.visit();
    mended.wait(600 * MINUTE);
    mended.visit();
    mended.tenancy = Tenancy::good();
    mended.wait(600 * MINUTE);
    mended.visit();
    assert_eq!(mended.ready_reason(), "Unknown/AwaitingConfirmation");
    // No list call has ended since the PUT: nothing newer is known.
    mended.poll_stopped = true;
    mended.wait(MINUTE);
    mended.visit();
    assert_eq!(mended.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn an_outage_of_petra_says_nothing_about_a_registered_link() {
    for fault in [
        PetraFault::Unavailable,
        PetraFault::KeyRejected,
        PetraFault::NoContract,
        PetraFault::RateLimited(None),
    ] {
        let mut world = World::ready();
        let before = world.row();
        world.petra.clear();
        world.petra_fault = Some(fault);
        let (_, trace) = world.visit();
        assert_eq!((world.row(), trace.writes, trace.petra_reads), (before, 0, 0), "{fault:?}");
    }
}

#[test]
fn a_link_without_news_from_petra_is_stale_and_its_keys_are_not() {
    let mut world = World::ready();
    world.petra_fault = Some(PetraFault::Unavailable);
    for _ in 0..4 {
        world.wait(30 * MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted", "ConnectWise was heard");
    world.petra_fault = None;
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("True/Linked", 0));
}

#[test]
fn an_unknown_put_is_read_back_and_not_repeated_in_the_same_visit() {
    let mut world = World::new();
    world.visit();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    world.petra_fault = Some(PetraFault::Unavailable);
    let (_, trace) = world.visit();
    assert!(trace.puts <= 1);
    world.petra_fault = None;
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
}

#[test]
fn a_confirmation_times_out_ten_minutes_after_this_process_saw_it_pending() {
    let mut world = World::new();
    world.visit();
    world.wait(15 * MINUTE);
    world.restart();
    world.petra_fault = Some(PetraFault::Unavailable);
    for _ in 0..2 {
        world.visit();
        assert_eq!(
            world.ready_reason(),
            "Unknown/AwaitingConfirmation",
            "no poll was answered to this process"
        );
        world.wait(15 * MINUTE);
    }
    world.petra_fault = None;
    world.petra_answered = true;
    for _ in 0..2 {
        world.visit();
        assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation", "this process sees it pending now");
        world.wait(9 * MINUTE);
    }
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
    world.wait(MINUTE);
    world.restart();
    world.petra_answered = true;
    for _ in 0..2 {
        let (_, trace) = world.visit();
        assert_eq!(
            (world.ready_reason().as_str(), trace.writes),
            ("False/ConfirmationTimedOut", 0),
            "it stays late"
        );
        world.wait(6 * MINUTE);
    }
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "it is polled on");
}

#[test]
fn a_lost_status_finds_the_standing_link_of_the_company_and_keeps_its_id() {
    let mut world = World::new();
    let older = LinkId::derive("acme", "older.example.com");
    place(&mut world, older.as_str(), "ACME", Some(World::owner()));
    world.visit();
    assert_eq!(world.petra.len(), 1, "no second link for the company");
    assert_eq!(world.status.link.as_ref().map(|link| link.id.as_str()), Some(older.as_str()));
    world.confirm();
    let (settlement, _) = world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    assert!(
        settlement.events.iter().all(|event| event.reason != EventReason::LinkIdKept),
        "it is told with a full round only"
    );
    world.wait(24 * 60 * MINUTE);
    let (settlement, _) = world.visit();
    assert!(settlement.events.iter().any(|event| event.reason == EventReason::LinkIdKept));
}

#[test]
fn portal_keeps_an_acknowledgement_of_the_same_keys_without_status() {
    let mut world = World::portal();
    let (settlement, _) = world.visit();
    let token = settlement.status.conditions[0].message.rsplit(' ').next().expect("a token").to_owned();
    world.edit(|spec| {
        spec.registration =
            Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
    });
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world.status = crate::crd::LinkStatus::default();
    world.restart();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "a backup without status needs no new acknowledgement");
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/PortalActionRequired", "other keys need another");
    assert_eq!(world.shown(ConditionType::Registered), "True/Acknowledged", "Petra still holds the old ones");
}

#[test]
fn adopt_from_is_tried_as_soon_as_it_is_written() {
    let mut world = super::super::table::foreign_link(None);
    world.visit();
    assert_eq!(world.ready_reason(), "False/LinkConflict");
    world.edit(|spec| {
        spec.deletion_policy = Some(DeletionPolicy::Unlink);
        spec.registration =
            Some(RegistrationSpec { adopt_from: Some("unowned".to_owned()), ..RegistrationSpec::default() });
    });
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, world.ready_reason().as_str()), (1, "Unknown/AwaitingConfirmation"));
}

#[test]
fn a_confirmation_is_not_timed_out_by_a_list_from_before_its_time_was_up() {
    let mut world = World::new();
    world.visit();
    world.wait(MINUTE);
    world.visit();
    world.poll_stopped = true;
    world.wait(20 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    world.poll_stopped = false;
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
}

#[test]
fn one_list_with_bad_news_leaves_a_ready_link_ready_for_a_minute() {
    let taken = |world: &mut World| {
        let link = world.petra.values_mut().next().expect("a link");
        link.owner = Some(Owner::new("elsewhere", "team", "acme"));
    };
    for told in ["False/RegistrationRejected", "False/LinkConflict"] {
        let mut world = World::ready();
        if told == "False/LinkConflict" {
            taken(&mut world);
        } else {
            world.set_remote(RemoteState::Failed);
        }
        let (settlement, trace) = world.visit();
        assert_eq!(
            (world.ready_reason().as_str(), settlement.held),
            ("True/Linked", Some(HeldCause::Debounce)),
            "{told}"
        );
        assert!(trace.petra_reads > 0, "{told}: its own GET tells, not the list");
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), told);
        assert_eq!(world.state.suspicion, None);
    }
}

#[test]
fn an_outage_of_petra_leaves_what_petra_told_against_a_link() {
    let mut world = World::new();
    world.petra_refuses = true;
    world.visit();
    let before = world.row();
    assert_eq!(before[0], "False/RegistrationRejected");
    world.petra_fault = Some(PetraFault::Unavailable);
    world.wait(31 * MINUTE);
    world.visit();
    assert_eq!(world.row(), before);
}

#[test]
fn a_list_that_lost_much_at_once_is_not_believed_unless_a_person_asks() {
    let mut world = World::ready();
    world.petra.clear();
    world.unsure = true;
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.petra_reads), ("True/Linked", 0));
    world.requested_at = Some("now".to_owned());
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.petra_reads, 1, "the link itself is asked for");
}

#[test]
fn a_restart_before_registration_checks_the_keys_before_they_are_sent() {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/PetraUnavailable");
    world.restart();
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.puts), (0, 0), "nothing can be sent, so nothing is asked");
    world.petra_fault = None;
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
}

#[test]
fn a_server_that_got_the_keys_and_has_no_route_is_not_said_to_have_no_keys() {
    let mut world = World::new();
    world.put_fault = Some(PetraFault::NoContract);
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, world.ready_reason().as_str()), (1, "Unknown/PetraUnavailable"));
    world.petra_fault = Some(PetraFault::NoContract);
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/PetraUnavailable");
}

#[test]
fn keys_that_are_sent_again_have_ten_minutes_from_then() {
    let mut world = World::new();
    world.visit();
    for _ in 0..12 {
        world.wait(MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
    world.petra.clear();
    for _ in 0..2 {
        world.visit();
        assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
        assert_eq!(world.petra.len(), 1, "registered again");
        world.wait(9 * MINUTE);
    }
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
}

#[test]
fn a_confirmed_link_that_is_pending_again_has_ten_minutes_from_then() {
    let mut world = World::ready();
    world.wait(20 * MINUTE);
    world.visit();
    world.set_remote(RemoteState::Pending);
    for _ in 0..2 {
        world.visit();
        assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
        world.wait(9 * MINUTE);
    }
    world.visit();
    assert_eq!(world.ready_reason(), "False/ConfirmationTimedOut");
}

#[test]
fn a_namesake_is_judged_by_a_list_that_was_requested_after_it_was_made() {
    let mut world = World::ready();
    world.finalizer = false;
    (world.status, world.state) = (LinkStatus::default(), LinkState::default());
    // The resource was deleted and made again since the last list, and a person replaced the link meanwhile.
    world.listed = Some(world.petra.clone());
    world.poll_stopped = true;
    world.set_owner(None);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.petra_reads), ("Unknown/PetraUnavailable", 1));

    world.poll_stopped = false;
    world.listed = None;
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/LinkConflict");
}

#[test]
fn a_new_resource_without_a_link_does_not_wait_for_another_list() {
    let mut world = World::new();
    world.poll_stopped = true;
    let (_, trace) = world.visit();
    assert_eq!(
        (trace.petra_reads, trace.puts),
        (0, 1),
        "Petra itself refuses a PUT over a link that is there"
    );
}

#[test]
fn a_requested_check_reads_the_link_at_petra_too() {
    let mut world = World::ready();
    world.poll_stopped = true;
    world.wait(MINUTE);
    world.visit();
    world.listed = Some(world.petra.clone());
    world.set_remote(RemoteState::Failed);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.petra_reads), ("True/Linked", 0), "the list is old");

    world.requested_at = Some("now".to_owned());
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.petra_reads, settlement.held), (1, Some(HeldCause::Debounce)));
    // The request is handled. A list that is as old as before, or that is behind, disproves nothing.
    for poll_stopped in [true, false] {
        world.poll_stopped = poll_stopped;
        let (settlement, trace) = world.visit();
        assert_eq!((trace.petra_reads, settlement.held), (1, Some(HeldCause::Debounce)));
    }
    world.listed = None;
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
}

#[test]
fn a_list_that_lags_behind_new_keys_sends_them_once() {
    let mut world = World::ready();
    let before = world.petra.clone();
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, world.ready_reason().as_str()), (1, "Unknown/AwaitingConfirmation"));
    world.listed = Some(before);
    let (_, trace) = world.visit();
    assert_eq!((trace.puts, trace.writes), (0, 0));
    world.confirm();
    world.listed = None;
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn a_link_that_petras_silence_holds_up_waits_for_the_next_list() {
    for fault in [PetraFault::Unavailable, PetraFault::KeyRejected, PetraFault::RateLimited(None)] {
        let mut world = World::new();
        world.petra_fault = Some(fault);
        let (settlement, _) = world.visit();
        assert!(settlement.awaits_petra, "{fault:?}: the shared poll must not rest");
        world.petra_fault = None;
        let (_, trace) = world.visit();
        assert_eq!((trace.puts, world.ready_reason().as_str()), (1, "Unknown/AwaitingConfirmation"));
        world.petra_fault = Some(fault);
        let (settlement, _) = world.visit();
        assert!(settlement.awaits_petra, "{fault:?}: nor while a confirmation is due");
        world.petra_fault = None;
        world.confirm();
        world.visit();
        world.petra_fault = Some(fault);
        let (settlement, _) = world.visit();
        assert!(!settlement.awaits_petra, "{fault:?}: a Ready link waits for nothing");
    }
}

#[test]
fn a_put_that_is_not_answered_is_repeated_by_its_backoff_whatever_is_listed() {
    let mut world = World::new();
    world.put_fault = Some(PetraFault::Unavailable);
    let (settlement, trace) = world.visit();
    assert_eq!((trace.puts, settlement.awaits_petra), (1, false));
    let (_, trace) = world.visit();
    assert_eq!(trace.puts, 0, "the list is no news of it");
    world.wait(settlement.next.expect("it looks again"));
    let (_, trace) = world.visit();
    assert_eq!(trace.puts, 1);
}
