//! One rule a test: hold, debounce, fleet, the three kinds of change, clocks, restart, rotation, deletion.

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
mod unsupported;
mod verdict;

use std::time::Duration;

use super::world::{Tenancy, World};
use crate::connectwise::{
    Action, Actual, CompanyId, Inconclusive, Level, Line, Permissions, PermissionsAnswer, Required,
};
use crate::petra::{LinkId, Owner, RemoteLink, RemoteState, Version};

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
        owner,
        state: RemoteState::Connected,
        refusal: None,
        credentials_version: None,
        version: Version::parse("x").expect("a version"),
        confirmed_at: None,
    };
    world.petra.insert(id, link);
}
