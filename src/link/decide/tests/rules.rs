//! One rule a test: hold, debounce, fleet, the three kinds of change, clocks, restart, rotation, deletion.

mod authority;
mod change;
mod claim;
mod confirmation;
mod copies;
mod deletion;
mod fleet;
mod ownership;
mod petra;
mod refused;
mod rejection;
mod restart;
mod timetable;
mod unjudged;
mod unsupported;
mod verdict;

use std::time::Duration;

use super::world::{Tenancy, World};
use crate::connectwise::{
    Action, Actual, CompanyId, Inconclusive, Level, Line, Permissions, PermissionsAnswer, Required,
};
use crate::petra::{LinkId, Owner, OwnerUid, RemoteLink, RemoteState, Version};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

pub(super) fn outage() -> Tenancy {
    Tenancy::out(Inconclusive::Unavailable)
}

/// Lets the link wait as long as it asked to, and visits it.
pub(super) fn wait_and_visit(world: &mut World) -> super::world::Trace {
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("it looks again"));
    world.visit().1
}

pub(super) fn lacking(function: &str) -> Tenancy {
    let line = Line {
        module: "Service Desk".to_owned(),
        function: function.to_owned(),
        action: Action::Edit,
        required: Required::Level(Level::All),
        actual: Actual::Level(Level::None),
    };
    let permissions = Permissions { missing: vec![line], ..Permissions::default() };
    Tenancy { permissions: PermissionsAnswer::Judged(permissions), ..Tenancy::good() }
}

pub(super) fn place(world: &mut World, id: &str, company: &str, owner: Option<Owner>) {
    let id = LinkId::parse(id).expect("an id");
    let link = RemoteLink {
        id: id.clone(),
        company: CompanyId::parse(company).ok(),
        owner_uid: owner.as_ref().filter(|owner| **owner == World::owner()).map(|_| World::uid()),
        site: "api-na.myconnectwise.net".parse().ok(),
        owner,
        state: RemoteState::Connected,
        refusal: None,
        credentials_version: None,
        version: Version::parse("x").expect("a version"),
        confirmed_at: None,
    };
    world.petra.insert(id, link);
}

/// Petra has a link of the company already, under the id of another name of its site.
pub(super) fn linked_elsewhere(owner: Option<Owner>) -> (World, LinkId) {
    let mut world = World::new();
    let id = LinkId::derive("acme", "api-mycompany.example.com");
    place(&mut world, id.as_str(), "acme", owner);
    (world, id)
}

/// The same, where an earlier resource of the same name left that link, with a site that is not today's.
pub(super) fn linked_by_namesake() -> (World, LinkId) {
    let (mut world, id) = linked_elsewhere(Some(World::owner()));
    let link = world.petra.get_mut(&id).expect("just placed");
    (link.site, link.owner_uid) = ("psa.example.com".parse().ok(), OwnerUid::parse("earlier"));
    world.spec.deletion_policy = Some(crate::crd::DeletionPolicy::Unlink);
    (world, id)
}
