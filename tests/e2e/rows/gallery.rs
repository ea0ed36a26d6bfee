//! Every state of every link of a namespace, from one watch.

use std::collections::HashMap;
use std::io::BufReader;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use harness::{Cluster, Error, PATIENCE, Result};
use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::Value;

/// The states so far. Many threads wait here at once, each for its own link.
pub struct Gallery {
    kubectl: Child,
    hall: Arc<Hall>,
}

#[derive(Default)]
struct Hall {
    states: Mutex<States>,
    more: Condvar,
}

#[derive(Default)]
struct States {
    by_link: HashMap<String, Vec<Value>>,
    /// The watch has ended: nothing comes any more.
    closed: bool,
}

impl Gallery {
    /// Watches all links of a namespace from now on.
    pub fn open(cluster: &Cluster, namespace: &str) -> Result<Self> {
        let arguments = ["get", "connectwiselinks", "--namespace", namespace, "--watch", "--output=json"]
            .map(str::to_owned);
        let mut kubectl = cluster
            .kubectl_command()
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Error::Kubectl { arguments: arguments.join(" "), stderr: error.to_string() })?;
        let hall = Arc::new(Hall::default());
        if let Some(stdout) = kubectl.stdout.take() {
            let hall = Arc::clone(&hall);
            thread::spawn(move || {
                let states =
                    serde_json::Deserializer::from_reader(BufReader::new(stdout)).into_iter::<Value>();
                states.map_while(std::result::Result::ok).for_each(|state| hall.add(state));
                hall.close();
            });
        }
        Ok(Self { kubectl, hall })
    }

    /// Waits until one of all states of a link, past ones included, is as wanted, and returns what `look` made of it.
    pub fn wait<T>(&self, link: &str, what: &str, look: impl Fn(&Value) -> Option<T>) -> Result<T> {
        let started = Instant::now();
        let mut states = self.hall.lock();
        let mut seen = 0;
        loop {
            let all = states.by_link.get(link).map_or(&[][..], Vec::as_slice);
            if let Some(found) = all[seen..].iter().find_map(&look) {
                return Ok(found);
            }
            seen = all.len();
            let left = PATIENCE.saturating_sub(started.elapsed());
            if left.is_zero() || states.closed {
                let last =
                    all.last().map_or_else(|| "nothing".to_owned(), |state| format!("{:#}", state["status"]));
                return Err(Error::NotInTime { what: what.to_owned(), seconds: PATIENCE.as_secs(), last });
            }
            self.hall.more.wait_for(&mut states, left);
        }
    }
}

impl Drop for Gallery {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

impl Hall {
    fn add(&self, state: Value) {
        let link = state["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.lock().by_link.entry(link).or_default().push(state);
        self.more.notify_all();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, States> {
        self.states.lock()
    }
}
