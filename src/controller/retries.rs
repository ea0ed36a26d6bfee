//! How long a link waits after its reconcile failed for a reason that is no verdict.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::crd::LinkRef;
use crate::timings::{Timings, doubled};

/// Counts failures in a row, in memory: a restart starts over.
#[derive(Debug)]
pub(super) struct Retries {
    first: Duration,
    longest: Duration,
    jitter: f64,
    failures: Mutex<HashMap<LinkRef, u32>>,
}

impl Retries {
    pub(super) fn new(timings: &Timings) -> Self {
        Self {
            first: timings.retry,
            longest: timings.retry_max,
            jitter: timings.jitter,
            failures: Mutex::default(),
        }
    }

    /// The delay after one more failure: doubled each time up to the longest, shifted by the jitter so that links which
    /// failed together do not come back together.
    pub(super) fn failed(&self, link: &LinkRef) -> Duration {
        let mut failures = self.failures.lock();
        let count = failures.entry(link.clone()).or_default();
        let delay = doubled(self.first, *count, self.longest);
        *count += 1;
        delay.mul_f64(1.0 + self.jitter * (2.0 * fastrand::f64() - 1.0))
    }

    /// The link was reconciled, or is gone.
    pub(super) fn clear(&self, link: &LinkRef) {
        self.failures.lock().remove(link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_the_longest_and_start_over_after_a_success() {
        let retries = Retries::new(&Timings { jitter: 0.0, ..Timings::default() });
        let link = LinkRef::new("a", "1");
        let delays: Vec<u64> = (0..9).map(|_| retries.failed(&link).as_secs()).collect();
        assert_eq!(delays, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(retries.failed(&LinkRef::new("a", "2")).as_secs(), 5);
        retries.clear(&link);
        assert_eq!(retries.failed(&link).as_secs(), 5);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let timings = Timings::default();
        let retries = Retries::new(&timings);
        for n in 0..200 {
            let delay = retries.failed(&LinkRef::new("a", &n.to_string()));
            assert!(
                delay >= timings.retry.mul_f64(0.849) && delay <= timings.retry.mul_f64(1.151),
                "{delay:?}"
            );
        }
    }
}
