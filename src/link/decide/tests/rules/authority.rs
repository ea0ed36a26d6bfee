//! Status is display: what is sent, claimed and registered rests on what this process found out.

use super::super::world::{SecretIs, Tenancy, World, tenant};
use super::{MINUTE, linked_by_namesake, linked_elsewhere};
use crate::connectwise::{BoardAnswer, CompanyAnswer, Depth, Tenant};
use crate::crd::{ConditionType, LinkStatus, RegistrationSpec};
use crate::link::decide::portal::token;
use crate::link::plan::HeldCause;
use crate::petra::{LinkId, Owner, PetraFault, RemoteLink};
use crate::upstream::hosts::HostPort;

/// The id of the world's one link.
fn only(world: &World) -> LinkId {
    let mut ids = world.petra.keys();
    let only = ids.next().expect("a link").clone();
    assert_eq!(ids.next(), None, "a second link");
    only
}

fn host(text: &str) -> HostPort {
    text.parse().expect("a host")
}

/// The tenant of `acme` in another region.
fn in_europe() -> Tenancy {
    let tenant = Tenant::of_test("acme", "api-eu.myconnectwise.net", "v2025_1/");
    Tenancy { company: CompanyAnswer::Found(tenant), ..Tenancy::good() }
}

/// The status of a link that passed and has not been registered, for these keys, with an API host of somebody's choice.
fn forged_pass() -> LinkStatus {
    let mut status = World::ready().status;
    status.link = None;
    status.site.as_mut().expect("a site").api_host = Some("api-eu.myconnectwise.net".to_owned());
    status
}

#[test]
fn a_forged_verdict_sends_no_keys_that_nobody_checked() {
    for (tenancy, puts) in [(Tenancy::refusing(), 0), (Tenancy::good(), 1)] {
        let mut world = World::new();
        world.edit(|spec| spec.suspend = Some(true));
        world.visit();
        world.status = forged_pass();
        world.tenancy = tenancy;
        world.edit(|spec| spec.suspend = None);
        let (_, trace) = world.visit();
        assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], puts));
        let named = |link: &RemoteLink| link.site == Some(tenant().api_host);
        assert!(world.petra.values().all(named), "the host that companyinfo named");
    }
}

#[test]
fn after_a_restart_keys_are_checked_whole_before_they_are_sent() {
    let mut world = World::ready();
    world.restart();
    world.petra_answered = true;
    world.petra.clear();
    let (_, first) = world.visit();
    world.wait(MINUTE);
    let (_, second) = world.visit();
    assert_eq!((first.rounds.len(), first.puts), (0, 0), "one 404 is not believed");
    assert_eq!((second.rounds.as_slice(), second.puts), (&[Depth::Full][..], 1));
}

#[test]
fn a_cheap_check_is_not_enough_to_send_keys() {
    let mut world = World::new();
    world.edit(|spec| spec.service_board = Some("Help Desk".to_owned()));
    world.tenancy.board = BoardAnswer::Ready;
    world.visit();
    world.confirm();
    world.visit();
    world.restart();
    world.petra_answered = true;
    world.wait(31 * MINUTE);
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("due"));
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
    world.tenancy.board = BoardAnswer::NotFound;
    world.petra.clear();
    for _ in 0..3 {
        world.wait(MINUTE);
        assert_eq!(world.visit().1.puts, 0);
    }
    assert_eq!(world.ready_reason(), "False/ServiceBoardNotReady");
}

#[test]
fn what_was_found_wrong_proves_nothing_to_petra_any_more() {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().0.held, Some(HeldCause::Debounce));
    // The link is to be registered again before the second answer is due.
    world.status.link = None;
    world.petra.clear();
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("True/Linked", 0));
}

#[test]
fn a_recorded_id_that_is_not_the_tenants_is_not_registered() {
    let mut world = World::ready();
    let own = only(&world);
    let victims = LinkId::derive("victim", "api-na.myconnectwise.net");
    world.petra.clear();
    world.status.link.as_mut().expect("a record").id = victims.as_str().to_owned();
    // No list can prove that Petra has no such link: the link is read by itself.
    world.unsure = true;
    world.requested_at = Some("now".to_owned());
    for _ in 0..3 {
        world.wait(MINUTE);
        world.visit();
    }
    assert_eq!(only(&world), own);
}

#[test]
fn a_routine_check_after_a_restart_agrees_with_what_companyinfo_tells() {
    let mut world = World::ready();
    world.status.site.as_mut().expect("a site").api_host = Some("api-eu.myconnectwise.net".to_owned());
    world.restart();
    world.wait(31 * MINUTE);
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("due"));
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full], "the status named another host");
    assert_eq!(
        world.status.site.as_ref().and_then(|site| site.api_host.as_deref()),
        Some("api-na.myconnectwise.net")
    );
}

