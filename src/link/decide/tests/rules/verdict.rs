//! What ConnectWise says, and when it stands: hold, staleness, debounce, fleet.

use std::time::Duration;

use super::super::world::{SecretIs, Tenancy, World, accepted_client_id, new_client_id};
use super::{MINUTE, lacking, outage, wait_and_visit};
use crate::connectwise::{BoardAnswer, CompanyAnswer, Depth, Inconclusive, Permissions, PermissionsAnswer};
use crate::crd::{ConditionStatus, ConditionType, Inputs};
use crate::link::facts::FleetView;
use crate::link::message;
use crate::link::plan::HeldCause;

#[test]
fn a_verdict_on_inputs_that_the_status_does_not_name_is_none() {
    let forget: [fn(&mut Inputs); 4] = [
        |inputs| inputs.site = None,
        |inputs| inputs.company_id = None,
        |inputs| inputs.credentials_version = None,
        |inputs| inputs.permission_profile = None,
    ];
    for forget in forget {
        let mut world = World::ready();
        forget(world.status.inputs.as_mut().expect("it was checked"));
        world.petra.clear();
        world.tenancy = lacking("Service Tickets");
        world.restart();
        let (_, trace) = world.visit();
        assert_eq!((trace.rounds.as_slice(), trace.puts), ([Depth::Full].as_slice(), 0));
    }
}

#[test]
fn a_cheap_round_never_agrees_with_lines_that_contradict_the_verdict() {
    // Ready, beside a line that is missing.
    let mut world = World::ready();
    world.tenancy = lacking("Service Tickets");
    let PermissionsAnswer::Judged(found) = &world.tenancy.permissions else { unreachable!("it was judged") };
    let missing = found.missing.iter().map(message::permission_line).collect();
    world.status.permissions.as_mut().expect("it was checked").missing = missing;
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);

    // A role that lacks something, beside no such line.
    let mut world = World::new();
    world.tenancy = lacking("Service Tickets");
    world.visit();
    assert_eq!(world.ready_reason(), "False/PermissionsMissing");
    world.status.permissions.as_mut().expect("it was checked").missing.clear();
    world.tenancy = Tenancy::good();
    world.wait(10 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
}

#[test]
fn a_kept_status_is_never_reconciling_and_stalled_nor_either_when_ready() {
    let mut world = World::ready();
    let mut lacking_one = World::new();
    lacking_one.tenancy = lacking("Service Tickets");
    lacking_one.visit();
    for (world, expected) in [(&mut world, "-"), (&mut lacking_one, "Stalled")] {
        for kind in [ConditionType::Reconciling, ConditionType::Stalled] {
            let mut made_up = world.status.conditions[0].clone();
            (made_up.type_, made_up.status) = (kind.as_str().to_owned(), ConditionStatus::True);
            world.status.conditions.push(made_up);
        }
        world.tenancy = outage();
        world.wait(30 * MINUTE);
        world.visit();
        assert_eq!(world.row()[4], expected);
    }
}

