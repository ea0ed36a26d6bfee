//! Rows that ConnectWise's answers decide.

use std::time::Duration;

use super::{
    ACCEPTED, Case, GRANTED, NOT_JUDGED, PENDING, judged, missing, unknown, with_board, with_tenancy,
};
use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Inconclusive, Level, MemberAnswer, PermissionsAnswer, Required,
};
use crate::link::decide::tests::world::{Tenancy, World};

pub(super) const ROWS: &[Case] = &[
    (
        "answers, but is no ConnectWise",
        ["False/SiteInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        || with_tenancy(Tenancy { company: CompanyAnswer::NotConnectWise, ..Tenancy::good() }),
    ),
    (
        "five minutes of NXDOMAIN, no verdict yet",
        ["False/SiteUnreachable", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        || {
            let mut world = with_tenancy(Tenancy::out(Inconclusive::NoSuchName));
            world.visit();
            world.wait(Duration::from_mins(5));
            world
        },
    ),
    (
        "a bad certificate for a shorter time",
        ["Unknown/ConnectWiseUnavailable", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        || with_tenancy(Tenancy::out(Inconclusive::BadCertificate)),
    ),
    (
        "company unknown to the site",
        ["False/CompanyUnknown", "True/CompanyUnknown", NOT_JUDGED, PENDING, "Stalled"],
        || with_tenancy(Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() }),
    ),
    (
        "401 on the tenant's own codebase",
        ["False/CredentialsRejected", "True/CredentialsRejected", NOT_JUDGED, PENDING, "Stalled"],
        || with_tenancy(Tenancy::refusing()),
    ),
    (
        "member inactive",
        ["False/MemberInactive", ACCEPTED, "True/MemberInactive", PENDING, "Stalled"],
        || with_tenancy(Tenancy { member: MemberAnswer::Inactive, ..Tenancy::good() }),
    ),
    (
        "a permission missing for sure",
        ["False/PermissionsMissing", ACCEPTED, "True/PermissionsMissing", PENDING, "Stalled"],
        || with_tenancy(judged(missing())),
    ),
    ("board unknown", ["False/ServiceBoardNotReady", ACCEPTED, GRANTED, PENDING, "Stalled"], || {
        with_board(BoardAnswer::NotFound)
    }),
    (
        "board without default team",
        ["False/ServiceBoardNotReady", ACCEPTED, GRANTED, PENDING, "Stalled"],
        || with_board(BoardAnswer::NoDefaultTeam),
    ),
    (
        "some allow-list items cannot be told",
        [
            "Unknown/AwaitingConfirmation",
            ACCEPTED,
            "False/GrantedAsFarAsVisible",
            "Unknown/AwaitingConfirmation",
            "Reconciling",
        ],
        || with_tenancy(judged(unknown(Required::Allowed))),
    ),
    (
        "some function line cannot be told",
        [
            "Unknown/AwaitingConfirmation",
            ACCEPTED,
            "Unknown/NotVerifiable",
            "Unknown/AwaitingConfirmation",
            "Reconciling",
        ],
        || with_tenancy(judged(unknown(Required::Level(Level::All)))),
    ),
    (
        "was Ready, no conclusive round for too long",
        [
            "Unknown/ValidationStale",
            "Unknown/ValidationStale",
            "Unknown/ValidationStale",
            "True/Confirmed",
            "Reconciling",
        ],
        || {
            let mut world = World::ready();
            world.tenancy = Tenancy::out(Inconclusive::Unavailable);
            world.wait(Duration::from_mins(90));
            world
        },
    ),
    (
        "nothing conclusive from ConnectWise, no verdict yet",
        ["Unknown/ConnectWiseUnavailable", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        || with_tenancy(Tenancy::out(Inconclusive::Unavailable)),
    ),
    (
        "an outage in the middle of the round: the keys stand on their own evidence",
        ["Unknown/ConnectWiseUnavailable", ACCEPTED, NOT_JUDGED, PENDING, "Reconciling"],
        || {
            with_tenancy(Tenancy {
                permissions: PermissionsAnswer::Inconclusive(Inconclusive::Unavailable),
                ..Tenancy::good()
            })
        },
    ),
    (
        "asked to slow down, no verdict yet",
        ["Unknown/RateLimited", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        || with_tenancy(Tenancy::out(Inconclusive::RateLimited(None))),
    ),
];
