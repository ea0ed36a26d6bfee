//! What all links share: a fleet that is held, how the hold ends, and the operator's own keys.

use std::collections::BTreeSet;

use super::super::world::{SecretIs, Tenancy, World, accepted_client_id, client_id_version, new_client_id};
use super::{MINUTE, outage};
use crate::connectwise::profile::Profiles;
use crate::connectwise::{CompanyAnswer, Depth, Inconclusive};
use crate::crd::{ConditionType, LinkSpec, LinkStatus};
use crate::link::decide::{OperatorKeys, may_help};
use crate::link::facts::FleetView;
use crate::link::plan::HeldCause;
use crate::link::state::LinkState;
use crate::petra::PetraFault;
use crate::upstream::allow::AllowList;

/// A Ready link whose keys ConnectWise refuses for the second time, as those of many others.
fn held_by_the_fleet() -> World {
    let mut world = World::ready();
    world.fleet = FleetView::Common;
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world.visit();
    world.wait(2 * MINUTE);
    assert_eq!(world.visit().0.held, Some(HeldCause::Fleet));
    world
}

#[test]
fn a_suspicion_ends_when_the_link_passes_is_suspended_or_gets_new_keys() {
    let mut repaired = held_by_the_fleet();
    repaired.tenancy = Tenancy::good();
    repaired.wait(10 * MINUTE);
    repaired.visit();
    assert_eq!((repaired.state.passed_at, repaired.state.suspicion), (Some(repaired.now.up), None));

    let mut suspended = held_by_the_fleet();
    suspended.edit(|spec| spec.suspend = Some(true));
    suspended.visit();
    assert_eq!((suspended.ready_reason().as_str(), suspended.state.suspicion), ("True/Linked", None));

    let mut rotated = held_by_the_fleet();
    rotated.tenancy = Tenancy::good();
    rotated.secret = SecretIs::Keys { public: "two", revision: 2 };
    rotated.wait(MINUTE);
    rotated.visit();
    assert_eq!(rotated.state.suspicion, None);
}

