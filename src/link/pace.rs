//! How often one link is written: a guard that no rule can get around.
//!
//! Every visit passes it, and every write counts. A link may be written [`BURST`] times at once and once per floor after
//! that, until its spec, its Secret or `requestedAt` changes. Whatever makes the rules write the same link again and again (a
//! second operator, a client that rewrites the status, a fault in a rule), the API server does not feel it.

use std::time::Duration;

use super::intervals;
use crate::clock::Now;
use crate::crd::SecretLookup;
use crate::timings::{Timings, doubled};

/// Writes that may follow each other at once. A new link takes about six from the first status to `Linked`.
const BURST: u32 = 12;

/// What the writes of a link answer to. Another cause starts the count again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cause {
    /// `metadata.generation`: the spec, and the deletion.
    pub generation: i64,
    /// The annotation `requestedAt`.
    pub requested_at: Option<String>,
    /// What the watch knows of the Secret.
    pub secret: SecretLookup,
}

/// The writes of one link, as far as they limit the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pace {
    cause: Option<Cause>,
    /// When the link may be written [`BURST`] times at once again, on the monotonic clock. Each write moves it by a floor.
    rested_at: Duration,
    /// How many writes in a row the API server refused.
    refused: u32,
    /// No visit before this moment, on the monotonic clock: the API server refused the last write.
    not_before: Duration,
}

impl Pace {
    /// How long a visit for this cause must wait; `None`: it may begin.
    pub(crate) fn wait(&mut self, cause: Cause, floor: Duration, now: Now) -> Option<Duration> {
        if self.cause.as_ref() != Some(&cause) {
            *self = Self { cause: Some(cause), ..Self::default() };
        }
        let next_write = self.rested_at.saturating_sub(floor * (BURST - 1));
        let wait = next_write.max(self.not_before).saturating_sub(now.up);
        (!wait.is_zero()).then_some(wait)
    }

    /// The link was written, or somebody else was first.
    pub(crate) fn wrote(&mut self, floor: Duration, now: Now) {
        self.rested_at = self.rested_at.max(now.up) + floor;
    }

    /// The API server took a write.
    pub(crate) fn accepted(&mut self) {
        self.refused = 0;
        self.not_before = Duration::ZERO;
    }

    /// The API server refused a write. Returns when to try again: the delay grows with each refusal.
    pub(crate) fn refused(&mut self, timings: &Timings, uid: &str, now: Now) -> Duration {
        let delay = doubled(timings.retry, self.refused, timings.retry_max);
        let delay = intervals::jittered(timings, delay, uid, u64::from(self.refused));
        self.refused = self.refused.saturating_add(1);
        self.not_before = now.up + delay;
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Duration = Duration::from_secs(30);

    fn at(second: u64) -> Now {
        Now { wall: jiff::Timestamp::UNIX_EPOCH, up: Duration::from_secs(second) }
    }

    fn cause(generation: i64) -> Cause {
        Cause { generation, requested_at: None, secret: SecretLookup::Absent }
    }

    /// How many visits of an hour that write once each may begin, with one tried each second.
    fn visits(pace: &mut Pace, generation: impl Fn(u64) -> i64) -> u32 {
        let mut count = 0;
        for second in 0..3600 {
            if pace.wait(cause(generation(second)), FLOOR, at(second)).is_none() {
                pace.wrote(FLOOR, at(second));
                count += 1;
            }
        }
        count
    }

    #[test]
    fn in_an_hour_a_link_is_written_once_per_floor_and_a_burst_more() {
        assert_eq!(visits(&mut Pace::default(), |_| 1), 120 + BURST - 1);
    }

    #[test]
    fn an_edit_is_answered_at_once_however_much_was_written_before() {
        let edited_each_minute = visits(&mut Pace::default(), |second| (second / 60).cast_signed());
        assert_eq!(edited_each_minute, 60 * (BURST + 1), "a burst for each edit, and one more after a floor");
    }

    #[test]
    fn a_visit_that_writes_often_makes_the_next_one_wait_for_all_of_it() {
        let mut pace = Pace::default();
        assert_eq!(pace.wait(cause(1), FLOOR, at(0)), None);
        for _ in 0..20 {
            pace.wrote(FLOOR, at(0));
        }
        assert_eq!(pace.wait(cause(1), FLOOR, at(0)), Some(FLOOR * (20 - (BURST - 1))));
    }

    #[test]
    fn refusals_double_the_delay_until_a_write_is_taken_or_an_edit_comes() {
        let timings = Timings { jitter: 0.0, ..Timings::default() };
        let mut pace = Pace::default();
        assert_eq!(pace.wait(cause(1), FLOOR, at(0)), None);
        let delays: Vec<u64> = (0..8).map(|_| pace.refused(&timings, "uid", at(0)).as_secs()).collect();
        assert_eq!(delays, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pace.wait(cause(1), FLOOR, at(60)), Some(Duration::from_mins(4)));
        assert_eq!(pace.wait(cause(2), FLOOR, at(60)), None, "an edit is tried at once");
        assert_eq!(pace.refused(&timings, "uid", at(60)).as_secs(), 5);
        pace.accepted();
        assert_eq!(pace.wait(cause(2), FLOOR, at(61)), None);
    }
}
