//! The condition table of the design, read from `tests/data/condition-rows.md`, and what is arranged for each row. In the
//! design's order of precedence: [`early`], [`connectwise`], [`petra`].

#[path = "../../../../tests/data/condition_rows.rs"]
mod condition_rows;
mod connectwise;
mod early;
mod petra;

use std::collections::BTreeMap;

use super::world::{Tenancy, World};
use crate::connectwise::{
    Action, Actual, BoardAnswer, CompanyId, Level, Line, Permissions, PermissionsAnswer, Required,
};
use crate::petra::{LinkId, Owner, RemoteLink, RemoteState, Version};
use condition_rows::{assert_each_row_is_arranged_once, condition_rows};

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
    let id = LinkId::of(&tenant);
    let link = RemoteLink {
        id: id.clone(),
        company: CompanyId::parse("acme").ok(),
        site: Some(tenant.api_host),
        owner,
        owner_uid: None,
        refusal: None,
        state: RemoteState::Connected,
        credentials_version: None,
        version: Version::parse("foreign").expect("a version"),
        confirmed_at: None,
    };
    world.petra.insert(id, link);
    world
}

/// The name of a row in `tests/data/condition-rows.md`, and what is arranged for it.
type Arrangement = (&'static str, fn() -> World);

/// Rows that are not arranged here: why not, and where the situation is tested.
const NOT_ARRANGED: &[(&str, &str)] = &[
    ("a key empty", KEYS),
    ("a key that is not text", KEYS),
    ("a key with a line break inside", KEYS),
    ("a public key with a colon", KEYS),
    ("a key too long", KEYS),
    ("inputs without a verdict, first round running for long", CHECKING),
    ("some function line cannot be verified: empty list", PERMISSIONS),
    ("some function line cannot be verified: not listed", PERMISSIONS),
];

const KEYS: &str = "the same facts as \"a key absent\": src/connectwise/keys.rs";
const CHECKING: &str = "shown while a visit goes on, not after it: src/link/decide/tests/messages.rs";
const PERMISSIONS: &str =
    "the same facts as \"some function line cannot be verified\": src/connectwise/permissions/tests.rs";

fn arrangements() -> impl Iterator<Item = &'static Arrangement> {
    early::ROWS.iter().chain(connectwise::ROWS).chain(petra::ROWS)
}

/// The whole table: name, the five columns, and what is arranged.
pub(super) fn rows() -> impl Iterator<Item = (&'static str, [&'static str; 5], fn() -> World)> {
    // The rules get a judgement without an Allow list.
    let columns: BTreeMap<_, _> = condition_rows("False/PermissionsGranted").into_iter().collect();
    arrangements().filter_map(move |(name, arrange)| Some((*name, *columns.get(name)?, *arrange)))
}

#[test]
fn every_row_of_the_data_file_is_arranged_or_says_why_not() {
    let arranged = arrangements().map(|(name, _)| *name).chain(NOT_ARRANGED.iter().map(|(name, _)| *name));
    assert_each_row_is_arranged_once(arranged, "src/link/decide/tests/table");
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
        assert_eq!(world.row(), expected, "{name}: {:#?}", settlement.status.conditions);
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