#[test]
fn a_held_link_is_accused_when_the_others_have_no_part_in_it_any_more() {
    let mut world = held_by_the_fleet();
    world.fleet = FleetView::Single;
    world.wait(2 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_held_link_becomes_stale_and_is_never_accused_for_that() {
    let mut world = held_by_the_fleet();
    world.wait(90 * MINUTE);
    for _ in 0..3 {
        let (settlement, trace) = world.visit();
        assert_eq!(settlement.held, Some(HeldCause::Fleet));
        assert!(trace.writes <= 1, "the result, or a day later the claim");
        assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
        world.wait(24 * 60 * MINUTE);
    }
    let ready = world.status.condition(ConditionType::Ready).expect("there");
    assert!(ready.message.contains("many others"), "{}", ready.message);
    world.requested_at = Some("now".to_owned());
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_stale_link_is_accused_only_by_two_answers_too() {
    let mut world = World::ready();
    world.tenancy = outage();
    world.wait(90 * MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.tenancy = Tenancy::refusing();
    world.wait(10 * MINUTE);
    assert_eq!(world.visit().0.held, Some(HeldCause::Debounce));
    assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_fleet_that_is_missing_from_the_list_is_stale_until_a_person_asks() {
    let mut world = World::ready();
    world.fleet = FleetView::Common;
    world.unsure = true;
    world.petra.clear();
    for _ in 0..2 {
        world.wait(31 * MINUTE);
        let (_, trace) = world.visit();
        assert_eq!((trace.petra_reads, trace.puts, world.ready_reason().as_str()), (0, 0, "True/Linked"));
    }
    for reads in [1, 1, 1] {
        world.wait(31 * MINUTE);
        let (_, trace) = world.visit();
        assert_eq!((trace.petra_reads, trace.puts), (reads, 0), "the link itself is asked for");
        assert_eq!(world.ready_reason(), "Unknown/ValidationStale");
        assert_eq!(
            world.shown(ConditionType::AuthFailed),
            "False/CredentialsAccepted",
            "ConnectWise was heard"
        );
    }
    world.requested_at = Some("now".to_owned());
    world.wait(10 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/RemoteLinkMissing", "Unknown/AwaitingConfirmation"]);
}

/// The clientId is another one, and every call is refused.
fn with_another_client_id(mut world: World) -> World {
    world.client_id = new_client_id("two");
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    world
}

#[test]
fn the_status_names_the_client_id_that_the_keys_were_accepted_with() {
    let version = |world: &World| world.status.inputs.as_ref().and_then(|it| it.client_id_version.clone());
    let named = |text: &str| Some(client_id_version(text).to_string());
    let mut world = World::ready();
    assert_eq!(version(&world), named("one"));
    world.client_id = new_client_id("two");
    let (_, trace) = world.visit();
    assert_eq!((trace.writes, version(&world)), (0, named("one")), "it is no input of the link");
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes, version(&world)), (1, 1, named("two")));
    // Another profile is judged anew, but says nothing about the keys. Other keys do.
    world.tenancy = outage();
    world.edit(|spec| spec.permission_profile = Some("TicketingV2".to_owned()));
    world.visit();
    assert_eq!(version(&world), named("two"));
    world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
    world.visit();
    assert_eq!(version(&world), None);
    world.tenancy = Tenancy::refusing();
    world.wait(10 * MINUTE);
    world.visit();
    assert_eq!((version(&world), world.ready_reason().as_str()), (None, "False/CredentialsRejected"));
}

#[test]
fn a_refusal_under_another_client_id_is_no_first_answer_against_the_keys() {
    let mut world = with_another_client_id(World::ready());
    world.client_id = accepted_client_id("one");
    assert_eq!(world.visit().0.held, Some(HeldCause::Debounce), "the first answer of two");
    world.client_id = new_client_id("two");
    world.wait(MINUTE);
    assert_eq!(world.visit().0.held, Some(HeldCause::Fleet));
    assert_eq!(world.state.suspicion, None);
}

#[test]
fn keys_that_the_former_client_id_proved_stay_unknown_in_a_new_profile() {
    let mut world = with_another_client_id(World::ready());
    world.edit(|spec| spec.permission_profile = Some("TicketingV2".to_owned()));
    let (settlement, _) = world.visit();
    assert_eq!(settlement.held, Some(HeldCause::Fleet));
    assert_eq!(world.row()[..2], ["Unknown/ConnectWiseUnavailable", "Unknown/NotEvaluated"]);
    let ready = world.status.condition(ConditionType::Ready).expect("there");
    assert!(ready.message.contains("clientId"), "{}", ready.message);
}

#[test]
fn keys_that_no_client_id_proved_are_refused_and_the_message_names_it() {
    let mut world = with_another_client_id(World::new());
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
    let ready = world.status.condition(ConditionType::Ready).expect("there");
    assert!(ready.message.contains("clientId"), "{}", ready.message);
}

#[test]
fn a_forged_good_verdict_on_refused_keys_does_not_blame_the_client_id() {
    let mut world = with_another_client_id(World::new());
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
    world.status.conditions = World::ready().status.conditions;
    world.visit();
    for _ in 0..2 {
        world.wait(31 * MINUTE);
        world.visit();
    }
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_person_may_have_keys_judged_under_another_client_id() {
    let mut world = with_another_client_id(World::ready());
    world.requested_at = Some("now".to_owned());
    world.visit();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn a_name_that_leads_to_a_private_address_later_accuses_no_link() {
    let private = || Tenancy { company: CompanyAnswer::PrivateAddress, ..Tenancy::good() };
    let mut world = World::ready();
    world.tenancy = private();
    world.wait(31 * MINUTE);
    for told in ["True/Linked", "True/Linked", "Unknown/ValidationStale", "Unknown/ValidationStale"] {
        assert_eq!(world.visit().0.held, Some(HeldCause::Fleet));
        assert_eq!(world.ready_reason(), told);
        world.wait(30 * MINUTE);
    }
    world.requested_at = Some("now".to_owned());
    world.visit();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/SiteNotAllowed", "a person asked");

    let mut fresh = World::new();
    fresh.tenancy = private();
    fresh.visit();
    assert_eq!(fresh.ready_reason(), "False/SiteNotAllowed");
}

#[test]
fn a_name_or_certificate_that_was_good_is_a_fault_only_of_few_links() {
    for why in [Inconclusive::NoSuchName, Inconclusive::BadCertificate] {
        for (fleet, told) in
            [(FleetView::Single, "False/SiteUnreachable"), (FleetView::Common, "Unknown/ValidationStale")]
        {
            let mut world = World::ready();
            world.fleet = fleet;
            world.tenancy = Tenancy::out(why);
            for _ in 0..12 {
                world.wait(30 * MINUTE);
                world.visit();
            }
            assert_eq!(world.ready_reason(), told, "{why:?}");
        }
    }
}

type Loss = fn(&mut World);

/// Ways to lose what a link needs of the operator's configuration, and the reason of each.
fn lost() -> [(&'static str, Loss); 4] {
    [
        ("SiteNotAllowed", |world| world.config.allow = AllowList::default()),
        ("CompanyNotAllowed", |world| world.config.companies = Some(BTreeSet::new())),
        ("SpecInvalid", |world| world.config.profiles = Profiles::builtin()),
        ("SpecInvalid", |world| world.config.petra_configured = false),
    ]
}

/// A Ready link that needs `--allow-site`, a profile of its own, and a Petra URL.
fn configured() -> World {
    let mut world = World::new();
    world.config.allow = AllowList::new(["psa.example.com".parse().expect("a host")], None);
    world.config.profiles = Profiles::with_file(OWN_PROFILE, "profiles.yaml").expect("a profile");
    world.spec.permission_profile = Some("Own".to_owned());
    world.spec.site_url = "psa.example.com".to_owned();
    world.visit();
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world
}

const OWN_PROFILE: &str =
    "profiles: {Own: {source: Test, functions: [{module: Companies, function: Contacts, inquire: All}]}}";

#[test]
fn lost_configuration_is_a_fault_only_of_few_links_and_then_not_at_once() {
    for (reason, lose) in lost() {
        for fleet in [FleetView::Single, FleetView::Common] {
            let mut world = configured();
            world.fleet = fleet;
            lose(&mut world);
            world.restart();
            let (settlement, trace) = world.visit();
            assert_eq!((world.ready_reason().as_str(), trace.rounds.len()), ("True/Linked", 0), "{reason}");
            world.wait(settlement.next.expect("it looks again"));
            let (_, trace) = world.visit();
            let told =
                if fleet == FleetView::Single { format!("False/{reason}") } else { "True/Linked".to_owned() };
            assert_eq!((world.ready_reason(), trace.rounds.len(), trace.secret_reads), (told, 0, 0));
            if fleet == FleetView::Common {
                world.wait(90 * MINUTE);
                world.visit();
                assert_eq!(world.ready_reason(), "Unknown/ValidationStale", "{reason}");
                world.wait(24 * 60 * MINUTE);
                world.visit();
                assert_eq!(world.ready_reason(), "Unknown/ValidationStale", "{reason}");
                world.requested_at = Some("now".to_owned());
                world.visit();
                assert_eq!(world.ready_reason(), format!("False/{reason}"), "a person asked");
            }
        }
    }
}

#[test]
fn an_edit_that_the_configuration_forbids_is_a_fault_at_once() {
    type Edit = fn(&mut LinkSpec);
    let edits: [(&str, Edit); 4] = [
        ("SpecInvalid", |spec| spec.permission_profile = Some("Nobody".to_owned())),
        ("SiteNotAllowed", |spec| spec.site_url = "psa.elsewhere.example".to_owned()),
        ("SpecInvalid", |spec| spec.company_id = "a b".to_owned()),
        ("SpecInvalid", |spec| spec.interval = Some("1d".to_owned())),
    ];
    for (reason, edit) in edits {
        let mut world = World::ready();
        world.fleet = FleetView::Common;
        world.edit(edit);
        world.visit();
        assert_eq!(world.ready_reason(), format!("False/{reason}"));
    }
}

#[test]
fn another_client_id_has_refused_keys_asked_about_at_once_and_only_once() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds, []);
    world.client_id = new_client_id("two");
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds, []);
}

#[test]
fn another_client_id_does_not_break_the_floor() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.client_id = new_client_id("two");
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
        world.client_id = new_client_id("two");
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
        world.client_id = new_client_id("two");
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
    world.client_id = new_client_id("one");
    world.visit();
    let names_it = |world: &World| world.status.conditions.iter().any(|it| it.message.contains("clientId"));
    assert!(names_it(&world) && may_help(OperatorKeys::ClientIdWorked, &world.status, &LinkState::default()));
    world.client_id = accepted_client_id("one");
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
    world.client_id = new_client_id("two");
    world.wait(MINUTE / 2);
    assert_eq!(world.visit().1.rounds.len(), 0);
}
