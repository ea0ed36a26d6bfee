//! Rows that decide before anybody outside is asked: deletion, suspend, spec, Secret.

use std::time::Duration;

use super::{Arrangement, with_tenancy};
use crate::connectwise::CompanyAnswer;
use crate::crd::{RegistrationMode, RegistrationSpec};
use crate::link::decide::tests::world::{SecretIs, Tenancy, World, at};
use crate::petra::PetraFault;

pub(super) const ROWS: &[Arrangement] = &[
    ("deleting, held up under two minutes", || {
        let mut world = World::ready();
        world.deleting = Some(world.now.wall);
        world.petra_fault = Some(PetraFault::Unavailable);
        world
    }),
    ("deleting, held up longer", || {
        let mut world = World::ready();
        world.deleting = Some(at(world.now.wall.as_second() - 121));
        world.petra_fault = Some(PetraFault::Unavailable);
        world
    }),
    ("suspended, verdict there", || {
        let mut world = World::ready();
        world.edit(|spec| spec.suspend = Some(true));
        world
    }),
    ("suspended, a verdict that stalls is kept with Stalled", || {
        let mut world = with_tenancy(Tenancy::refusing());
        world.visit();
        world.edit(|spec| spec.suspend = Some(true));
        world
    }),
    ("suspended, no verdict for these inputs", || {
        let mut world = World::new();
        world.spec.suspend = Some(true);
        world
    }),
    ("suspended together with an input change", || {
        let mut world = World::ready();
        world.edit(|spec| {
            spec.suspend = Some(true);
            spec.permission_profile = Some("TicketingV2".to_owned());
        });
        world
    }),
    ("profile not known", || {
        let mut world = World::new();
        world.spec.permission_profile = Some("Nobody".to_owned());
        world
    }),
    ("siteUrl not readable", || {
        let mut world = World::new();
        world.spec.site_url = "http://na.myconnectwise.net".to_owned();
        world
    }),
    ("Api without a Petra URL", || {
        let mut world = World::portal();
        world.spec.registration =
            Some(RegistrationSpec { mode: Some(RegistrationMode::Api), ..RegistrationSpec::default() });
        world
    }),
    ("site not allowed here", || {
        let mut world = World::new();
        world.spec.site_url = "psa.elsewhere.example".to_owned();
        world
    }),
    ("companyinfo names a host that is not allowed here", || {
        with_tenancy(Tenancy { company: CompanyAnswer::HostNotAllowed, ..Tenancy::good() })
    }),
    ("company not allowed here", || {
        let mut world = World::new();
        world.config.companies = Some(std::collections::BTreeSet::new());
        world
    }),
    ("the host resolves to a private address", || {
        with_tenancy(Tenancy { company: CompanyAnswer::PrivateAddress, ..Tenancy::good() })
    }),
    ("the operator may not read the Secret", || {
        let mut world = World::new();
        world.secret = SecretIs::Forbidden;
        world
    }),
    ("Secret absent, under five minutes", || {
        let mut world = World::new();
        world.secret = SecretIs::Absent;
        world
    }),
    ("Secret absent, longer", || {
        let mut world = World::new();
        world.secret = SecretIs::Absent;
        world.visit();
        world.wait(Duration::from_mins(5));
        world
    }),
    ("a key absent", || {
        let mut world = World::new();
        world.secret = SecretIs::Invalid;
        world
    }),
];
