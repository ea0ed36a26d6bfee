//! Rows that Petra's answers decide.

use std::time::Duration;

use super::{ACCEPTED, Case, GRANTED, PENDING, foreign_link};
use crate::crd::{DeletionPolicy, RegistrationSpec};
use crate::link::decide::tests::world::World;
use crate::link::facts::Rival;
use crate::petra::{Owner, PetraFault, RemoteState};

pub(super) const ROWS: &[Case] = &[
    (
        "nothing conclusive from Petra",
        ["Unknown/PetraUnavailable", ACCEPTED, GRANTED, PENDING, "Reconciling"],
        || {
            let mut world = World::new();
            world.petra_fault = Some(PetraFault::Unavailable);
            world
        },
    ),
    (
        "Petra refuses the operator's key",
        ["Unknown/PetraKeyRejected", ACCEPTED, GRANTED, PENDING, "Reconciling"],
        || {
            let mut world = World::new();
            world.petra_fault = Some(PetraFault::KeyRejected);
            world
        },
    ),
    (
        "link held by another owner",
        ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"],
        || foreign_link(Some(Owner::new("elsewhere", "team", "acme"))),
    ),
    ("link made by hand", ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"], || {
        foreign_link(None)
    }),
    (
        "link made by hand, adopted",
        ["Unknown/AwaitingConfirmation", ACCEPTED, GRANTED, "Unknown/AwaitingConfirmation", "Reconciling"],
        || {
            let mut world = foreign_link(None);
            world.spec.deletion_policy = Some(DeletionPolicy::Unlink);
            world.spec.registration = Some(RegistrationSpec {
                adopt_from: Some("unowned".to_owned()),
                ..RegistrationSpec::default()
            });
            world
        },
    ),
    (
        "Portal, another resource comes first",
        ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"],
        || {
            let mut world = World::portal();
            world.rival = Some(Rival { visible_name: None });
            world
        },
    ),
    (
        "Portal, not acknowledged",
        ["False/PortalActionRequired", ACCEPTED, GRANTED, "False/PortalActionRequired", "Stalled"],
        World::portal,
    ),
    (
        "Petra's server has no such route",
        ["False/RegistrationUnsupported", ACCEPTED, GRANTED, "False/RegistrationUnsupported", "Stalled"],
        || {
            let mut world = World::new();
            world.petra_fault = Some(PetraFault::NoContract);
            world
        },
    ),
    (
        "Petra took the PUT",
        ["Unknown/AwaitingConfirmation", ACCEPTED, GRANTED, "Unknown/AwaitingConfirmation", "Reconciling"],
        World::new,
    ),
    (
        "confirmed for this credentials version",
        ["True/Linked", ACCEPTED, GRANTED, "True/Confirmed", "-"],
        || {
            let mut world = World::new();
            world.visit();
            world.confirm();
            world
        },
    ),
    ("acknowledged", ["True/Linked", ACCEPTED, GRANTED, "True/Acknowledged", "-"], || {
        let mut world = World::portal();
        let (settlement, _) = world.visit();
        let message = &settlement.status.conditions[0].message;
        let token = message.rsplit(' ').next().expect("a token").to_owned();
        world.edit(|spec| {
            spec.registration =
                Some(RegistrationSpec { acknowledged: Some(token), ..RegistrationSpec::default() });
        });
        world
    }),
    (
        "Petra says failed",
        ["False/RegistrationRejected", ACCEPTED, GRANTED, "False/RegistrationRejected", "Stalled"],
        || {
            let mut world = World::new();
            world.visit();
            world.set_remote(RemoteState::Failed);
            world
        },
    ),
    (
        "Petra answers 422",
        ["False/RegistrationRejected", ACCEPTED, GRANTED, "False/RegistrationRejected", "Stalled"],
        || {
            let mut world = World::new();
            world.petra_refuses = true;
            world
        },
    ),
    (
        "not confirmed after ten minutes with answered polls",
        ["False/ConfirmationTimedOut", ACCEPTED, GRANTED, "Unknown/ConfirmationTimedOut", "Stalled"],
        || {
            let mut world = World::new();
            world.visit();
            world.wait(Duration::from_mins(10));
            world
        },
    ),
    (
        "link gone at Petra, for sure, and the PUT is not answered",
        ["Unknown/RemoteLinkMissing", ACCEPTED, GRANTED, "False/RemoteLinkMissing", "Reconciling"],
        || {
            let mut world = World::ready();
            world.petra.clear();
            world.visit();
            world.wait(Duration::from_secs(61));
            world
        },
    ),
];
