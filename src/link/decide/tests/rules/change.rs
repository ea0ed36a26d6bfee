//! What changes, and when a link is looked at: edits, keys, restarts, what bends the timetable.

use std::time::Duration;

use super::super::world::{SecretIs, Tenancy, World};
use super::{MINUTE, outage};
use crate::connectwise::{CompanyAnswer, Depth, Inconclusive, Tenant};
use crate::crd::{ConditionType, DeletionPolicy};
use crate::petra::PetraFault;

#[test]
fn a_routine_check_is_one_cheap_call_and_one_write_of_its_time() {
    let mut world = World::ready();
    let before = world.status.clone();
    world.wait(31 * MINUTE);
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.as_slice(), trace.writes, trace.puts), (&[Depth::Cheap][..], 1, 0));
    let mut after = world.status.clone();
    after.last_validated_time = before.last_validated_time;
    after.operator.clone_from(&before.operator);
    assert_eq!(after, before);
    let (_, idle) = world.visit();
    assert_eq!((idle.rounds.len(), idle.writes, idle.secret_reads), (0, 0, 0));
}

#[test]
fn another_secret_is_read_at_once_also_where_secrets_are_not_watched() {
    for tenancy in [Tenancy::good(), Tenancy::refusing()] {
        let mut world = World::new();
        world.secrets_watched = false;
        world.tenancy = tenancy;
        world.visit();
        world.confirm();
        world.visit();
        world.wait(MINUTE / 2);
        assert_eq!(world.visit().1.secret_reads, 0, "no look is due");
        world.edit(|spec| "other-keys".clone_into(&mut spec.credentials_secret_ref.name));
        world.secret = SecretIs::Keys { public: "two", revision: 2 };
        let (_, trace) = world.visit();
        assert_eq!((trace.secret_reads, trace.rounds.len()), (1, 1), "{}", world.ready_reason());
        world.wait(MINUTE / 2);
        assert_eq!(world.visit().1.secret_reads, 0, "once");
    }
}

#[test]
fn what_is_mended_within_the_floor_is_judged_right_after_it() {
    let mut world = World::new();
    world.visit();
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
    world.edit(|spec| spec.permission_profile = Some("Nobodys".to_owned()));
    world.visit();
    assert_eq!(world.ready_reason(), "False/SpecInvalid");
    world.edit(|spec| spec.permission_profile = None);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.rounds.len()), ("Unknown/Pending", 0));
    let floor = settlement.next.expect("it looks again");
    assert!(floor <= world.config.timings.floor, "{floor:?}");
    world.visit();
    world.wait(floor);
    assert_eq!(world.visit().1.rounds.len(), 1);
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn an_upgraded_tenant_is_recorded_by_a_full_round_then_checked_cheaply() {
    let mut world = World::ready();
    let upgraded = Tenant::of_test("acme", "api-na.myconnectwise.net", "v2026_1/");
    world.tenancy.company = CompanyAnswer::Found(upgraded);
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap, Depth::Full]);
    assert_eq!(world.status.site.as_ref().and_then(|site| site.codebase.as_deref()), Some("v2026_1/"));
    world.wait(31 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Cheap]);
}

#[test]
fn the_full_round_runs_daily() {
    let mut world = World::ready();
    world.wait(24 * 60 * MINUTE);
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
}

#[test]
fn a_restart_with_a_healthy_link_asks_nobody_and_writes_nothing() {
    let mut world = World::ready();
    world.wait(10 * MINUTE);
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.secret_reads, trace.puts, trace.writes), (0, 0, 0, 0));
    assert_eq!(trace.petra_reads, 0, "the shared poll asks for all");
    let next = settlement.next.expect("the routine check is planned");
    assert!(next > 15 * MINUTE && next < 25 * MINUTE, "the stored time counts: {next:?}");
}

#[test]
fn a_link_due_while_no_operator_ran_is_spread_over_half_an_interval() {
    let mut world = World::ready();
    world.wait(600 * MINUTE);
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!(trace.rounds.len(), 0);
    assert!(settlement.next.expect("planned") <= 15 * MINUTE);
}

