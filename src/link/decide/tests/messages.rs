//! What each reason tells a person, in one snapshot to be read as the ConnectWise administrator would who has never seen
//! Kubernetes: every message says what to click, what to edit, or whom to ask.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rules::{linked_by_namesake, linked_elsewhere};
use super::table::{foreign_link, judged, line, rows, with_board, with_tenancy};
use super::world::{SecretIs, Tenancy, World, at, new_client_id};
use crate::connectwise::{Actual, BoardAnswer, CompanyAnswer, Inconclusive, Level, Permissions, Required};
use crate::crd::{
    ConditionStatus, ConditionType, DeletionPolicy, LinkStatus, Reason, RegistrationMode, RegistrationSpec,
};
use crate::kubernetes::{LinkWrite, RefusedBy, WriteRefusal};
use crate::link::decide::{View, checking};
use crate::link::facts::{Facts, FleetView, Rival};
use crate::petra::{Owner, PetraFault, Refusal, RemoteState};

/// What a person reads: reason, condition, its status and its message.
type Told = (Reason, ConditionType, ConditionStatus, String);

/// Arrangements beyond the rows of the table, each for a text that no row shows.
const FURTHER: &[fn() -> World] = &[
    // Pending: the floor forbids a round right after the last.
    || {
        let mut world = World::ready();
        world.edit(|spec| spec.permission_profile = Some("TicketingV2".to_owned()));
        world
    },
    // Pending: what stood in the way of a round is gone, and the floor forbids the next.
    || {
        let mut world = World::new();
        world.tenancy = Tenancy::refusing();
        world.visit();
        world.secret = SecretIs::Absent;
        world.visit();
        world.write_secret(SecretIs::Keys { public: "one", revision: 0 });
        world
    },
    // Checking: the new keys were refused once.
    rotated_to_refused_keys,
    // SpecInvalid.
    || edited(|world| world.spec.company_id = "a b".to_owned()),
    || edited(|world| world.spec.site_url = "not a host".to_owned()),
    || edited(|world| world.spec.interval = Some("1d".to_owned())),
    // ConnectWiseUnavailable.
    || with_tenancy(Tenancy::out(Inconclusive::NoSuchName)),
    // CredentialsRejected.
    || {
        let mut world = with_tenancy(Tenancy::refusing());
        world.client_id = new_client_id("one");
        world
    },
    || {
        let mut world = rotated_to_refused_keys();
        world.visit();
        world.wait(Duration::from_mins(1));
        world
    },
    // PermissionsMissing, NotVerifiable.
    || {
        with_tenancy(judged(Permissions {
            missing: vec![
                line("Close Service Tickets", Required::Level(Level::All), Actual::Level(Level::None)),
                line("Table Setup / Service / Source", Required::Allowed, Actual::Disallowed),
            ],
            ..Permissions::default()
        }))
    },
    || {
        let boards = "Table Setup / Project / Project Board and Service / Service Board";
        with_tenancy(judged(Permissions {
            missing: vec![line(boards, Required::Allowed, Actual::Disallowed)],
            ..Permissions::default()
        }))
    },
    || {
        with_tenancy(judged(Permissions {
            unknown: vec![
                line("Service Tickets", Required::Level(Level::All), Actual::Unknown),
                line("Table Setup / Service / Source", Required::Allowed, Actual::Unknown),
            ],
            ..Permissions::default()
        }))
    },
    // ServiceBoardNotReady.
    || with_board(BoardAnswer::Refused),
    || with_board(BoardAnswer::SeveralDefaultTeams),
    // RateLimited and PetraUnavailable.
    || edited(|world| world.petra_fault = Some(PetraFault::RateLimited(None))),
    || {
        let mut world = World::ready();
        world.petra_fault = Some(PetraFault::Unavailable);
        world.edit(|spec| spec.registration = Some(mode(RegistrationMode::Portal)));
        world.wait(Duration::from_mins(1));
        world
    },
    // LinkConflict.
    || foreign_link(Some(Owner::new("here", "team", "other"))),
    || {
        let mut world = World::portal();
        world.rival = Some(Rival { visible_name: Some("other".to_owned()) });
        world
    },
    // RegistrationRejected, by each reason of Petra.
    || failing_for(Refusal::CompanyUnknown),
    || failing_for(Refusal::PermissionMissing),
    || failing_for(Refusal::Unreachable),
    || failing_for(Refusal::Unexplained),
    // PortalActionRequired, after a rotation.
    || {
        let mut world = World::portal();
        world.visit();
        let token = ready_message(&world.status).rsplit(' ').next().expect("a token").to_owned();
        world.edit(|spec| {
            let mut registration = mode(RegistrationMode::Portal);
            registration.acknowledged = Some(token);
            spec.registration = Some(registration);
        });
        world.visit();
        world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
        world.wait(Duration::from_mins(1));
        world
    },
    // ValidationStale and ConnectWiseUnavailable, where the operator itself may be the cause.
    || {
        stale(|world| {
            world.fleet = FleetView::Common;
            world.tenancy = Tenancy::refusing();
        })
    },
    || stale(with_another_client_id),
    || stale(|world| world.tenancy.company = CompanyAnswer::PrivateAddress),
    || {
        let mut world = World::ready();
        with_another_client_id(&mut world);
        world.edit(|spec| spec.permission_profile = Some("TicketingV2".to_owned()));
        world.wait(Duration::from_mins(1));
        world
    },
    // LinkConflict: the company is linked under another id, or Petra's link is of another company.
    || linked_elsewhere(None).0,
    || linked_elsewhere(Some(Owner::new("here", "team", "other"))).0,
    || linked_elsewhere(Some(Owner::new("elsewhere", "team", "acme"))).0,
    || {
        let (mut world, id) = linked_elsewhere(Some(World::owner()));
        world.petra.get_mut(&id).expect("there").site = None;
        world.spec.deletion_policy = Some(DeletionPolicy::Orphan);
        world
    },
    || linked_by_namesake().0,
    || {
        let mut world = World::new();
        world.visit();
        world.confirm();
        world.petra.values_mut().for_each(|link| link.company = None);
        world
    },
    || {
        let mut world = World::portal();
        world.unproved_rival = true;
        world
    },
    // DeletionBlocked.
    || held_deletion(PetraFault::KeyRejected),
    || held_deletion(PetraFault::RateLimited(None)),
    || held_deletion(PetraFault::NoContract),
    || {
        let mut world = held_deletion(PetraFault::Unavailable);
        world.config.petra_configured = false;
        world
    },
    || {
        let mut world = held_deletion(PetraFault::Unavailable);
        world.petra_fault = None;
        let by = RefusedBy::Webhook { name: "deny.example.com".to_owned() };
        world.refuses = Some(WriteRefusal { write: LinkWrite::Finalizer, by });
        world
    },
];

