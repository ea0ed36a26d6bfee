//! Rows that Petra's answers decide.

use std::time::Duration;

use super::{Arrangement, foreign_link};
use crate::crd::{DeletionPolicy, RegistrationSpec};
use crate::kubernetes::{LinkWrite, RefusedBy, WriteRefusal};
use crate::link::decide::tests::world::World;
use crate::link::facts::Rival;
use crate::petra::{Owner, OwnerUid, PetraFault, RemoteState};

pub(super) const ROWS: &[Arrangement] = &[
    ("nothing conclusive from Petra", || {
        let mut world = World::new();
        world.petra_fault = Some(PetraFault::Unavailable);
        world
    }),
    ("Petra refuses the operator's key", || {
        let mut world = World::new();
        world.petra_fault = Some(PetraFault::KeyRejected);
        world
    }),
    ("link held by another owner", || foreign_link(Some(Owner::new("elsewhere", "team", "acme")))),
    ("link taken over by a copy of this resource", || {
        let mut world = World::ready();
        for link in world.petra.values_mut() {
            link.owner_uid = OwnerUid::parse("copy");
        }
        world.visit();
        world.wait(Duration::from_secs(61));
        world
    }),
    ("link made by hand", || foreign_link(None)),
    ("link made by hand, adopted", || {
        let mut world = foreign_link(None);
        world.spec.deletion_policy = Some(DeletionPolicy::Unlink);
        world.spec.registration =
            Some(RegistrationSpec { adopt_from: Some("unowned".to_owned()), ..RegistrationSpec::default() });
        world
    }),
    ("Portal, another resource comes first", || {
        let mut world = World::portal();
        world.rival = Some(Rival { visible_name: None });
        world
    }),
    ("Portal, not acknowledged", World::portal),
    ("the cluster refuses the finalizer", || {
        let mut world = World::new();
        let write = LinkWrite::Finalizer;
        world.refuses = Some(WriteRefusal { write, by: RefusedBy::Rights });
        world
    }),
    ("Petra's server has no such route", || {
        let mut world = World::new();
        world.petra_fault = Some(PetraFault::NoContract);
        world
    }),
    ("Petra took the PUT", World::new),
    ("confirmed for this credentials version", || {
        let mut world = World::new();
        world.visit();
        world.confirm();
        world
    }),
    ("acknowledged", || {
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
    ("Petra says failed", || {
        let mut world = World::new();
        world.visit();
        world.set_remote(RemoteState::Failed);
        world
    }),
    ("Petra answers 422", || {
        let mut world = World::new();
        world.petra_refuses = true;
        world
    }),
    ("not confirmed after ten minutes with answered polls", || {
        let mut world = World::new();
        world.visit();
        world.wait(Duration::from_mins(10));
        world
    }),
    ("link gone at Petra, for sure, and the PUT is not answered", || {
        let mut world = World::ready();
        world.petra.clear();
        world.visit();
        world.wait(Duration::from_secs(61));
        world
    }),
];
