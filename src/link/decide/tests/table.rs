//! The condition table of the design, a row a case: what is arranged, and what a person reads. In the design's order of
//! precedence: [`early`], [`connectwise`], [`petra`].

mod connectwise;
mod early;
mod petra;

use super::world::{Tenancy, World};
use crate::connectwise::{
    Action, Actual, BoardAnswer, CompanyId, Level, Line, Permissions, PermissionsAnswer, Required,
};
use crate::petra::{LinkId, Owner, RemoteLink, RemoteState, Version};

pub(super) fn line(function: &str, required: Required, actual: Actual) -> Line {
    Line {
        module: "Service Desk".to_owned(),
        function: function.to_owned(),
        action: if required == Required::Allowed { Action::Customize } else { Action::Inquire },
        required,
        actual,
    }
}

pub(super) fn missing() -> Permissions {
    let line = line("Service Tickets", Required::Level(Level::All), Actual::Level(Level::My));
    Permissions { missing: vec![line], ..Permissions::default() }
}

fn unknown(required: Required) -> Permissions {
    Permissions {
        unknown: vec![line("Table Setup / Service / Source", required, Actual::Unknown)],
        ..Permissions::default()
    }
}

pub(super) fn judged(permissions: Permissions) -> Tenancy {
    Tenancy { permissions: PermissionsAnswer::Judged(permissions), ..Tenancy::good() }
}

pub(super) fn with_board(board: BoardAnswer) -> World {
    let mut world = World::new();
    world.spec.service_board = Some("Help Desk".to_owned());
    world.tenancy.board = board;
    world
}

pub(super) fn with_tenancy(tenancy: Tenancy) -> World {
    let mut world = World::new();
    world.tenancy = tenancy;
    world
}

pub(super) fn foreign_link(owner: Option<Owner>) -> World {
    let mut world = World::new();
    let tenant = super::world::tenant();
    let id = LinkId::derive(tenant.canonical_company.as_str(), &tenant.api_host.to_string());
    let link = RemoteLink {
        id: id.clone(),
        company: CompanyId::parse("acme").ok(),
        owner,
        state: RemoteState::Connected,
        credentials_version: None,
        version: Version::parse("foreign").expect("a version"),
        confirmed_at: None,
    };
    world.petra.insert(id, link);
    world
}

/// What is arranged, the five columns of the table, and the arrangement.
pub(super) type Case = (&'static str, [&'static str; 5], fn() -> World);

const ACCEPTED: &str = "False/CredentialsAccepted";
const GRANTED: &str = "False/PermissionsGranted";
const NOT_JUDGED: &str = "Unknown/NotEvaluated";
const PENDING: &str = "Unknown/Pending";

/// The whole table.
pub(super) fn rows() -> impl Iterator<Item = &'static Case> {
    early::ROWS.iter().chain(connectwise::ROWS).chain(petra::ROWS)
}

#[test]
fn every_row_of_the_table_reads_as_the_design_says() {
    for (name, expected, arrange) in rows() {
        let mut world = arrange();
        if name.ends_with("the PUT is not answered") {
            let (_, trace) = world.visit();
            assert_eq!(trace.shown.first().map(String::as_str), Some(expected[0]), "{name}");
            assert_eq!(trace.puts, 1, "{name}");
            continue;
        }
        let (settlement, _) = world.visit();
        assert_eq!(world.row(), *expected, "{name}: {:#?}", settlement.status.conditions);
    }
}

#[test]
fn every_message_fits_and_says_what_to_do() {
    for (name, _, arrange) in rows() {
        let mut world = arrange();
        world.visit();
        for condition in &world.status.conditions {
            assert!(
                condition.message.len() <= crate::link::message::MAX_BYTES,
                "{name}: {}",
                condition.message
            );
            assert!(!condition.message.is_empty(), "{name}: {} has no message", condition.type_);
        }
    }
}

#[test]
fn the_same_world_settles_once_and_then_writes_nothing() {
    for (name, _, arrange) in rows() {
        let mut world = arrange();
        world.visit();
        if world.gone {
            continue;
        }
        let (_, again) = world.visit();
        assert_eq!(again.writes, 0, "{name}: {:?}", again.shown);
        assert_eq!((again.puts, again.deletes, again.rounds.len()), (0, 0, 0), "{name}");
    }
}
