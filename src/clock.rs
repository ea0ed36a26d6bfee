//! The one source of time.
//!
//! Rules never ask the system for the time: they are handed a [`Now`]. Periods that only this process knows (backoff,
//! grace, debounce) are measured on `up`, which no operator of the machine can set back; times that outlive the process
//! (status, deletion) are compared on `wall`.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// How far apart the wall clocks of two replicas may be.
const SKEW: Duration = Duration::from_mins(1);

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time of day, as written to `status`.
    pub wall: Timestamp,
    /// Time since this process started, monotonic.
    pub up: Duration,
}

impl Now {
    /// How long ago `then` was by the wall clock; zero when it lies ahead.
    #[must_use]
    pub(crate) fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(then)).unwrap_or(Duration::ZERO)
    }

    /// How long ago `then` was, which somebody wrote down by the wall clock: as long as can be when it lies more than
    /// [`SKEW`] ahead. No clock of ours wrote that, or it was set back since; taken for a moment ago, it would hold for as
    /// long as it lies ahead.
    #[must_use]
    pub(crate) fn since_record(&self, then: Timestamp) -> Duration {
        let ahead = Duration::try_from(then.duration_since(self.wall)).unwrap_or(Duration::ZERO);
        if ahead > SKEW { Duration::MAX } else { self.since(then) }
    }

    /// This moment, `later` further on.
    #[must_use]
    pub(crate) fn plus(&self, later: Duration) -> Self {
        Self { wall: self.wall.checked_add(later).unwrap_or(Timestamp::MAX), up: self.up + later }
    }
}

/// Reads both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose `up` begins now.
    #[must_use]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The present moment.
    #[must_use]
    pub(crate) fn now(&self) -> Now {
        Now { wall: Timestamp::now(), up: self.started.elapsed() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_the_future_is_as_old_as_can_be() {
        let now = Clock::start().now();
        let ago = |seconds: i64| now.since_record(now.wall - jiff::SignedDuration::from_secs(seconds));
        assert_eq!([ago(90), ago(0), ago(-60)].map(|age| age.as_secs()), [90, 0, 0]);
        assert_eq!([ago(-61), ago(-31_536_000)], [Duration::MAX; 2]);
    }
}
