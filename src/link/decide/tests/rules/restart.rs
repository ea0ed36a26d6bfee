//! What a process does about links that were not good when it began: nothing at once.

use std::time::Duration;

use super::super::table::foreign_link;
use super::super::world::{SecretIs, Tenancy, Trace, World};
use super::MINUTE;
use crate::connectwise::{Depth, Inconclusive};
use crate::crd::{Reason, RegistrationSpec, StatusTime};
use crate::link::facts::Rival;
use crate::petra::PetraFault;

fn assert_nothing_happened(world: &World, trace: &Trace, told: &str) {
    let costs = (trace.rounds.len(), trace.secret_reads, trace.petra_reads, trace.puts, trace.writes);
    assert_eq!(costs, (0, 0, 0, 0, 0), "{told}");
    assert_eq!(world.ready_reason(), told);
}

#[test]
fn a_link_that_waits_for_a_person_asks_nobody_and_keeps_its_token() {
    let mut world = World::portal();
    let (settlement, _) = world.visit();
    let token = settlement.status.conditions[0].message.rsplit(' ').next().expect("a token").to_owned();
    world.wait(10 * MINUTE);
    world.restart();
    let (settlement, trace) = world.visit();
    assert_nothing_happened(&world, &trace, "False/PortalActionRequired");
    let next = settlement.next.expect("the routine check is planned");
    assert!(next > 15 * MINUTE && next < 25 * MINUTE, "the stored time counts: {next:?}");
    world.edit(|spec| {
        spec.registration =
            Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
    });
    let (_, trace) = world.visit();
    assert_eq!(
        (trace.rounds.as_slice(), world.ready_reason().as_str()),
        (&[Depth::Cheap][..], "True/Linked"),
        "the token is compared with what ConnectWise tells this process"
    );
}

#[test]
fn a_conflict_at_petra_waits_its_first_delay_unless_it_is_woken() {
    let mut world = foreign_link(None);
    world.visit();
    world.restart();
    let (settlement, trace) = world.visit();
    assert_nothing_happened(&world, &trace, "False/LinkConflict");
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
    assert!(world.subject().hinted_id().is_some(), "it is told when the holder goes");

    world.petra.clear();
    // As the registry does when the holder goes.
    world.state.petra_not_before = None;
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
}

#[test]
fn a_link_that_is_stale_by_petras_silence_stays_so_until_petra_answers() {
    let mut world = World::ready();
    world.petra_fault = Some(PetraFault::Unavailable);
    for _ in 0..4 {
        world.wait(31 * MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.restart();
    world.petra_fault = None;
    let before = world.row();
    for _ in 0..2 {
        let (_, trace) = world.visit();
        assert_eq!((world.row(), trace.writes), (before.clone(), 0), "no list has come yet");
    }
    world.petra_answered = true;
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn a_future_or_unreadable_time_does_not_prevent_a_check() {
    for odd in ["2199-01-01T00:00:00Z", "2026-01-01T00:00:00+99:99", "9999-12-31T23:59:59Z"] {
        let odd: StatusTime = serde_json::from_value(odd.into()).expect("any text is read");
        let mut world = World::ready();
        world.restart();
        world.status.last_validated_time = Some(odd);
        world.status.last_full_check_time = Some(odd);
        for condition in &mut world.status.conditions {
            condition.last_transition_time = odd;
        }
        let (settlement, _) = world.visit();
        let next = settlement.next.expect("it looks again");
        assert!(next <= 15 * MINUTE, "due, and spread: {next:?}");
        world.wait(next);
        assert_eq!(world.visit().1.rounds, [Depth::Full], "the daily round is due as well");
        assert_eq!(world.status.last_validated_time, Some(StatusTime::new(world.now.wall)));
        let unread = world.status.conditions.iter().filter(|it| it.last_transition_time == StatusTime::NEVER);
        assert_eq!(unread.count(), 0);

        let mut silent = World::ready();
        silent.tenancy = Tenancy::out(Inconclusive::Unavailable);
        silent.status.last_validated_time = Some(odd);
        silent.wait(31 * MINUTE);
        silent.visit();
        assert_eq!(
            silent.ready_reason(),
            "Unknown/ValidationStale",
            "nobody can tell how old its verdict is"
        );
    }
}

#[test]
fn a_refusal_by_petra_waits_its_first_delay() {
    let mut world = World::new();
    world.petra_refuses = true;
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationRejected");
    world.restart();
    let (settlement, trace) = world.visit();
    assert_nothing_happened(&world, &trace, "False/RegistrationRejected");
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
}

#[test]
fn a_conflict_of_two_resources_lasts_until_the_other_was_visited() {
    let mut world = World::portal();
    world.rival = Some(Rival { visible_name: None });
    world.visit();
    world.restart();
    world.rival = None;
    let (settlement, trace) = world.visit();
    assert_nothing_happened(&world, &trace, "False/LinkConflict");
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
    assert!(world.subject().hinted_id().is_some(), "it is told when the holder goes");
    world.wait(5 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(
        (trace.rounds.len(), world.reason(crate::crd::ConditionType::Ready)),
        (1, Some(Reason::PortalActionRequired))
    );
}

#[test]
fn a_secret_that_was_missed_before_is_not_waited_for_again() {
    for watched in [true, false] {
        let mut world = World::new();
        (world.secret, world.secrets_watched) = (SecretIs::Absent, watched);
        world.visit();
        world.wait(5 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "False/SecretNotFound");
        world.restart();
        for _ in 0..3 {
            let (settlement, trace) = world.visit();
            assert_eq!((world.ready_reason().as_str(), trace.writes), ("False/SecretNotFound", 0));
            let polled = settlement.next.filter(|next| *next < 60 * MINUTE);
            assert_eq!(polled, (!watched).then_some(MINUTE), "the claim alone is renewed");
            world.wait(MINUTE);
        }
    }
}

#[test]
fn an_unreachable_site_is_asked_after_the_first_delay_and_stays_so() {
    let mut world = World::new();
    world.tenancy = Tenancy::out(Inconclusive::NoSuchName);
    world.visit();
    world.wait(5 * MINUTE);
    world.visit();
    world.restart();
    let (settlement, trace) = world.visit();
    assert_nothing_happened(&world, &trace, "False/SiteUnreachable");
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
    world.wait(5 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (1, 0));
    assert_eq!(world.ready_reason(), "False/SiteUnreachable");
}

#[test]
fn a_grace_period_that_a_restart_cut_short_begins_anew() {
    let mut absent = World::new();
    absent.secret = SecretIs::Absent;
    let out = |why| {
        let mut world = World::new();
        world.tenancy = Tenancy::out(why);
        world
    };
    let waits = "Unknown/ConnectWiseUnavailable";
    for (mut world, waits, fault) in [
        (absent, "Unknown/WaitingForSecret", "False/SecretNotFound"),
        (out(Inconclusive::NoSuchName), waits, "False/SiteUnreachable"),
        (out(Inconclusive::BadCertificate), waits, "False/SiteUnreachable"),
    ] {
        world.visit();
        world.wait(4 * MINUTE);
        world.visit();
        world.restart();
        world.visit();
        world.wait(Duration::from_secs(290));
        world.visit();
        assert_eq!(world.ready_reason(), waits);
        world.wait(MINUTE / 2);
        world.visit();
        assert_eq!(world.ready_reason(), fault);
    }
}
