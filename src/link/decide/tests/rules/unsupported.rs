//! A Petra server without the link API.

use super::super::world::World;
use super::MINUTE;
use crate::crd::{ConditionType, RegistrationMode, RegistrationSpec};
use crate::petra::PetraFault;

fn unsupported() -> World {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::NoContract);
    world.petra_answered = false;
    world.visit();
    assert_eq!(world.ready_reason(), "False/RegistrationUnsupported");
    world
}

#[test]
fn from_portal_to_api_at_todays_petra_is_unsupported_and_no_outage() {
    let mut world = World::portal();
    let (settlement, _) = world.visit();
    let message = &settlement.status.conditions[0].message;
    let token = message.rsplit(' ').next().expect("a token").to_owned();
    world.edit(|spec| {
        spec.registration =
            Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
    });
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");

    world.config.petra_configured = true;
    world.petra_fault = Some(PetraFault::NoContract);
    world.petra_answered = false;
    let to =
        |mode| move |spec: &mut crate::crd::LinkSpec| spec.registration.as_mut().expect("there").mode = mode;
    world.edit(to(Some(RegistrationMode::Api)));
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("False/RegistrationUnsupported", 0));

    world.edit(to(Some(RegistrationMode::Portal)));
    world.wait(MINUTE);
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked", "the way back needs no other acknowledgement");
}

#[test]
fn a_link_is_registered_as_soon_as_the_list_says_that_the_server_can() {
    let mut world = unsupported();
    for _ in 0..30 {
        world.wait(MINUTE);
        let (settlement, _) = world.visit();
        assert!(settlement.awaits_petra, "the shared poll looks for it often");
    }
    world.petra_fault = None;
    world.petra_answered = true;
    let (_, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("Unknown/AwaitingConfirmation", 1));
}

#[test]
fn a_link_that_the_server_cannot_register_does_not_ask_by_itself_at_each_visit() {
    let mut world = unsupported();
    let (_, trace) = world.visit();
    assert_eq!((trace.petra_reads, trace.writes), (0, 0));
    assert_eq!(world.shown(ConditionType::Registered), "False/RegistrationUnsupported");
}