#[test]
fn a_link_due_exactly_at_the_start_is_spread_like_one_due_before() {
    let mut world = World::ready();
    let validated = world.status.last_validated_time.expect("it was checked").0;
    let age = world.now.since(validated);
    world.wait((30 * MINUTE).saturating_sub(age + Duration::from_secs(1)));
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!((world.now.since(validated), trace.rounds.len()), (30 * MINUTE, 0));
    assert!(settlement.next.expect("planned") <= 15 * MINUTE);
}

#[test]
fn the_time_of_a_transition_is_that_of_the_status_and_not_of_the_reason() {
    let mut world = World::new();
    let time_of_ready = |world: &World| {
        let ready = world.status.condition(ConditionType::Ready).expect("it is always there");
        ready.last_transition_time
    };
    world.visit();
    let first = time_of_ready(&world);
    world.wait(MINUTE);
    world.tenancy = Tenancy::refusing();
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    world.visit();
    world.wait(MINUTE);
    world.visit();
    let refused = time_of_ready(&world);
    assert!(refused.0 > first.0, "Unknown became False");
    world.wait(60 * MINUTE);
    world.tenancy = Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() };
    world.visit();
    assert_eq!(world.ready_reason(), "False/CompanyUnknown");
    assert_eq!(time_of_ready(&world), refused, "False stayed False");
}

#[test]
fn a_negative_verdict_found_at_start_waits_its_first_delay() {
    let mut world = World::new();
    world.tenancy = Tenancy::refusing();
    world.visit();
    world.restart();
    let (settlement, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.writes), (0, 0));
    assert_eq!(settlement.next.map(|next| next.as_secs()), Some(300));
}

#[test]
fn a_label_on_the_secret_is_read_once_and_asks_nobody() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "one", revision: 2 };
    let (_, trace) = world.visit();
    assert_eq!((trace.secret_reads, trace.rounds.len(), trace.puts, trace.writes), (1, 0, 0, 1));
    assert_eq!(world.ready_reason(), "True/Linked");
    assert_eq!(world.visit().1.secret_reads, 0, "the version is remembered in the status");
}

#[test]
fn rotation_proves_the_new_keys_before_they_replace_the_old_ones_at_petra() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(
        trace.shown,
        ["Unknown/Pending", "Unknown/AwaitingConfirmation"],
        "Unknown before anybody is asked"
    );
    assert_eq!((trace.rounds.as_slice(), trace.puts), (&[Depth::Full][..], 1));
    assert_eq!(world.petra.len(), 1);
    world.confirm();
    world.visit();
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn rotation_to_refused_keys_sends_nothing_and_names_the_keys_at_petra() {
    let mut world = World::ready();
    world.secret = SecretIs::Keys { public: "two", revision: 2 };
    world.tenancy = Tenancy::refusing();
    world.wait(MINUTE);
    let (_, first) = world.visit();
    assert_eq!((world.ready_reason().as_str(), first.puts), ("Unknown/Checking", 0));
    world.wait(MINUTE);
    let (settlement, trace) = world.visit();
    assert_eq!((world.ready_reason().as_str(), trace.puts), ("False/CredentialsRejected", 0));
    assert_eq!(world.shown(ConditionType::Registered), "True/Confirmed");
    assert!(settlement.status.conditions[0].message.contains("Petra still has the previous keys"));
    world.secret = SecretIs::Keys { public: "one", revision: 3 };
    world.tenancy = Tenancy::good();
    world.wait(MINUTE);
    let (_, back) = world.visit();
    assert_eq!(
        (world.ready_reason().as_str(), back.puts),
        ("True/Linked", 0),
        "the first keys never left Petra"
    );
}

#[test]
fn a_neutral_change_moves_the_generation_and_nothing_else() {
    let mut world = World::ready();
    world.edit(|spec| {
        spec.interval = Some("1h".to_owned());
        spec.deletion_policy = Some(DeletionPolicy::Orphan);
    });
    let (_, trace) = world.visit();
    assert_eq!((trace.rounds.len(), trace.secret_reads, trace.puts, trace.writes), (0, 0, 0, 1));
    assert_eq!(world.status.observed_generation, Some(2));
    assert!(world.status.conditions.iter().all(|condition| condition.observed_generation == Some(2)));
    assert_eq!(world.ready_reason(), "True/Linked");
}

