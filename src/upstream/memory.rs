//! How much memory the answers of all checks may take together.
//!
//! Real answers are small. A check holds them without asking, within [`SMALL_BODY`] and [`SMALL_VALUES`]. A check whose
//! answers are larger claims a place first, of which the [`Budget`] has a few, and waits until one is free. It keeps the
//! place until it ends and needs no second one, so that checks with places never wait for each other.

use std::sync::Arc;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// The largest body that a check reads without a place.
pub(crate) const SMALL_BODY: usize = 256 << 10;
/// The most memory that the values of answers take without a place, as [`super::json::weight`] estimates it.
pub(crate) const SMALL_VALUES: usize = 1 << 20;
/// The most memory that one check with a place takes.
pub(crate) const LARGE: usize = 32 << 20;
/// The most memory that all checks with places take. The limit of the shipped pod is 256 MiB.
pub(crate) const ALL: usize = 96 << 20;

/// The memory for large answers of all checks.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL / LARGE)))
    }
}

impl Budget {
    /// What one check may hold. It holds no place yet.
    pub(crate) fn of_check(&self) -> Memory {
        Memory { budget: self.clone(), place: OnceCell::new() }
    }
}

/// The memory of one check. Dropping it gives the place back.
#[derive(Debug)]
pub struct Memory {
    budget: Budget,
    place: OnceCell<OwnedSemaphorePermit>,
}

impl Memory {
    /// Claims a place if one is free, and says whether the check has one now.
    pub(super) fn try_claim(&self) -> bool {
        if let Some(place) =
            (!self.place.initialized()).then(|| Arc::clone(&self.budget.0).try_acquire_owned().ok()).flatten()
        {
            // Another call of the same check may be claiming right now; then one of the two places goes back.
            let _ = self.place.set(place);
        }
        self.place.initialized()
    }

    /// Waits for a place, in turn.
    pub(super) async fn claim(&self) {
        let claimed = async { Arc::clone(&self.budget.0).acquire_owned().await };
        // The semaphore is never closed.
        let _ = self.place.get_or_try_init(|| claimed).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn as_many_checks_as_there_are_places_hold_large_answers() {
        let budget = Budget::default();
        let mut checks: Vec<Memory> = (0..ALL / LARGE).map(|_| budget.of_check()).collect();
        assert!(checks.iter().all(Memory::try_claim));
        assert!(checks.iter().all(Memory::try_claim), "a check needs no second place");
        let other = budget.of_check();
        assert!(!other.try_claim() && other.claim().now_or_never().is_none());
        checks.pop();
        assert_eq!(other.claim().now_or_never(), Some(()));
        assert_eq!(budget.0.available_permits(), 0);
        drop((checks, other));
        assert_eq!(budget.0.available_permits(), ALL / LARGE);
    }
}