#[test]
fn an_outage_leaves_a_link_ready_until_it_is_stale_and_success_fixes_it() {
    let mut world = World::ready();
    world.tenancy = outage();
    world.wait(30 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!(
        (world.ready_reason().as_str(), settlement.held),
        ("True/Linked", Some(HeldCause::Inconclusive))
    );
    assert_eq!(
        (trace.writes, settlement.events.len()),
        (0, 1),
        "a hold is told by one event and by no write"
    );
    let before = world.row();
    let writes: u32 = (0..8).map(|_| wait_and_visit(&mut world).writes).sum();
    assert_eq!((world.row(), writes), (before, 1), "the claim is renewed once in an hour and a half");
    world.wait(60 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.tenancy = Tenancy::good();
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn every_kind_of_silence_holds_a_ready_link_alike() {
    use Inconclusive::{BadCertificate, NoSuchName, RateLimited, Unavailable};
    for why in [Unavailable, NoSuchName, BadCertificate, RateLimited(None), RateLimited(Some(MINUTE))] {
        let mut world = World::ready();
        let before = world.row();
        world.tenancy = Tenancy::out(why);
        world.wait(30 * MINUTE);
        let (settlement, trace) = world.visit();
        assert_eq!(
            (world.row(), trace.writes, settlement.held),
            (before, 0, Some(HeldCause::Inconclusive)),
            "{why:?}"
        );
        // Longer than a site may be out of reach where nothing was known of it.
        world.wait(10 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked", "{why:?}");
    }
}

#[test]
fn a_role_that_is_shown_no_more_is_looked_at_whole_once_and_then_cheaply() {
    let mut world = World::ready();
    let Tenancy { permissions: PermissionsAnswer::Judged(shown), .. } = lacking("Service Tickets") else {
        unreachable!("it was judged")
    };
    let silent = Permissions { unknown: shown.missing, ..Permissions::default() };
    world.tenancy.permissions = PermissionsAnswer::Judged(silent);
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
    assert_eq!(world.ready_reason(), "True/Linked");
    assert_eq!(world.shown(ConditionType::PermissionDenied), "Unknown/NotVerifiable");
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
}

#[test]
fn a_ready_link_with_an_unreadable_secret_becomes_stale_and_recovers() {
    let mut world = World::ready();
    world.secret = SecretIs::Unavailable;
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.writes), ("True/Linked", 0));
    world.wait(60 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    let row = world.row();
    world.wait(60 * MINUTE);
    assert_eq!(world.visit().1.writes, 0, "told once");
    assert_eq!(world.row(), row);
    world.secret = SecretIs::Keys { public: "one", revision: 1 };
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn a_web_page_from_a_known_connectwise_is_never_an_invalid_site() {
    let page = || Tenancy { company: CompanyAnswer::NotConnectWise, ..Tenancy::good() };
    let mut world = World::ready();
    world.tenancy = page();
    world.wait(30 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!(
        (world.ready_reason().as_str(), settlement.held, trace.writes),
        ("True/Linked", Some(HeldCause::Inconclusive), 0)
    );
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "however often it comes");
    world.wait(60 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");

    let mut lacking = World::new();
    lacking.tenancy = super::lacking("Service Tickets");
    lacking.visit();
    let before = lacking.row();
    lacking.tenancy = page();
    lacking.wait(60 * MINUTE);
    lacking.visit();
    assert_eq!(lacking.row(), before, "an accusation is held as well");
}

#[test]
fn an_outage_leaves_an_accusation_as_it_is() {
    for accusing in [Tenancy::refusing(), lacking("Service Tickets")] {
        let mut world = World::new();
        world.tenancy = accusing;
        world.visit();
        let before = world.row();
        world.tenancy = outage();
        world.wait(60 * MINUTE);
        let (settlement, trace) = world.visit();
        assert_eq!((world.row(), trace.writes), (before, 0));
        assert_eq!(settlement.held, Some(HeldCause::Inconclusive));
    }
}

#[test]
fn a_ready_link_is_accused_by_the_second_conclusive_answer_a_minute_later() {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.wait(30 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some(HeldCause::Debounce)));
    assert_eq!(trace.rounds, [Depth::Cheap, Depth::Full], "what differs is looked at whole");
    world.wait(Duration::from_secs(58));
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "59 seconds are not enough");
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_good_answer_between_two_accusations_clears_the_first() {
    let mut world = World::ready();
    for _ in 0..3 {
        world.tenancy = Tenancy::refusing();
        world.wait(31 * MINUTE);
        world.visit();
        world.tenancy = Tenancy::good();
        world.wait(2 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked");
        assert_eq!(world.state.suspicion, None);
    }
}

#[test]
fn a_fleet_is_not_accused_at_once_unless_a_person_asks() {
    let mut world = World::ready();
    world.fleet = FleetView::Common;
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    world.wait(2 * MINUTE);
    let (settlement, _) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some(HeldCause::Fleet)));
    world.requested_at = Some("now".to_owned());
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_client_id_that_was_just_changed_accuses_nobody() {
    for restarts in [false, true] {
        let mut world = World::ready();
        world.client_id = new_client_id("two");
        world.tenancy = Tenancy::refusing();
        world.wait(31 * MINUTE);
        if restarts {
            world.restart();
            world.visit();
            world.wait(16 * MINUTE);
        }
        for _ in 0..2 {
            let (settlement, trace) = world.visit();
            assert_eq!((trace.rounds.len(), settlement.held), (1, Some(HeldCause::Fleet)));
            assert_eq!(world.ready_reason(), "True/Linked");
            world.wait(10 * MINUTE);
        }
        world.client_id = accepted_client_id("two");
        for told in ["True/Linked", "False/CredentialsRejected"] {
            world.visit();
            assert_eq!(world.ready_reason(), told, "its keys alone are judged, as any others");
            world.wait(MINUTE);
        }
    }
}

#[test]
fn until_the_client_id_has_worked_a_refusal_names_it_as_a_suspect() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.client_id = new_client_id("one");
    let (settlement, _) = world.visit();
    assert!(settlement.status.conditions[0].message.contains("clientId"));
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    let (settlement, _) = world.visit();
    assert!(!settlement.status.conditions[0].message.contains("clientId"));
}

#[test]
fn a_board_without_an_answer_holds_ready_back_and_accuses_nothing() {
    let mut world = World::new();
    world.spec.service_board = Some("Help Desk".to_owned());
    world.tenancy.board = BoardAnswer::Inconclusive(Inconclusive::Unavailable);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("Unknown/ConnectWiseUnavailable", 0));
    assert_eq!(world.shown(ConditionType::PermissionDenied), "False/PermissionsGranted");
}

#[test]
fn a_stale_link_reads_the_same_for_as_long_as_nothing_is_heard() {
    let mut world = World::ready();
    world.tenancy = Tenancy::out(Inconclusive::Unavailable);
    world.wait(90 * MINUTE);
    world.visit();
    let stale = world.row();
    assert_eq!(stale[0], "Unknown/ValidationStale");
    world.wait(15 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (1, 0));
    assert_eq!(world.row(), stale);
}

#[test]
fn an_accusation_ends_with_the_answer_that_contradicts_it() {
    for accusing in [Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() }, Tenancy::refusing()] {
        let mut world = World::new();
        world.tenancy = accusing;
        world.visit();
        assert_eq!(world.shown(ConditionType::AuthFailed).split_once('/').map(|it| it.0), Some("True"));
        world.tenancy.company = Tenancy::good().company;
        world.tenancy.keys = Tenancy::good().keys;
        world.tenancy.permissions = PermissionsAnswer::Inconclusive(Inconclusive::Unavailable);
        world.requested_at = Some("now".to_owned());
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted");
        assert_eq!(world.ready_reason(), "Unknown/ConnectWiseUnavailable");
    }
}

#[test]
fn another_accusation_of_a_ready_link_begins_the_debounce_anew() {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.wait(30 * MINUTE);
    world.visit();
    world.tenancy = lacking("Service Tickets");
    world.wait(2 * MINUTE);
    let (settlement, _) = world.visit();
    assert_eq!((world.ready_reason().as_str(), settlement.held), ("True/Linked", Some(HeldCause::Debounce)));
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/PermissionsMissing");
}

#[test]
fn a_ready_link_is_stale_at_the_very_end_of_three_intervals() {
    let mut world = World::ready();
    let validated = world.status.last_validated_time.expect("validated").0;
    world.tenancy = outage();
    let age = world.now.since(validated);
    // A visit takes a second.
    world.wait((90 * MINUTE).saturating_sub(age + Duration::from_secs(1)));
    world.visit();
    assert_eq!(world.now.since(validated), 90 * MINUTE);
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
}

#[test]
fn a_ready_link_that_is_checked_daily_is_stale_after_a_day_and_a_half() {
    let mut world = World::ready();
    world.edit(|spec| spec.interval = Some("24h".to_owned()));
    world.visit();
    world.tenancy = outage();
    let validated = world.status.last_validated_time.expect("validated").0;
    for (minutes, told) in
        [(35 * 60, "True/Linked"), (36 * 60 - 1, "True/Linked"), (36 * 60, "Unknown/ValidationStale")]
    {
        let age = world.now.since(validated);
        // A visit takes a second.
        world.wait((MINUTE * minutes).saturating_sub(age + Duration::from_secs(1)));
        assert_eq!(world.visit().1.rounds.len(), 1, "after {minutes} minutes");
        assert_eq!(world.ready_reason(), told, "after {minutes} minutes");
    }
}

#[test]
fn an_outage_of_connectwise_does_not_keep_a_confirmation_from_being_heard() {
    let mut world = World::new();
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    world.tenancy = outage();
    world.confirm();
    world.wait(31 * MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!(trace.rounds.len(), 1, "ConnectWise was asked and did not answer");
    assert_eq!(
        (world.ready_reason().as_str(), settlement.held),
        ("True/Linked", Some(HeldCause::Inconclusive))
    );
}