#[test]
fn another_site_before_there_is_a_link_forgets_everything_first() {
    let mut world = World::new();
    world.tenancy = Tenancy { company: CompanyAnswer::Unknown, ..Tenancy::good() };
    world.visit();
    world.tenancy = Tenancy::good();
    world.edit(|spec| spec.site_url = "eu.myconnectwise.net".to_owned());
    world.wait(MINUTE);
    let (_, trace) = world.visit();
    assert_eq!(trace.shown, ["Unknown/Pending", "Unknown/AwaitingConfirmation"]);
}

#[test]
fn edits_in_a_loop_never_ask_more_often_than_the_floor() {
    let mut world = World::new();
    let mut rounds = 0;
    for second in 0..120 {
        let name = if second % 2 == 0 { "one" } else { "two" };
        world.secret = SecretIs::Keys { public: name, revision: second };
        world.requested_at = Some(second.to_string());
        let (_, trace) = world.visit();
        rounds += trace.rounds.len();
    }
    assert!(rounds <= 5, "{rounds} rounds in two minutes");
}

#[test]
fn requested_at_forces_a_full_round_once_and_is_echoed() {
    let mut world = World::ready();
    world.wait(MINUTE);
    world.requested_at = Some("2026-01-01T00:00:00Z".to_owned());
    assert_eq!(world.visit().1.rounds, [Depth::Full]);
    assert_eq!(world.status.last_handled_reconcile_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    world.wait(MINUTE);
    assert_eq!(world.visit().1.rounds.len(), 0);
}

#[test]
fn retry_after_is_honoured_up_to_a_quarter_of_an_hour() {
    for (asked, kept) in [(Some(120), 120), (Some(86_400), 900), (None, 5), (Some(0), 5)] {
        let mut world = World::new();
        world.tenancy = Tenancy::out(Inconclusive::RateLimited(asked.map(Duration::from_secs)));
        let (settlement, _) = world.visit();
        assert_eq!(settlement.next.map(|next| next.as_secs()), Some(kept));
    }
}

#[test]
fn keys_that_change_in_a_loop_are_asked_about_once_in_each_floor() {
    let mut world = World::new();
    let mut rounds = 0;
    for second in 0..120 {
        let public = if second % 2 == 0 { "one" } else { "two" };
        world.secret = SecretIs::Keys { public, revision: second };
        rounds += world.visit().1.rounds.len();
    }
    assert!((3..=5).contains(&rounds), "{rounds} rounds in two minutes");
}

#[test]
fn a_change_of_inputs_begins_every_backoff_anew() {
    let mut world = World::new();
    world.tenancy = Tenancy::out(Inconclusive::NoSuchName);
    world.petra_fault = Some(PetraFault::Unavailable);
    for _ in 0..5 {
        world.wait(MINUTE);
        world.visit();
    }
    let backoff = world.state.backoff;
    world.state.petra_backoff = backoff;
    world.state.petra_not_before = Some(world.now.up + 60 * MINUTE);
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    world.wait(MINUTE);
    let (settlement, _) = world.visit();
    assert_eq!(settlement.next, Some(world.config.timings.retry));
    assert_eq!(world.state.backoff.looks, 1);
    assert_eq!(
        world.state.site_unreachable_since,
        Some(world.now.up),
        "the grace of another name begins anew"
    );
    assert_eq!((world.state.petra_not_before, world.state.petra_backoff.looks), (None, 0));
}

#[test]
fn the_tenant_is_forgotten_with_its_site_and_not_with_the_keys() {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    assert!(world.state.found.is_some());
    world.tenancy = outage();
    world.write_secret(SecretIs::Keys { public: "two", revision: 2 });
    world.visit();
    assert!(world.state.found.is_some(), "other keys are of the same tenant");
    world.edit(|spec| spec.site_url = "eu.myconnectwise.net".to_owned());
    world.visit();
    assert_eq!(world.state.found, None);
}

#[test]
fn an_unknown_tenant_is_looked_for_once_in_each_floor() {
    let mut world = World::new();
    world.petra_fault = Some(PetraFault::Unavailable);
    world.visit();
    world.restart();
    world.petra_fault = None;
    world.petra_answered = true;
    world.tenancy = outage();
    world.state.first_seen = Some(Duration::ZERO);
    let (_, trace) = world.visit();
    assert_eq!(trace.rounds, [Depth::Full]);
    let (settlement, trace) = world.visit();
    assert_eq!(
        (trace.rounds.len(), settlement.next),
        (0, Some(world.config.timings.floor.saturating_sub(Duration::from_secs(1))))
    );
}
