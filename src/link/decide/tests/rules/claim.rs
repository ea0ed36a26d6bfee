//! One operator serves a link, whatever another one would make of it.

use std::sync::Arc;
use std::time::Duration;

use super::super::world::{Trace, World};
use super::{MINUTE, outage};
use crate::crd::{EventReason, LinkRef, OperatorName, RegistrationMode, StatusTime};
use crate::link::CATCH_UP;
use crate::link::config::Config;
use crate::link::decide::tests::world::SecretIs;
use crate::link::facts::Precedence;
use crate::link::fleet::Fleet;
use crate::link::plan::{Claimed, Settlement};
use crate::link::state::LinkState;
use crate::link::subject::Subject;
use crate::link::visit::End;

/// Three intervals of a link that says nothing about its interval.
const PERIOD: Duration = Duration::from_mins(90);
/// A minute less.
const ALMOST: Duration = Duration::from_mins(89);

fn named(namespace: &str) -> OperatorName {
    OperatorName::new(Some(namespace), "cwlink")
}

/// The world as an operator of this name sees it, which has just started.
fn become_operator(world: &mut World, namespace: &str) {
    world.config.operator = named(namespace);
    world.state = LinkState::default();
}

fn served_by(world: &World) -> Option<OperatorName> {
    world.status.operator.as_ref().and_then(OperatorName::of)
}

/// What a visit did to anybody or anything.
fn did(trace: &Trace) -> u32 {
    let rounds = u32::try_from(trace.rounds.len()).expect("few");
    rounds + trace.secret_reads + trace.petra_reads + trace.puts + trace.deletes + trace.writes
}

fn told(settlement: &Settlement) -> usize {
    let of_others =
        |event: &&crate::link::plan::LinkEvent| event.reason == EventReason::ServedByAnotherOperator;
    settlement.events.iter().filter(of_others).count()
}

#[test]
fn a_link_is_claimed_before_anybody_outside_is_asked() {
    let mut world = World::new();
    let (_, trace) = world.visit();
    let first = trace.written.first().expect("a claim");
    assert_eq!(first.operator.as_ref().and_then(OperatorName::of), Some(world.config.operator.clone()));
    assert_eq!(trace.shown, ["Unknown/Pending", "Unknown/AwaitingConfirmation"]);
}

#[test]
fn another_operator_says_so_once_and_leaves_the_link_alone() {
    let mut world = World::ready();
    become_operator(&mut world, "other");
    let before = world.status.clone();
    let (settlement, trace) = world.visit();
    assert_eq!((did(&trace), told(&settlement), settlement.next), (0, 1, Some(PERIOD)));
    let text = &settlement.events[0].text;
    assert!(
        text.contains("\"cwlink-system/cwlink\" serves this link") && text.contains("\"other/cwlink\""),
        "{text}"
    );
    // Whatever a person or the Secret asks for.
    world.edit(|spec| spec.interval = Some("1h".to_owned()));
    world.requested_at = Some("now".to_owned());
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    let (settlement, trace) = world.visit();
    assert_eq!((did(&trace), told(&settlement)), (0, 0));
    world.deleting = Some(world.now.wall);
    let (_, trace) = world.visit();
    assert_eq!((did(&trace), world.gone, world.petra.len()), (0, false, 1), "deletion included");
    assert_eq!(world.status, before);
}

#[test]
fn a_link_of_another_operator_claims_nothing_here() {
    for (operator, expected) in [("other", Precedence::First), ("cwlink-system", Precedence::Unproved)] {
        let mut world = World::ready();
        let fleet = Arc::new(Fleet::default());
        world.shared = Some(Arc::clone(&fleet));
        become_operator(&mut world, operator);
        world.visit();
        let id = world.subject().hinted_id().expect("its status tells a link");
        let later = Subject { key: LinkRef::new("team", "zulu"), ..world.subject() };
        let claim = Claimed { id, acknowledged: false, proved: true };
        assert_eq!(fleet.precedence(&later, &claim), expected, "{operator}");
    }
}

#[test]
fn a_link_is_free_when_its_operator_was_silent_for_three_intervals() {
    let mut world = World::ready();
    become_operator(&mut world, "other");
    world.visit();
    world.wait(ALMOST);
    let (settlement, trace) = world.visit();
    assert_eq!((did(&trace), settlement.next.is_some_and(|next| next < MINUTE)), (0, true));
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    let due = settlement.next.expect("its check is due");
    assert!(did(&trace) == 0 && due <= 15 * MINUTE, "as after a restart: {due:?}");
    world.wait(due);
    let (_, trace) = world.visit();
    assert!(trace.writes > 0 && !trace.rounds.is_empty(), "{trace:?}");
    assert_eq!(served_by(&world), Some(named("other")));
}

