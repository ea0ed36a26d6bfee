//! Liveness: whether a restart would help.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;

/// Fails when work waits and none completes, or when the queue's own task no longer turns.
///
/// Both limits are far beyond any legitimate wait: a restart fixes a deadlock, and nothing else that liveness could see. An
/// outage of ConnectWise, of Petra or of the API server must never restart the operator.
#[derive(Debug)]
pub struct Liveness {
    clock: Clock,
    marks: Mutex<Marks>,
}

#[derive(Clone, Copy, Debug)]
struct Marks {
    /// When the queue's task last turned.
    turned: Duration,
    /// Since when work waits without any completing; `None` while there is none.
    waiting: Option<Duration>,
}

impl Liveness {
    /// The longest legitimate time without a completed reconcile: a full round of a slow tenant, each call timing out, behind
    /// a rate limit.
    const COMPLETE: Duration = Duration::from_mins(20);
    /// The queue's task turns every few seconds.
    const TURN: Duration = Duration::from_mins(2);

    /// Alive from now on.
    #[must_use]
    pub(crate) fn new(clock: Clock) -> Self {
        let marks = Marks { turned: clock.now().up, waiting: None };
        Self { clock, marks: Mutex::new(marks) }
    }

    /// The queue's task turned.
    pub(crate) fn tick(&self) {
        let now = self.clock.now().up;
        self.update(|marks| marks.turned = now);
    }

    /// There is work.
    pub(crate) fn work_waits(&self) {
        let now = self.clock.now().up;
        self.update(|marks| {
            marks.waiting.get_or_insert(now);
        });
    }

    /// Some work completed; `more` says whether there is more.
    pub(crate) fn work_completed(&self, more: bool) {
        let now = self.clock.now().up;
        self.update(|marks| marks.waiting = more.then_some(now));
    }

    /// What was to be done has gone away, and nothing else is.
    pub(crate) fn idle(&self) {
        self.update(|marks| marks.waiting = None);
    }

    /// Whether anything is to be done.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self) -> bool {
        self.marks.lock().waiting.is_some()
    }

    /// Whether the operator is alive.
    ///
    /// # Errors
    ///
    /// A sentence that says what hangs.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let marks = *self.marks.lock();
        marks.judge(self.clock.now().up)
    }

    fn update(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut self.marks.lock());
    }
}

impl Marks {
    fn judge(self, now: Duration) -> Result<(), &'static str> {
        if now.saturating_sub(self.turned) > Liveness::TURN {
            return Err("the queue of links no longer turns");
        }
        if self.waiting.is_some_and(|since| now.saturating_sub(since) > Liveness::COMPLETE) {
            return Err("links wait for a reconcile and none completes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn an_idle_operator_stays_alive_however_long_nothing_happens() {
        assert_eq!(Marks { turned: 100 * HOUR, waiting: None }.judge(100 * HOUR), Ok(()));
    }

    #[test]
    fn work_that_waits_while_none_completes_fails_after_a_generous_time() {
        let after = |waited| Marks { turned: HOUR + waited, waiting: Some(HOUR) }.judge(HOUR + waited);
        assert_eq!(after(Liveness::COMPLETE), Ok(()));
        assert!(after(Liveness::COMPLETE + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn a_queue_that_no_longer_turns_fails() {
        let marks = Marks { turned: HOUR, waiting: None };
        assert!(marks.judge(HOUR + Liveness::TURN + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn every_completed_reconcile_restarts_the_wait() {
        let liveness = Liveness::new(Clock::start());
        liveness.work_waits();
        liveness.work_completed(false);
        assert!(liveness.marks.lock().waiting.is_none());
        liveness.work_waits();
        let before = liveness.marks.lock().waiting.expect("work waits");
        liveness.work_waits();
        assert_eq!(liveness.marks.lock().waiting, Some(before), "waiting longer is not progress");
        liveness.work_completed(true);
        assert!(liveness.marks.lock().waiting >= Some(before));
    }
}
