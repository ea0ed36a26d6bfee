//! Every state that a link goes through, as the API server tells it.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::admin_api::AdminApi;
use crate::{Error, PATIENCE, Result, Status};

/// The states of one link from now on, the present one first. Ends when the API server ends it.
pub struct LinkWatch {
    task: JoinHandle<()>,
    states: Receiver<Value>,
}

impl LinkWatch {
    pub(crate) fn start(api: &AdminApi, namespace: &str, name: &str) -> Self {
        let (task, states) = api.watch_link(namespace, name);
        Self { task, states }
    }

    /// The next state, once there is one.
    ///
    /// # Errors
    ///
    /// None came in time, or none will come any more.
    pub fn next(&mut self, within: Duration) -> std::result::Result<Value, RecvTimeoutError> {
        self.states.recv_timeout(within)
    }

    /// Every state up to the first that is wanted, that one last.
    ///
    /// # Errors
    ///
    /// None is as wanted within [`PATIENCE`].
    pub fn until(&mut self, what: &str, mut is_wanted: impl FnMut(&Status) -> bool) -> Result<Vec<Value>> {
        let started = Instant::now();
        let mut states = Vec::new();
        while let Ok(state) = self.next(PATIENCE.saturating_sub(started.elapsed())) {
            let found = is_wanted(&Status::of(&state));
            states.push(state);
            if found {
                return Ok(states);
            }
        }
        let last =
            states.last().map_or_else(|| "nothing".to_owned(), |state| format!("{:#}", state["status"]));
        Err(Error::NotInTime { what: what.to_owned(), seconds: PATIENCE.as_secs(), last })
    }
}

impl Drop for LinkWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
