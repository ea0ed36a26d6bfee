//! Every state that a link goes through, as the API server tells it.

use std::io::BufReader;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Cluster, Error, PATIENCE, Result, Status};

/// The states of one link from now on, the present one first. Ends when the API server ends it.
pub struct LinkWatch {
    kubectl: Child,
    states: Receiver<Value>,
}

impl LinkWatch {
    pub(crate) fn start(cluster: &Cluster, namespace: &str, name: &str) -> Result<Self> {
        let mut kubectl = cluster
            .kubectl_command()
            .args(["get", "connectwiselinks", "--namespace", namespace, "--field-selector"])
            .arg(format!("metadata.name={name}"))
            .args(["--watch", "--output=json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("running", "kubectl"))?;
        let (sender, states) = mpsc::channel();
        if let Some(stdout) = kubectl.stdout.take() {
            thread::spawn(move || {
                let states = serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter();
                // Ends with kubectl, or when nobody listens any more.
                states.map_while(std::result::Result::ok).try_for_each(|state| sender.send(state))
            });
        }
        Ok(Self { kubectl, states })
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
        // It may have ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}
