//! Who acts: of several replicas the one that holds a Lease.
//!
//! Every replica watches and keeps its caches warm; only the leader reconciles, polls Petra and changes anything.
//! [`Election`] holds the Lease by client-go's rules. The rest of the operator sees a [`Leadership`]: when it begins, and,
//! as the fence before each change at Petra, whether it surely lasts long enough.
//!
//! The fence is only the first of two guards. A process can be frozen between the question and the sending, and clocks
//! can stop with a suspended machine; `expectedVersion` and `notAfter`, judged at Petra, hold then too.

mod election;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::petra::client::Fence;

pub use election::{Election, LeadershipLost};

/// Whether this replica leads, as the rest of the operator sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<State>);

#[derive(Debug)]
struct State {
    began: CancellationToken,
    /// When it began.
    began_at: OnceLock<Instant>,
    tenure: Mutex<Tenure>,
}

/// How long this replica surely leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tenure {
    /// It does not, or is not sure.
    Unsure,
    /// No other replica takes the Lease before this moment.
    Until(Instant),
    /// There is no other replica, as the settings say.
    Alone,
}

impl Leadership {
    /// The leadership of an operator that runs alone, because its configuration says so.
    #[must_use]
    pub fn alone() -> Self {
        let leadership = Self::new(Tenure::Alone);
        leadership.begin();
        leadership
    }

    /// A leadership that has not begun.
    pub(crate) fn not_leading() -> Self {
        Self::new(Tenure::Unsure)
    }

    fn new(tenure: Tenure) -> Self {
        let (began, began_at) = (CancellationToken::new(), OnceLock::new());
        Self(Arc::new(State { began, began_at, tenure: Mutex::new(tenure) }))
    }

    fn begin(&self) {
        self.0.began_at.get_or_init(Instant::now);
        self.0.began.cancel();
    }

    /// Waits until this replica leads for the first time. It never leads twice: who loses the Lease ends.
    pub async fn begun(&self) {
        self.0.began.cancelled().await;
    }

    /// Whether it has begun. Says nothing of how long it lasts: see [`Fence::outlives`].
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.began.is_cancelled()
    }

    /// Does something once this replica leads.
    pub async fn then<T>(self, work: impl Future<Output = T>) -> T {
        self.begun().await;
        work.await
    }

    /// The Lease was taken or renewed, and no other replica takes it before this moment.
    pub(crate) fn extend(&self, until: Instant) {
        self.set(Tenure::Until(until));
        self.begin();
    }

    /// The Lease is given back or lost.
    fn end(&self) {
        self.set(Tenure::Unsure);
    }

    fn set(&self, tenure: Tenure) {
        *self.0.tenure.lock() = tenure;
    }
}

impl Fence for Leadership {
    fn outlives(&self, call: Duration) -> bool {
        match *self.0.tenure.lock() {
            Tenure::Unsure => false,
            Tenure::Until(end) => Instant::now() + call < end,
            Tenure::Alone => true,
        }
    }

    fn led_for(&self) -> Duration {
        self.0.began_at.get().map_or(Duration::ZERO, Instant::elapsed)
    }
}

#[cfg(test)]
mod tests;
