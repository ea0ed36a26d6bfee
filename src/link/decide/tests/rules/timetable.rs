//! The published timetable, walked: after each look, how long the next one waits.

use std::time::Duration;

use super::super::table::foreign_link;
use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, lacking, outage};
use crate::connectwise::{CompanyAnswer, Depth, Inconclusive};
use crate::crd::ConditionType;
use crate::link::facts::{FleetView, Rival};
use crate::link::reason_class::BackoffKind;
use crate::link::state::LinkState;
use crate::petra::PetraFault;

/// A link's visits are walked up to its next look, again and again.
struct Walk {
    of: &'static str,
    world: World,
    /// The waits after each look, in seconds.
    waits: Vec<u64>,
}

fn walk(of: &'static str, world: World, waits: Vec<u64>) -> Walk {
    Walk { of, world, waits }
}

/// Few routine checks: a routine check begins Petra's times anew.
fn daily(mut world: World) -> World {
    world.spec.interval = Some("24h".to_owned());
    world
}

fn ready_and_daily() -> World {
    let mut world = daily(World::new());
    world.visit();
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world
}

fn told_by_connectwise(tenancy: Tenancy) -> World {
    let mut world = World::new();
    world.tenancy = tenancy;
    world
}

fn told_by_petra(fault: PetraFault) -> World {
    let mut world = daily(World::new());
    world.petra_fault = Some(fault);
    world
}

fn unwatched(secret: SecretIs) -> World {
    let mut world = World::new();
    (world.secret, world.secrets_watched) = (secret, false);
    world
}

/// 1 min for 15 min, then 5 min. A visit itself takes a second.
fn mended_by_a_person() -> Vec<u64> {
    [vec![60; 15], vec![300; 3]].concat()
}

/// 5 min, doubling to 1 h.
fn refused() -> Vec<u64> {
    vec![300, 600, 1200, 2400, 3600, 3600]
}

/// 5 s, doubling to 5 min.
fn nothing() -> Vec<u64> {
    vec![5, 10, 20, 40, 80, 160, 300, 300]
}

/// 30 s, doubling to 10 min.
fn held() -> Vec<u64> {
    vec![30, 60, 120, 240, 480, 600, 600]
}

fn at_connectwise() -> Vec<Walk> {
    let unknown = Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() };
    let stranger = Tenancy { company: CompanyAnswer::NotConnectWise, ..Tenancy::good() };
    let mut out = World::ready();
    out.tenancy = outage();
    out.wait(31 * MINUTE);
    let mut alike = World::ready();
    alike.fleet = FleetView::Common;
    alike.tenancy = Tenancy::refusing();
    alike.wait(31 * MINUTE);
    alike.visit();
    alike.wait(2 * MINUTE);
    vec![
        walk("a missing line", told_by_connectwise(lacking("Service Tickets")), mended_by_a_person()),
        walk("refused keys", told_by_connectwise(Tenancy::refusing()), refused()),
        walk("an unknown company", told_by_connectwise(unknown), refused()),
        walk("a site that is no ConnectWise", told_by_connectwise(stranger), refused()),
        walk("nothing conclusive, no verdict", told_by_connectwise(outage()), nothing()),
        walk("nothing conclusive, a verdict held", out, held()),
        walk("a verdict that the fleet holds", alike, held()),
    ]
}

fn at_petra() -> Vec<Walk> {
    let mut refusing = daily(World::new());
    refusing.petra_refuses = true;
    let mut rival = daily(World::portal());
    rival.rival = Some(Rival { visible_name: None });
    let mut out = ready_and_daily();
    out.petra_fault = Some(PetraFault::Unavailable);
    let mut awaiting = daily(World::new());
    awaiting.visit();
    awaiting.visit();
    awaiting.petra_fault = Some(PetraFault::KeyRejected);
    vec![
        walk("a refusal by Petra", refusing, refused()),
        walk("another's link at Petra", daily(foreign_link(None)), refused()),
        walk("another's link in Portal", rival, refused()),
        walk("a Petra without the routes", told_by_petra(PetraFault::NoContract), refused()),
        walk("a Petra that is out, nothing registered", told_by_petra(PetraFault::Unavailable), nothing()),
        walk("a Petra that is out, Ready held", out, held()),
        walk("a Petra that is out, awaiting held", awaiting, held()),
        // The shared poll wakes it before; this is when its time is up, and each poll from then on.
        walk("no confirmation", daily(World::new()), vec![610, 10, 10, 10]),
    ]
}

fn at_the_secret() -> Vec<Walk> {
    // Every 15 s, and when five minutes are over.
    let absent = [vec![15; 18], vec![12, 60, 60]].concat();
    vec![
        walk("an absent Secret, not watched", unwatched(SecretIs::Absent), absent),
        walk("a Secret without keys, not watched", unwatched(SecretIs::Invalid), vec![60; 3]),
        walk("a Secret that may not be read", unwatched(SecretIs::Forbidden), vec![60; 3]),
    ]
}