#[test]
fn a_forged_record_claims_no_company_whose_keys_are_not_good() {
    let victims = LinkId::derive("victim", "api-na.myconnectwise.net");
    let mut world = World::portal();
    let (settlement, _) = world.visit();
    let own = settlement.claim.expect("keys that are good claim their company");
    assert!(own.proved && !own.acknowledged);
    let message = &settlement.status.conditions[0].message;
    let given = message.rsplit(' ').next().expect("a token").to_owned();
    let acknowledge = |world: &mut World, token: String| {
        world.edit(|spec| {
            spec.registration =
                Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
        });
    };
    acknowledge(&mut world, given);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");

    let credentials = world.version_of("one");
    let forged =
        token(&victims, &crate::connectwise::CredentialsVersion::parse(&credentials).expect("a version"));
    acknowledge(&mut world, forged);
    world.status.link.as_mut().expect("a record").id = victims.as_str().to_owned();
    let (settlement, _) = world.visit();
    assert_eq!(settlement.claim.map(|claim| claim.id), Some(own.id), "its own company, whatever is recorded");
    world.restart();
    let (settlement, _) = world.visit();
    assert_eq!(settlement.claim, None, "nothing was found out yet");
    world.tenancy = Tenancy::refusing();
    world.wait(45 * MINUTE);
    for _ in 0..3 {
        let (settlement, _) = world.visit();
        assert!(settlement.claim.is_none_or(|claim| claim.id != victims));
        world.wait(2 * MINUTE);
    }
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn another_resource_that_may_come_first_is_waited_for_and_not_for_ever() {
    let mut world = World::portal();
    world.unproved_rival = true;
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.rounds.len()), ("False/LinkConflict", 1));
    assert!(settlement.claim.is_some_and(|claim| claim.proved), "which has the other one checked");
    world.wait(settlement.next.expect("it looks again"));
    world.visit();
    assert_eq!(world.ready_reason(), "False/PortalActionRequired");
    world.unproved_rival = false;
    world.visit();
    assert_eq!(world.state.awaits_rival_since, None);

    let mut conflicting = World::portal();
    conflicting.rival = Some(crate::link::facts::Rival { visible_name: None });
    conflicting.visit();
    (conflicting.rival, conflicting.unproved_rival) = (None, true);
    conflicting.wait(5 * MINUTE);
    let (_, trace) = conflicting.visit();
    assert_eq!((conflicting.ready_reason().as_str(), trace.writes), ("False/LinkConflict", 0));
}

#[test]
fn a_link_whose_claim_is_contested_is_checked_at_once_and_only_once() {
    let mut world = World::portal();
    world.visit();
    world.restart();
    world.visit();
    world.state.claim_contested = true;
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!(trace.rounds, [Depth::Cheap]);
    assert!(settlement.claim.is_some_and(|claim| claim.proved));
    assert!(!world.state.claim_contested);
    assert_eq!(world.visit().1.rounds, []);
}

#[test]
fn petras_link_of_another_company_or_site_is_not_linked() {
    type Change = fn(&mut RemoteLink);
    let changes: [(&str, Change); 4] = [
        ("company", |link| link.company = Some("bolt".parse().expect("a company"))),
        ("no company", |link| link.company = None),
        ("site", |link| link.site = Some(host("api-eu.myconnectwise.net"))),
        ("no site", |link| link.site = None),
    ];
    for (what, change) in changes {
        let mut world = World::ready();
        change(world.petra.values_mut().next().expect("a link"));
        let (settlement, trace) = world.visit();
        assert_eq!((settlement.held, trace.puts), (Some(HeldCause::Debounce), 0), "{what}");
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "False/LinkConflict", "{what}");
        let message = &world.status.conditions[0].message;
        assert!(message.contains("another company or site"), "{message}");

        let mut new = World::new();
        new.visit();
        new.confirm();
        change(new.petra.values_mut().next().expect("a link"));
        new.visit();
        assert_eq!(new.ready_reason(), "False/LinkConflict", "{what}");
    }
}

#[test]
fn a_site_that_was_edited_behind_a_cleared_record_gets_a_link_of_its_own() {
    let mut world = World::ready();
    let former = only(&world);
    world.status.link = None;
    world.edit(|spec| spec.site_url = "eu.myconnectwise.net".to_owned());
    world.tenancy = in_europe();
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/Pending", "Unknown/AwaitingConfirmation"]);
    let own = LinkId::derive("acme", "api-eu.myconnectwise.net");
    assert_eq!(world.petra[&own].site, Some(host("api-eu.myconnectwise.net")));
    world.confirm();
    world.visit();
    assert_eq!((world.ready_reason().as_str(), only(&world)), ("True/Linked", own), "{former} is a leftover");
}

#[test]
fn a_recorded_link_keeps_its_id_when_companyinfo_names_another_host() {
    let mut world = World::ready();
    let own = only(&world);
    world.tenancy = in_europe();
    for _ in 0..2 {
        world.wait(24 * 60 * MINUTE);
        world.visit();
        assert_eq!((world.ready_reason().as_str(), only(&world)), ("True/Linked", own.clone()));
    }
    world.restart();
    world.petra_answered = true;
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes, trace.puts), (0, 0, 0));
}