#[test]
fn a_long_interval_makes_the_claim_longer_and_a_short_one_not_shorter() {
    for (interval, period) in
        [("5m", PERIOD), ("2h", Duration::from_hours(6)), ("24h", Duration::from_hours(36))]
    {
        let mut world = World::ready();
        world.edit(|spec| spec.interval = Some(interval.to_owned()));
        world.visit();
        become_operator(&mut world, "other");
        assert_eq!(world.visit().0.next, Some(period), "{interval}");
    }
}

#[test]
fn any_sign_of_its_operator_keeps_the_link() {
    let mut world = World::ready();
    let first = (world.config.clone(), world.state.clone());
    become_operator(&mut world, "other");
    world.visit();
    for _ in 0..10 {
        world.wait(ALMOST);
        let other = swap(&mut world, first.clone());
        world.visit();
        swap(&mut world, other);
        assert_eq!(did(&world.visit().1), 0);
    }
}

#[test]
fn an_operator_with_nothing_to_write_renews_its_claim_in_time() {
    // An outage writes nothing, and what only an edit can fix is not checked at all.
    let mut out = World::ready();
    out.tenancy = outage();
    let mut broken = World::new();
    broken.spec.permission_profile = Some("Nobody".to_owned());
    for mut world in [out, broken] {
        world.visit();
        let (mut last, mut longest, mut renewals) = (world.now.up, Duration::ZERO, 0);
        let end = world.now.up + Duration::from_hours(12);
        while world.now.up < end {
            let (settlement, trace) = world.visit();
            if trace.writes > 0 {
                longest = longest.max(world.now.up.saturating_sub(last));
                last = world.now.up;
                renewals += 1;
            }
            world.wait(settlement.next.expect("it looks again"));
        }
        assert!(longest < Duration::from_mins(80), "{longest:?}");
        assert!(renewals <= 11, "{renewals} writes in twelve hours of nothing");
    }
}

#[test]
fn a_suspended_link_changes_hands_only_when_it_is_edited() {
    let mut world = World::ready();
    world.edit(|spec| spec.suspend = Some(true));
    assert_eq!(world.visit().0.next, None);
    become_operator(&mut world, "other");
    assert_eq!(world.visit().0.next, None);
    world.wait(PERIOD * 10);
    assert_eq!(did(&world.visit().1), 0, "silence proves nothing here");
    world.edit(|spec| spec.suspend = None);
    let (settlement, trace) = world.visit();
    assert_eq!(
        (did(&trace), settlement.next),
        (0, Some(PERIOD)),
        "its operator has the whole period to answer"
    );
    world.wait(PERIOD);
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("its check is due"));
    world.visit();
    assert_eq!(served_by(&world), Some(named("other")));
}

#[test]
fn a_restart_or_a_second_replica_keeps_the_claim_without_a_write() {
    let mut world = World::ready();
    world.restart();
    assert_eq!(did(&world.visit().1), 0);
    let mut replica = World::ready();
    replica.state = LinkState::default();
    let (settlement, trace) = replica.visit();
    assert_eq!((did(&trace), told(&settlement)), (0, 0));
}

#[test]
fn a_forged_or_restored_name_gains_nothing_but_a_delay() {
    let mut world = World::ready();
    // A name that no operator can have is none at all.
    world.status.operator = Some(OperatorName::new(Some("no such name"), "x").serving_at(StatusTime::NEVER));
    world.requested_at = Some("1".to_owned());
    world.wait(MINUTE);
    assert!(did(&world.visit().1) > 0);
    assert_eq!(served_by(&world), Some(world.config.operator.clone()));
    // A time far ahead does not make it last longer.
    let far = StatusTime::new(jiff::Timestamp::MAX);
    world.status.operator = Some(named("gone").serving_at(far));
    assert_eq!(did(&world.visit().1), 0);
    world.wait(PERIOD);
    let (settlement, _) = world.visit();
    world.wait(settlement.next.expect("its check is due"));
    world.visit();
    assert_eq!(served_by(&world), Some(world.config.operator.clone()));
    // Without a name the link is free at once, and a healthy link that is not due is not even written.
    world.status.operator = None;
    assert_eq!(did(&world.visit().1), 0);
    world.requested_at = Some("2".to_owned());
    world.wait(MINUTE);
    assert!(did(&world.visit().1) > 0);
    assert_eq!(served_by(&world), Some(world.config.operator.clone()));
}

