//! Rows that ConnectWise's answers decide.

use std::time::Duration;

use super::{Arrangement, judged, missing, unknown, with_board, with_tenancy};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Inconclusive, Level, MemberAnswer, PermissionsAnswer, Required,
};
use crate::link::decide::tests::world::{Tenancy, World};
use crate::petra::PetraFault;

fn out_for_five_minutes(why: Inconclusive) -> World {
    let mut world = with_tenancy(Tenancy::out(why));
    world.visit();
    world.wait(Duration::from_mins(5));
    world
}

pub(super) const ROWS: &[Arrangement] = &[
    ("responds, but not as a ConnectWise server", || {
        with_tenancy(Tenancy { company: CompanyAnswer::NotConnectWise, ..Tenancy::good() })
    }),
    ("five minutes of NXDOMAIN, no verdict yet", || out_for_five_minutes(Inconclusive::NoSuchName)),
    ("five minutes of a bad certificate, no verdict yet", || {
        out_for_five_minutes(Inconclusive::BadCertificate)
    }),
    ("a bad certificate for a shorter time", || with_tenancy(Tenancy::out(Inconclusive::BadCertificate))),
    ("company unknown to the site", || {
        with_tenancy(Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() })
    }),
    ("401 on the tenant's own codebase", || with_tenancy(Tenancy::refusing())),
    ("member inactive", || with_tenancy(Tenancy { member: MemberAnswer::Inactive, ..Tenancy::good() })),
    ("a permission missing for sure", || with_tenancy(judged(missing()))),
    ("board unknown", || with_board(BoardAnswer::NotFound)),
    ("board inactive", || with_board(BoardAnswer::Inactive)),
    ("board hidden from the member", || with_board(BoardAnswer::Hidden)),
    ("board without default team", || with_board(BoardAnswer::NoDefaultTeam)),
    ("some Allow list items cannot be verified", || with_tenancy(judged(unknown(Required::Allowed)))),
    ("some function line cannot be verified", || with_tenancy(judged(unknown(Required::Level(Level::All))))),
    ("was Ready, no conclusive round for too long", || {
        let mut world = World::ready();
        world.tenancy = Tenancy::out(Inconclusive::Unavailable);
        world.wait(Duration::from_mins(90));
        world
    }),
    ("was Ready, only Petra out for too long", || {
        let mut world = World::ready();
        world.petra_fault = Some(PetraFault::Unavailable);
        world.wait(Duration::from_mins(90));
        world
    }),
    ("nothing conclusive from ConnectWise, no verdict yet", || {
        with_tenancy(Tenancy::out(Inconclusive::Unavailable))
    }),
    ("an outage in the middle of the round, after the keys were accepted", || {
        with_tenancy(Tenancy {
            permissions: PermissionsAnswer::Inconclusive(Inconclusive::Unavailable),
            ..Tenancy::good()
        })
    }),
    ("asked to slow down, no verdict yet", || with_tenancy(Tenancy::out(Inconclusive::RateLimited(None)))),
];
