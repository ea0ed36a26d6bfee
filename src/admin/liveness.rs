//! Liveness: whether a restart would help.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;

/// Fails when the loop of the queue no longer turns: then no link is reconciled any more, and a restart helps.
///
/// Work that takes long is no failure, however long it takes: an outage or a slow server, of ConnectWise, of Petra or of
/// the API server, must never restart the operator.
#[derive(Debug)]
pub struct Liveness {
    clock: Clock,
    /// When the loop last turned.
    turned: Mutex<Duration>,
}

impl Liveness {
    /// The loop turns every few seconds.
    const TURN: Duration = Duration::from_mins(2);

    /// Alive from now on.
    #[must_use]
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, turned: Mutex::new(clock.now().up) }
    }

    /// The loop turned.
    pub(crate) fn tick(&self) {
        *self.turned.lock() = self.clock.now().up;
    }

    /// Whether the operator is alive.
    ///
    /// # Errors
    ///
    /// A sentence that says what hangs.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        self.check_at(self.clock.now().up)
    }

    fn check_at(&self, now: Duration) -> Result<(), &'static str> {
        let still = now.saturating_sub(*self.turned.lock());
        if still > Self::TURN { Err("the queue of links no longer turns") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_no_longer_turns_is_not_alive() {
        let liveness = Liveness::new(Clock::start());
        let turned = *liveness.turned.lock();
        assert_eq!(liveness.check_at(turned + Liveness::TURN), Ok(()));
        assert!(liveness.check_at(turned + Liveness::TURN + Duration::from_secs(1)).is_err());
        liveness.tick();
        assert!(*liveness.turned.lock() >= turned);
    }
}
