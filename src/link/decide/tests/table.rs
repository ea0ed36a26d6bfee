//! The condition table of the design, a row a case: what is arranged, and what a person reads.

use super::world::{SecretIs, Tenancy, World, at};
use crate::connectwise::{
    Action, Actual, BoardAnswer, CompanyAnswer, CompanyId, Inconclusive, Level, Line, MemberAnswer,
    Permissions, PermissionsAnswer, Required,
};
use crate::crd::{DeletionPolicy, RegistrationMode, RegistrationSpec};
use crate::link::seen::Rival;
use crate::petra::{LinkId, Owner, PetraFault, RemoteLink, RemoteState, Version};
use std::time::Duration;

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

pub(super) const ROWS: &[Case] = &[
    (
        "deleting, held up under two minutes",
        ["False/Deleting", ACCEPTED, GRANTED, "True/Confirmed", "Reconciling"],
        || {
            let mut world = World::ready();
            world.deleting = Some(world.now.wall);
            world.petra_fault = Some(PetraFault::Unavailable);
            world
        },
    ),
    (
        "deleting, held up longer",
        ["False/DeletionBlocked", ACCEPTED, GRANTED, "True/Confirmed", "Reconciling"],
        || {
            let mut world = World::ready();
            world.deleting = Some(at(world.now.wall.as_second() - 121));
            world.petra_fault = Some(PetraFault::Unavailable);
            world
        },
    ),
    ("suspended, verdict there", ["True/Linked", ACCEPTED, GRANTED, "True/Confirmed", "-"], || {
        let mut world = World::ready();
        world.edit(|spec| spec.suspend = Some(true));
        world
    }),
    (
        "suspended, a verdict that stalls is kept with Stalled",
        ["False/CredentialsRejected", "True/CredentialsRejected", NOT_JUDGED, PENDING, "Stalled"],
        || {
            let mut world = with_tenancy(Tenancy::refusing());
            world.visit();
            world.edit(|spec| spec.suspend = Some(true));
            world
        },
    ),
    (
        "suspended, no verdict for these inputs",
        ["Unknown/Suspended", "Unknown/Suspended", "Unknown/Suspended", PENDING, "-"],
        || {
            let mut world = World::new();
            world.spec.suspend = Some(true);
            world
        },
    ),
    (
        "suspended together with an input change",
        ["Unknown/Suspended", "Unknown/Suspended", "Unknown/Suspended", "True/Confirmed", "-"],
        || {
            let mut world = World::ready();
            world.edit(|spec| {
                spec.suspend = Some(true);
                spec.permission_profile = Some("TicketingV2".to_owned());
            });
            world
        },
    ),
    ("profile not known", ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::new();
        world.spec.permission_profile = Some("Nobody".to_owned());
        world
    }),
    ("siteUrl not readable", ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::new();
        world.spec.site_url = "http://na.myconnectwise.net".to_owned();
        world
    }),
    ("Api without a Petra URL", ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::portal();
        world.spec.registration =
            Some(RegistrationSpec { mode: Some(RegistrationMode::Api), ..RegistrationSpec::default() });
        world
    }),
    ("site not allowed here", ["False/SiteNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::new();
        world.spec.site_url = "psa.elsewhere.example".to_owned();
        world
    }),
    (
        "company not allowed here",
        ["False/CompanyNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        || {
            let mut world = World::new();
            world.rules.companies = Some(std::collections::BTreeSet::new());
            world
        },
    ),
    (
        "the host resolves to a private address",
        ["False/SiteNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        || with_tenancy(Tenancy { company: CompanyAnswer::PrivateAddress, ..Tenancy::good() }),
    ),
    (
        "the operator may not read the Secret",
        ["Unknown/SecretForbidden", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        || {
            let mut world = World::new();
            world.secret = SecretIs::Forbidden;
            world
        },
    ),
    (
        "Secret absent, under five minutes",
        ["Unknown/WaitingForSecret", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        || {
            let mut world = World::new();
            world.secret = SecretIs::Absent;
            world
        },
    ),
    ("Secret absent, longer", ["False/SecretNotFound", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::new();
        world.secret = SecretIs::Absent;
        world.visit();
        world.wait(Duration::from_mins(5));
        world
    }),
    ("a key absent", ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"], || {
        let mut world = World::new();
        world.secret = SecretIs::Invalid;
        world
    }),
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

#[test]
fn every_row_of_the_table_reads_as_the_design_says() {
    for (name, expected, arrange) in ROWS {
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
    for (name, _, arrange) in ROWS {
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
    for (name, _, arrange) in ROWS {
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