fn edited(change: impl FnOnce(&mut World)) -> World {
    let mut world = World::new();
    change(&mut world);
    world
}

fn failing_for(why: Refusal) -> World {
    let mut world = World::new();
    world.failing_for = why;
    world.visit();
    world.set_remote(RemoteState::Failed);
    world
}

fn stale(change: impl FnOnce(&mut World)) -> World {
    let mut world = World::ready();
    change(&mut world);
    world.wait(Duration::from_mins(91));
    world
}

fn with_another_client_id(world: &mut World) {
    world.client_id = new_client_id("two");
    world.tenancy = Tenancy::refusing();
}

fn mode(mode: RegistrationMode) -> RegistrationSpec {
    RegistrationSpec { mode: Some(mode), ..RegistrationSpec::default() }
}

fn rotated_to_refused_keys() -> World {
    let mut world = World::ready();
    world.tenancy = Tenancy::refusing();
    world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
    world.wait(Duration::from_mins(1));
    world
}

fn held_deletion(fault: PetraFault) -> World {
    let mut world = World::ready();
    world.deleting = Some(at(world.now.wall.as_second() - 121));
    world.petra_fault = Some(fault);
    world
}

fn ready_message(status: &LinkStatus) -> &str {
    &status.conditions[0].message
}

/// Everything that is told in any arrangement, by every status that is written on the way.
fn told() -> Vec<Told> {
    let arranged = rows().map(|(_, _, arrange)| arrange).chain(FURTHER.iter().copied());
    let mut written: Vec<LinkStatus> = arranged
        .flat_map(|arrange| {
            let mut world = arrange();
            world.visit().1.written
        })
        .collect();
    written.extend(while_a_round_runs(&World::new()));
    let conditions = written.into_iter().flat_map(|status| status.conditions);
    let lasting = conditions.filter_map(|condition| {
        let kind = ConditionType::LASTING.into_iter().find(|kind| kind.as_str() == condition.type_)?;
        let reason = condition.known_reason().expect("every reason is one of the enum");
        Some((reason, kind, condition.status, condition.message))
    });
    lasting.collect()
}

fn while_a_round_runs(world: &World) -> Option<LinkStatus> {
    let subject = world.subject();
    let facts = Facts::at_start(
        crate::crd::SecretLookup::NotWatched,
        crate::link::facts::PollView::NotYet,
        world.client_id.clone(),
        false,
        world.now,
    );
    let visit =
        View { subject: &subject, state: &world.state, facts: &facts, config: &world.config, now: world.now };
    checking(&visit)
}