/// The waits after as many looks. A visit that only waits until the floor allows a round is none.
fn waits(world: &mut World, looks: usize) -> Vec<u64> {
    let mut waits = Vec::new();
    let mut last_round = None;
    while waits.len() < looks {
        let (settlement, trace) = world.visit();
        let next = settlement.next.expect("it looks again");
        let too_soon = last_round.is_some_and(|at| world.now.up < at + world.config.timings.floor);
        if !trace.rounds.is_empty() {
            assert!(!too_soon, "two rounds within the floor: {:?}", world.row());
            last_round = Some(world.now.up);
        }
        if !(too_soon && world.state.backoff.kind == Some(BackoffKind::Inconclusive)) {
            waits.push(next.as_secs());
        }
        world.wait(next);
    }
    waits
}

#[test]
fn every_look_waits_as_the_published_timetable_says() {
    for Walk { of, mut world, waits: expected } in
        [at_connectwise(), at_petra(), at_the_secret()].into_iter().flatten()
    {
        assert_eq!(waits(&mut world, expected.len()), expected, "{of}");
    }
}

#[test]
fn petra_is_asked_again_at_the_very_time_that_was_planned() {
    let mut world = World::new();
    world.spec.interval = Some("24h".to_owned());
    world.petra_fault = Some(PetraFault::Unavailable);
    let (settlement, _) = world.visit();
    assert_eq!(settlement.next, Some(Duration::from_secs(5)));
    world.wait(Duration::from_secs(4));
    assert_eq!(world.visit().0.next, Some(Duration::from_secs(10)));
}

#[test]
fn jitter_never_asks_a_service_earlier_than_it_said() {
    let asked = 10 * MINUTE;
    let (mut connectwise, mut petra) = (World::new(), World::new());
    connectwise.tenancy = Tenancy::out(Inconclusive::RateLimited(Some(asked)));
    petra.petra_fault = Some(PetraFault::RateLimited(Some(asked)));
    for (mut world, due) in [
        (connectwise, (|state: &LinkState| state.not_before) as fn(&LinkState) -> _),
        (petra, |state| state.petra_not_before),
    ] {
        world.config.timings.jitter = 0.15;
        // Every look has a jitter of its own, and half of them shorten the delay.
        for look in 0..12 {
            world.visit();
            let delay = due(&world.state).expect("it is repeated").saturating_sub(world.now.up);
            assert!(delay >= asked, "look {look}: {delay:?}");
            world.wait(delay);
        }
    }
}

/// Keys that ConnectWise, or Petra, rejects.
fn rejecting() -> [(&'static str, World); 2] {
    let mut by_petra = World::new();
    by_petra.petra_refuses = true;
    let by_connectwise = told_by_connectwise(Tenancy::refusing());
    [("True/CredentialsRejected", by_connectwise), ("False/CredentialsAccepted", by_petra)]
}

#[test]
fn rejected_keys_are_read_again_every_minute_where_secrets_are_unwatched() {
    for (auth_failed, mut world) in rejecting() {
        world.secrets_watched = false;
        let mut next = world.visit().0.next;
        assert_eq!(world.shown(ConditionType::AuthFailed), auth_failed);
        let (mut rounds, mut reads) = (Vec::new(), 0);
        let began = world.now.up;
        while world.now.up < began + 31 * MINUTE {
            world.wait(next.expect("it looks again"));
            let (settlement, trace) = world.visit();
            next = settlement.next;
            assert!(next.is_some_and(|next| next <= MINUTE), "{auth_failed}: {next:?}");
            reads += trace.secret_reads;
            if !trace.rounds.is_empty() {
                rounds.push(world.now.up.saturating_sub(began).as_secs() / 60);
            }
        }
        assert!((25..=35).contains(&reads), "{auth_failed}: {reads} reads");
        assert_eq!(rounds, [5, 15], "{auth_failed}: reading asks nobody");

        world.tenancy = Tenancy::good();
        world.petra_refuses = false;
        world.write_secret(SecretIs::Keys { public: "two", revision: 0 });
        world.wait(next.expect("it looks again"));
        let (_, trace) = world.visit();
        assert_eq!(trace.rounds.len(), 1, "{auth_failed}: the new keys are checked at once");
        assert_eq!(world.shown(ConditionType::AuthFailed), "False/CredentialsAccepted");
    }
}

#[test]
fn nobody_reads_rejected_keys_again_where_the_watch_does() {
    for (auth_failed, mut world) in rejecting() {
        world.visit();
        world.wait(2 * MINUTE);
        let (settlement, trace) = world.visit();
        assert_eq!(trace.secret_reads, 0, "{auth_failed}");
        assert!(settlement.next > Some(2 * MINUTE), "{auth_failed}: {:?}", settlement.next);
    }
}

#[test]
fn a_suspended_link_reads_no_rejected_keys_again() {
    for (auth_failed, mut world) in rejecting() {
        world.secrets_watched = false;
        world.visit();
        world.edit(|spec| spec.suspend = Some(true));
        world.wait(2 * MINUTE);
        let (settlement, trace) = world.visit();
        assert_eq!((settlement.next, trace.secret_reads), (None, 0), "{auth_failed}");
    }
}

#[test]
fn all_rounds_of_a_visit_share_the_time_of_one_check() {
    let mut world = World::ready();
    world.wait(31 * MINUTE);
    world.tenancy = lacking("Service Tickets");
    world.round_takes = Duration::from_secs(35);
    let (_, trace) = world.visit();
    let check = world.config.timings.timeouts.check;
    assert_eq!(trace.rounds, [Depth::Cheap, Depth::Full]);
    assert_eq!(trace.times_left, [check, check.saturating_sub(world.round_takes)]);
}
