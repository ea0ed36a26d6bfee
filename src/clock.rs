//! The one source of time.
//!
//! Rules never ask the system for the time: they are handed a [`Now`]. Periods that only this process knows (backoff,
//! grace, debounce) are measured on `up`, which no operator of the machine can set back; times that outlive the process
//! (status, deletion) are compared on `wall`.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The time of day, as written to `status`.
    pub wall: Timestamp,
    /// Time since this process started, monotonic.
    pub up: Duration,
}

impl Now {
    /// The whole second of `wall`, which is what `status` can hold (RFC 3339, as `metav1.Time`).
    #[must_use]
    pub fn wall_second(&self) -> Timestamp {
        Timestamp::from_second(self.wall.as_second()).unwrap_or(self.wall)
    }

    /// How long ago `then` was by the wall clock; zero when it lies ahead.
    #[must_use]
    pub fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.wall.duration_since(then)).unwrap_or(Duration::ZERO)
    }

    /// This moment, `later` further on.
    #[must_use]
    pub fn plus(&self, later: Duration) -> Self {
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
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { wall: Timestamp::now(), up: self.started.elapsed() }
    }
}