/// `connectwise` is the login company, and companyinfo calls it `CW`.
fn with_another_name(mut world: World) -> World {
    let tenant = Tenant::of_test("CW", "api-na.myconnectwise.net", "v2025_1/");
    world.tenancy.company = CompanyAnswer::Found(tenant);
    world
}

#[test]
fn a_company_with_another_canonical_name_keeps_id_and_token_over_a_restart() {
    let id = LinkId::derive("cw", "api-na.myconnectwise.net");
    let mut world = with_another_name(World::new());
    world.visit();
    world.confirm();
    world.visit();
    assert_eq!((only(&world), world.ready_reason().as_str()), (id.clone(), "True/Linked"));

    let mut late = with_another_name(World::new());
    late.petra_fault = Some(PetraFault::Unavailable);
    late.visit();
    late.restart();
    late.petra_fault = None;
    late.visit();
    assert_eq!(only(&late), id, "registered after a restart");

    let mut portal = with_another_name(World::portal());
    portal.visit();
    let asked = portal.status.conditions[0].message.clone();
    portal.restart();
    assert_eq!(portal.visit().1.writes, 0);
    portal.edit(|spec| spec.interval = Some("1h".to_owned()));
    assert_eq!(portal.visit().1.rounds, [Depth::Cheap]);
    assert_eq!(portal.status.conditions[0].message, asked, "the same token");
}

#[test]
fn a_second_link_of_a_company_is_a_conflict_whatever_its_id() {
    let beside = Owner::new("here", "team", "other");
    for (owner, holder) in [
        (None, "A person created it in Petra's portal. Open https://app.petrasecurity.com/settings"),
        (Some(beside.clone()), "ConnectWiseLink \"other\" in this namespace holds it."),
        (Some(Owner::new("here", "elsewhere", "acme")), "Another owner holds it."),
        (Some(Owner::new("there", "team", "acme")), "Another owner holds it."),
    ] {
        let (mut world, id) = linked_elsewhere(owner);
        let (settlement, trace) = world.visit();
        assert_eq!((world.ready_reason().as_str(), trace.puts), ("False/LinkConflict", 1));
        assert_eq!(world.shown(ConditionType::Registered), "False/LinkConflict");
        assert!(
            world.status.conditions[0].message.contains(holder),
            "{}",
            world.status.conditions[0].message
        );
        assert_eq!((only(&world), settlement.claim.map(|claim| claim.id)), (id.clone(), Some(id)));
        assert_eq!(world.visit().1.puts, 0, "not at every visit");
    }

    let (mut world, id) = linked_elsewhere(Some(beside.clone()));
    world.spec.deletion_policy = Some(crate::crd::DeletionPolicy::Unlink);
    world.spec.registration = Some(RegistrationSpec {
        adopt_from: Some(beside.as_str().to_owned()),
        ..RegistrationSpec::default()
    });
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/AwaitingConfirmation");
    assert_eq!(world.petra[&id].owner, Some(World::owner()), "taken over under the id that it has");
    world.confirm();
    world.visit();
    assert_eq!((world.ready_reason().as_str(), only(&world)), ("True/Linked", id));
}

#[test]
fn a_second_link_of_the_same_owner_makes_room_by_the_deletion_policy() {
    let own = LinkId::of(&tenant());
    for (policy, told) in [
        (crate::crd::DeletionPolicy::Unlink, "Unknown/AwaitingConfirmation"),
        (crate::crd::DeletionPolicy::Orphan, "False/LinkConflict"),
    ] {
        let (mut world, former) = linked_elsewhere(Some(World::owner()));
        world.petra.get_mut(&former).expect("there").site = Some(host("psa.example.com"));
        world.spec.deletion_policy = Some(policy);
        world.visit();
        assert_eq!(world.ready_reason(), told);
        assert_eq!(only(&world), if told.starts_with("False") { former } else { own.clone() });
    }
    let (mut world, former) = linked_by_namesake();
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.deletes), ("False/LinkConflict", 0));
    assert_eq!(only(&world), former, "an earlier resource's link is not this one's to delete");
    let message = &world.status.conditions[0].message;
    assert!(message.contains("An earlier resource of this name left it."), "{message}");
}

#[test]
fn a_lost_finalizer_is_the_only_way_out_of_api_for_who_writes_status() {
    let mut world = World::ready();
    world.status.link.as_mut().expect("a record").mode = Some(crate::crd::RegistrationMode::Portal);
    let (_, trace) = world.visit();
    assert_eq!((trace.deletes, world.petra.len()), (0, 1), "the finalizer says that it is registered by Api");
    world.write_secret(SecretIs::Keys { public: "one", revision: 0 });
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}