#[test]
fn a_long_first_round_reports_checking_and_takes_nothing_back_later() {
    let mut world = World::new();
    assert!(while_a_round_runs(&world).is_some());
    for (why, reason) in [
        (Inconclusive::Unavailable, "Unknown/ConnectWiseUnavailable"),
        (Inconclusive::RateLimited(None), "Unknown/RateLimited"),
    ] {
        world.tenancy = Tenancy::out(why);
        world.wait(Duration::from_mins(10));
        world.visit();
        assert_eq!(world.ready_reason(), reason);
        assert_eq!(while_a_round_runs(&world), None, "{reason}");
    }
}

/// Whether the condition says that somebody has to act, or names what is wrong.
fn accuses((_, kind, status, _): &Told) -> bool {
    match kind {
        ConditionType::AuthFailed | ConditionType::PermissionDenied => *status == ConditionStatus::True,
        _ => *status == ConditionStatus::False,
    }
}

#[test]
fn every_reason_reads_as_the_snapshot_says() {
    let mut by_reason = BTreeMap::<Reason, BTreeMap<String, BTreeSet<String>>>::new();
    for (reason, kind, status, message) in told() {
        let seen_as = format!("{} {}", kind.as_str(), status.as_str());
        by_reason.entry(reason).or_default().entry(message).or_default().insert(seen_as);
    }
    let page = Reason::ALL.iter().map(|reason| {
        let messages = by_reason.remove(reason).unwrap_or_default();
        assert!(!messages.is_empty(), "no arrangement shows {}", reason.as_str());
        let messages = messages.into_iter().map(|(message, seen_as)| {
            format!("  {}\n    {message}\n", seen_as.into_iter().collect::<Vec<_>>().join(", "))
        });
        format!("{}\n{}", reason.as_str(), messages.collect::<String>())
    });
    insta::assert_snapshot!("messages", page.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_accusation_says_what_to_click_what_to_edit_or_whom_to_ask() {
    let ways = [
        " > ",
        "spec.",
        "Secret",
        "Ask ",
        "ask ",
        "Contact ",
        "contact ",
        "https://",
        "kubectl ",
        "Delete one of the two",
    ];
    // Under way by the operator's own hand.
    let waits = [Reason::Deleting, Reason::RemoteLinkMissing];
    for told in told().iter().filter(|told| accuses(told)) {
        let (reason, _, _, message) = told;
        let done = waits.contains(reason) || ways.iter().any(|way| message.contains(way));
        assert!(done, "{}: {message}", reason.as_str());
    }
}

#[test]
fn every_accusation_says_that_the_operator_rechecks_automatically() {
    // An edit of the resource fixes these, and the operator notices it anyhow.
    let by_edit = [
        Reason::SpecInvalid,
        Reason::SiteNotAllowed,
        Reason::CompanyNotAllowed,
        Reason::PortalActionRequired,
        Reason::RemoteLinkMissing,
    ];
    for (reason, _, _, message) in told().iter().filter(|told| accuses(told)) {
        let said = by_edit.contains(reason) || message.contains("automatically");
        assert!(said, "{}: {message}", reason.as_str());
    }
}

#[test]
fn every_message_has_whole_sentences_and_no_jargon_of_the_operator() {
    let jargon = [
        "HTTP",
        "TLS",
        "DNS",
        "JSON",
        "PUT",
        "GET",
        "NXDOMAIN",
        "422",
        "401",
        "finalizer",
        "reconcile",
        "backoff",
        "debounce",
        "verdict",
        "conclusive",
        "codebase",
        "generation",
        "resourceVersion",
        "probe",
        "found good",
        "by itself",
        "whoever",
        "mend",
        " is no ",
    ];
    for (reason, _, _, message) in told() {
        let end = message.rsplit(' ').next().unwrap_or_default();
        let whole = match reason {
            Reason::PortalActionRequired => end.len() == 17 && end.contains('-'),
            Reason::DeletionBlocked if message.contains("does not let the operator") => {
                message.ends_with('.')
            }
            Reason::DeletionBlocked => message.contains(": kubectl -n ") && end.ends_with("}}'"),
            _ => message.ends_with('.'),
        };
        assert!(whole, "{}: {message}", reason.as_str());
        assert!(!message.contains("  ") && !message.contains(".."), "{}: {message}", reason.as_str());
        for word in jargon {
            assert!(!message.contains(word), "{}: {word} in: {message}", reason.as_str());
        }
    }
}

#[test]
fn permissions_name_the_profile_that_judged_them() {
    let judged = [Reason::PermissionsMissing, Reason::PermissionsGranted, Reason::NotVerifiable];
    for (reason, _, _, message) in told().iter().filter(|(reason, ..)| judged.contains(reason)) {
        assert!(
            message.contains("profile GuideV1") || message.contains("profile TicketingV2"),
            "{reason:?}: {message}"
        );
    }
}
