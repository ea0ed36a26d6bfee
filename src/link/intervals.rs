//! When a link is looked at again: the published timetable, as pure functions.

use std::time::Duration;

use super::reason_class::BackoffKind;
use super::state::{Backoff, LinkState};
use super::subject::Subject;
use crate::clock::Now;
use crate::crd::Reason;
use crate::timings::{Timings, doubled};

/// The next delay of a backoff of this kind, without jitter, and the backoff that remembers it.
#[must_use]
pub(crate) fn backoff_delay(
    timings: &Timings,
    backoff: Backoff,
    kind: BackoffKind,
    now: Now,
) -> (Duration, Backoff) {
    let same = backoff.kind == Some(kind);
    let backoff = if same { backoff } else { Backoff { kind: Some(kind), looks: 0, since: now.up } };
    let delay = match kind {
        BackoffKind::Fixing if now.up.saturating_sub(backoff.since) < timings.recheck_for => timings.recheck,
        BackoffKind::Fixing => timings.recheck_later,
        BackoffKind::Rejected => doubled(timings.refused, backoff.looks, timings.refused_max),
        BackoffKind::Inconclusive => doubled(timings.retry, backoff.looks, timings.retry_max),
        BackoffKind::Held => doubled(timings.held_retry, backoff.looks, timings.held_retry_max),
    };
    (delay, Backoff { looks: backoff.looks.saturating_add(1), ..backoff })
}

/// How long a server asked to wait with `Retry-After`, up to [`Timings::retry_after_max`].
#[must_use]
pub(crate) fn retry_after(timings: &Timings, asked: Option<Duration>) -> Duration {
    asked.map_or(Duration::ZERO, |wait| timings.scale(wait.min(timings.retry_after_max)))
}

/// How the checks of a fault that ConnectWise or Petra reported repeat.
#[must_use]
pub fn backoff_of(fault: Reason) -> BackoffKind {
    fault.class().backoff.unwrap_or(BackoffKind::Rejected)
}

/// A delay shifted by at most [`Timings::jitter`] of itself, the same for the same link at the same look, so that links
/// spread out and a test can tell the result beforehand.
#[must_use]
pub(crate) fn jittered(timings: &Timings, delay: Duration, uid: &str, look: u64) -> Duration {
    // FNV-1a: a fair spread is all that is asked of it.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in uid.bytes().chain(look.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let part = f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    delay.mul_f64(1.0 + timings.jitter * (2.0 * part - 1.0))
}

/// When a healthy link is due for its routine check, on the monotonic clock.
///
/// After a restart the stored `lastValidatedTime` counts, so that a restart asks nobody; a link that became due while no
/// operator ran waits a random part of half an interval, so that a fleet does not ask at once.
#[must_use]
pub(crate) fn routine_due(subject: &Subject, state: &LinkState, timings: &Timings, now: Now) -> Duration {
    if let Some(at) = state.not_before {
        return at;
    }
    let first_seen = state.first_seen.unwrap_or(now.up);
    let seed = subject.status.last_validated_time.map_or(0, |at| at.0.as_second().unsigned_abs());
    let period = jittered(timings, subject.interval, &subject.uid, seed);
    let age = subject.status.last_validated_time.map_or(Duration::MAX, |at| now.since_record(at.0));
    let seen_for = now.up.saturating_sub(first_seen);
    match period.checked_sub(age.saturating_sub(seen_for)) {
        Some(rest) if !rest.is_zero() => first_seen + rest,
        _ => first_seen + subject.interval.mul_f64(0.5 * spread(&subject.uid)),
    }
}

/// A number from 0 to 1 that is the link's own.
#[must_use]
pub(crate) fn spread(uid: &str) -> f64 {
    let even = Timings { jitter: 1.0, ..Timings::default() };
    jittered(&even, Duration::from_secs(1), uid, 0).as_secs_f64() / 2.0
}

/// How far apart links are woken when all of so many have a reason to be looked at: a few one after the other, many within
/// the jitter of an interval, as their routine checks are.
#[must_use]
pub(crate) fn apart(timings: &Timings, links: usize) -> Duration {
    let share = timings.jitter / f64::from(u32::try_from(links.max(1)).unwrap_or(u32::MAX));
    timings.retry.min(timings.interval.mul_f64(share))
}

/// How long a Ready link may go without a conclusive round.
#[must_use]
pub(crate) fn stale_after(subject: &Subject, timings: &Timings) -> Duration {
    subject.interval.saturating_mul(timings.stale_intervals).min(timings.stale_cap)
}

/// How long the operator that serves a link may write nothing before another one takes the link over: three intervals, but
/// longer than any delay of the operator itself.
#[must_use]
pub(crate) fn claim_lasts(subject: &Subject, timings: &Timings) -> Duration {
    let interval = subject.interval.max(timings.interval);
    interval.saturating_mul(timings.stale_intervals).min(timings.stale_cap)
}

/// How long the operator that serves a link writes nothing at most: a sixth of the period is left for a slow API server.
/// Checks of a link that is not suspended normally write more often.
#[must_use]
pub(crate) fn claim_renewed_after(subject: &Subject, timings: &Timings) -> Duration {
    claim_lasts(subject, timings).mul_f64(5.0 / 6.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_shifted_by_at_most_the_jitter_to_both_sides_and_evenly() {
        let timings = Timings::default();
        let delay = Duration::from_secs(1000);
        let shifted: Vec<_> =
            (0..1000).map(|nth| jittered(&timings, delay, &format!("uid-{nth}"), 0).as_secs_f64()).collect();
        assert!(shifted.iter().all(|it| (849.9..=1150.1).contains(it)));
        for tenth in 0..10 {
            let from = 850.0 + 30.0 * f64::from(tenth);
            let within = shifted.iter().filter(|it| (from..from + 30.0).contains(*it)).count();
            assert!((50..=200).contains(&within), "{within} of 1000 from {from}");
        }
        let looks = (0..100).map(|look| jittered(&timings, delay, "uid", look));
        assert!(
            looks.collect::<std::collections::HashSet<_>>().len() > 90,
            "each look has a shift of its own"
        );
    }

    #[test]
    fn a_links_own_number_is_anywhere_from_nought_to_one() {
        let numbers: Vec<_> = (0..1000).map(|nth| spread(&format!("uid-{nth}"))).collect();
        assert!(numbers.iter().all(|it| (0.0..=1.0).contains(it)));
        let within = |from: f64| numbers.iter().filter(|it| (from..from + 0.1).contains(*it)).count();
        assert!(within(0.0) >= 50 && within(0.9) >= 50);
    }

    #[test]
    fn what_a_person_fixes_is_checked_less_often_after_fifteen_minutes() {
        let timings = Timings::default();
        let began = Now { wall: jiff::Timestamp::UNIX_EPOCH, up: Duration::from_hours(1) };
        let (first, backoff) = backoff_delay(&timings, Backoff::default(), BackoffKind::Fixing, began);
        let (later, _) =
            backoff_delay(&timings, backoff, BackoffKind::Fixing, began.plus(timings.recheck_for));
        assert_eq!((first, later), (timings.recheck, timings.recheck_later));
    }

    #[test]
    fn a_few_links_are_woken_soon_and_many_within_the_jitter_of_an_interval() {
        let timings = Timings::default();
        assert_eq!((apart(&timings, 1), apart(&timings, 20)), (timings.retry, timings.retry));
        let whole = apart(&timings, 5000) * 5000;
        assert!(
            whole <= timings.interval.mul_f64(timings.jitter) && whole > timings.interval / 10,
            "{whole:?}"
        );
    }
}