#[test]
fn a_schema_that_drops_the_name_costs_a_write_for_each_check_and_no_loop() {
    let mut world = World::new();
    world.drops_operator = true;
    let (_, trace) = world.visit();
    assert_eq!((trace.writes, trace.puts, served_by(&world)), (2, 1, None));
    world.confirm();
    world.visit();
    assert_eq!(did(&world.visit().1), 0);
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.writes, trace.rounds.len(), world.ready_reason().as_str()), (2, 1, "True/Linked"));
}

/// What operators did in an hour.
#[derive(Debug, Default)]
struct Hour {
    writes: u32,
    rounds: usize,
    petra: u32,
    shown: Vec<String>,
}

/// One operator: its configuration, and what it remembers of the link.
type Operator = (Config, LinkState);

fn swap(world: &mut World, operator: Operator) -> Operator {
    (std::mem::replace(&mut world.config, operator.0), std::mem::replace(&mut world.state, operator.1))
}

/// An hour of the timetable: each operator visits the link when it wants to, and after every write of another.
fn hour(world: &mut World, mut operators: Vec<Operator>) -> Hour {
    let mut due: Vec<Duration> = operators.iter().map(|_| world.now.up).collect();
    let (end, mut hour) = (world.now.up + Duration::from_hours(1), Hour::default());
    loop {
        let (turn, at) = due.iter().copied().enumerate().min_by_key(|(_, at)| *at).expect("an operator");
        if at > end {
            return hour;
        }
        world.wait(at.saturating_sub(world.now.up));
        let idle = swap(world, operators[turn].clone());
        let (ended, trace) = world.visit_or_not();
        operators[turn] = swap(world, idle);
        due[turn] = world.now.up + next(ended).unwrap_or(Duration::from_hours(2));
        hour.rounds += trace.rounds.len();
        hour.petra += trace.petra_reads + trace.puts + trace.deletes;
        hour.writes += trace.writes;
        hour.shown.extend(trace.shown);
        if trace.writes > 0 {
            let seen = world.now.up + Duration::from_millis(10);
            due.iter_mut().enumerate().filter(|(it, _)| *it != turn).for_each(|(_, at)| *at = seen.min(*at));
        }
    }
}

/// When an operator wants to visit the link again.
fn next(end: End) -> Option<Duration> {
    match end {
        End::Settled(settlement) => settlement.next,
        End::NotYet(wait) | End::Refused(_, wait) => Some(wait),
        End::Outdated => Some(CATCH_UP),
    }
}

/// Two operators with other flags than each other: one has no Petra, so that the link is registered otherwise.
fn at_odds(one: &World, other: &str) -> Vec<Operator> {
    let mut second =
        Config { petra_configured: false, default_mode: RegistrationMode::Portal, ..one.config.clone() };
    second.operator = named(other);
    vec![(one.config.clone(), LinkState::default()), (second, LinkState::default())]
}

#[test]
fn two_operators_at_odds_write_a_link_no_more_than_one() {
    let alone = hour(&mut World::new(), vec![(World::new().config, LinkState::default())]);
    let mut world = World::new();
    let operators = at_odds(&world, "other");
    let both = hour(&mut world, operators);
    println!("one operator: {alone:?}\ntwo operators: {both:?}");
    assert_eq!((both.writes, both.rounds, both.petra), (alone.writes, alone.rounds, alone.petra));
    assert_eq!(both.shown, alone.shown);
}

#[test]
fn two_operators_of_one_name_write_a_link_no_more_than_its_floor_allows() {
    // Nothing but the guard in the writer is between them.
    let mut world = World::new();
    let operators = at_odds(&world, "cwlink-system");
    let both = hour(&mut world, operators);
    println!("two operators of one name: {} writes, {} rounds", both.writes, both.rounds);
    let each = 3600 / 30 + 12;
    assert!(both.writes <= 2 * each, "{} writes in an hour", both.writes);
}

#[test]
fn a_visit_that_comes_too_early_after_many_writes_does_nothing() {
    let mut world = World::ready();
    let mut shown = 0;
    for _ in 0..40 {
        // Somebody else undoes every write.
        world.status.conditions.clear();
        let (end, trace) = world.visit_or_not();
        shown += trace.writes;
        if let End::NotYet(wait) = end {
            assert_eq!(did(&trace), 0);
            assert!(wait <= Duration::from_secs(30), "{wait:?}");
        }
    }
    assert!((5..=15).contains(&shown), "{shown} writes in 40 seconds");
    world.edit(|spec| spec.interval = Some("1h".to_owned()));
    assert!(matches!(world.visit_or_not().0, End::Settled(_)), "an edit is answered at once");
}
