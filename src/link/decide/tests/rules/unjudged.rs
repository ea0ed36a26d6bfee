//! Inputs that nobody judged: the status never says Ready for them, whatever stands in the way of judging them.

use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, outage};
use crate::connectwise::Depth;
use crate::crd::{ConditionType, LinkSpec};
use crate::petra::PetraFault;

type Edit = fn(&mut LinkSpec);

#[test]
fn a_suspended_link_with_an_unusable_spec_keeps_no_verdict() {
    let edits: [(&str, Edit); 4] = [
        ("a profile that nobody knows", |spec| spec.permission_profile = Some("Nobodys".to_owned())),
        ("another board, and an interval", |spec| {
            spec.service_board = Some("Help Desk".to_owned());
            spec.interval = Some("1d".to_owned());
        }),
        ("no Secret's name", |spec| spec.credentials_secret_ref.name = "../keys".to_owned()),
        ("no host", |spec| spec.site_url = "http://na.myconnectwise.net".to_owned()),
    ];
    for (what, edit) in edits {
        let mut world = World::ready();
        world.edit(|spec| {
            edit(spec);
            spec.suspend = Some(true);
        });
        let (_, trace) = world.visit();
        assert_eq!((world.ready_reason().as_str(), trace.rounds.len()), ("Unknown/Suspended", 0), "{what}");
        assert_eq!(world.shown(ConditionType::AuthFailed), "Unknown/Suspended", "{what}");
    }
}

#[test]
fn a_suspended_link_keeps_its_verdict_when_the_operator_lost_its_flags() {
    let mut world = World::ready();
    world.edit(|spec| spec.suspend = Some(true));
    world.visit();
    world.config.petra_configured = false;
    world.restart();
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.writes), ("True/Linked", 0));
}

#[test]
fn another_secret_that_cannot_be_read_was_never_judged() {
    for watched in [true, false] {
        let mut world = World::ready();
        world.secrets_watched = watched;
        world.secret = SecretIs::Unavailable;
        world.wait(MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked", "the same Secret was judged");
        world.edit(|spec| spec.credentials_secret_ref.name = "other-keys".to_owned());
        world.visit();
        assert_eq!(world.ready_reason(), "Unknown/Pending");
        assert!(world.row()[4].contains("Reconciling"));
        world.secret = SecretIs::Keys { public: "one", revision: 9 };
        world.wait(10 * MINUTE);
        let (_, trace) = world.visit();
        assert_eq!(
            (world.ready_reason().as_str(), trace.rounds.as_slice()),
            ("True/Linked", &[Depth::Full][..])
        );
    }
}

#[test]
fn ready_without_the_inputs_that_it_is_about_is_taken_back() {
    for cleared in [true, false] {
        let mut world = World::ready();
        if cleared {
            world.status.inputs = None;
        } else {
            world.status.inputs.as_mut().expect("inputs").company_id = None;
        }
        world.secret = SecretIs::Unavailable;
        world.visit();
        assert_eq!(world.ready_reason(), "Unknown/Pending", "inputs cleared: {cleared}");
        world.secret = SecretIs::Keys { public: "one", revision: 1 };
        world.wait(10 * MINUTE);
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked");
    }
}

/// A link that passed and has no record: its company and site can still be edited.
fn unregistered() -> World {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/PetraUnavailable");
    assert!(world.status.site.is_some() && world.state.found.is_some());
    world.wait(MINUTE);
    world
}

fn assert_forgotten(world: &World, how: &str) {
    assert_eq!(world.status.site, None, "{how}");
    assert_eq!((world.status.last_validated_time, world.status.last_full_check_time), (None, None), "{how}");
    assert_eq!(world.state.found, None, "{how}");
    assert_eq!(world.state.backoff.looks, 0, "{how}");
    assert_eq!(world.shown(ConditionType::Registered), "Unknown/Pending", "{how}");
}

#[test]
fn an_edit_of_the_site_while_suspended_forgets_the_former_site() {
    let mut world = unregistered();
    world.edit(|spec| {
        spec.suspend = Some(true);
        spec.site_url = "eu.myconnectwise.net".to_owned();
    });
    world.visit();
    assert_forgotten(&world, "at the edit");
    world.edit(|spec| spec.suspend = None);
    world.tenancy = outage();
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/ConnectWiseUnavailable");
    assert_eq!(world.status.site, None);
}

#[test]
fn an_edit_of_the_site_by_way_of_an_invalid_spec_forgets_it_too() {
    let ways: [(&str, Edit); 3] = [
        ("an unreadable site", |spec| spec.site_url = "http://eu.myconnectwise.net".to_owned()),
        ("a site that is not allowed", |spec| spec.site_url = "psa.elsewhere.example".to_owned()),
        ("another company, unreadable", |spec| spec.company_id = "a b".to_owned()),
    ];
    for (how, edit) in ways {
        let mut world = unregistered();
        world.edit(edit);
        world.visit();
        assert_forgotten(&world, how);
    }
    // The site is edited together with what was invalid beside it.
    let mut world = unregistered();
    world.edit(|spec| spec.permission_profile = Some("Nobodys".to_owned()));
    world.visit();
    assert!(world.status.site.is_some(), "the site is as it was");
    world.edit(|spec| {
        spec.permission_profile = None;
        spec.site_url = "eu.myconnectwise.net".to_owned();
    });
    world.secret = SecretIs::Unavailable;
    world.visit();
    assert_eq!((world.status.site.as_ref(), &world.state.found), (None, &None));
    assert_eq!(world.status.last_validated_time, None);
}

#[test]
fn an_invalid_spec_names_no_keys_and_is_no_verdict() {
    let mut world = World::ready();
    world.edit(|spec| spec.permission_profile = Some("Nobodys".to_owned()));
    world.visit();
    let inputs = world.status.inputs.clone().expect("what was judged invalid");
    assert_eq!((inputs.credentials_version, inputs.secret_uid), (None, None));
    assert_eq!(inputs.permission_profile.as_deref(), Some("Nobodys"));
    assert_eq!(world.visit().1.writes, 0);
    world.edit(|spec| spec.suspend = Some(true));
    world.visit();
    assert_eq!(world.ready_reason(), "Unknown/Suspended");
    world.edit(|spec| (spec.suspend, spec.permission_profile) = (None, None));
    world.tenancy = Tenancy::refusing();
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "False/CredentialsRejected");
}

#[test]
fn another_company_is_written_once_before_it_is_asked_about() {
    let mut world = unregistered();
    world.edit(|spec| spec.company_id = "bolt".to_owned());
    let (_, trace) = world.visit();
    assert_eq!((trace.writes, trace.rounds.len()), (2, 1), "{:?}", trace.shown);
    assert_eq!(trace.shown[0], "Unknown/Pending");
}
