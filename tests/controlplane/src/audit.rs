//! Who asked the API server for what: the record that tests count calls by.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use crate::Error;

/// What is recorded (<https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>): never a body, so that no Secret is
/// in it, and nothing of what the control plane asks itself all the time, nor the
/// heartbeat of a leader. Each call is recorded twice: before the server handles it, and after its response.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
rules:
- level: None
  users: ['system:apiserver', 'system:kube-controller-manager']
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  userGroups: ['system:serviceaccounts:kube-system']
- level: Metadata
";

/// How long a call may take from its first record to its last. A server that was killed never writes the last.
const LONGEST_CALL: Duration = Duration::from_secs(10);

/// One call to the API server that has ended; a watch ends late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Who called, such as `system:serviceaccount:cwlink-system:cwlink`.
    pub user: String,
    /// The verb as RBAC knows it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …
    pub verb: String,
    /// The kind of object in the plural, such as `secrets`; empty for other paths than objects'.
    pub resource: String,
    /// The part of the object, such as `status`; else empty.
    pub subresource: String,
    /// Its namespace; empty where there is none, or all are meant.
    pub namespace: String,
    /// Its name; empty where no single object is meant, or the server chose it.
    pub name: String,
    /// HTTP status of the answer; 0 where there was none.
    pub status: u16,
    /// Whether nothing was to be stored (`dryRun`).
    pub trial: bool,
}

impl AuditEvent {
    /// Whether the call changes something, or tries to. One that only asks whether it would be taken does not.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.trial && !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    fn of(event: &Value) -> Self {
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let status = event.pointer("/responseStatus/code").and_then(Value::as_u64);
        Self {
            user: text("/user/username"),
            verb: text("/verb"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            trial: text("/requestURI").contains("dryRun=All"),
            status: status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        }
    }
}

/// The record so far. Each line is read once, because the record grows as long as its API server runs.
pub(crate) struct AuditLog {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// How many bytes were read: whole lines alone.
    bytes: u64,
    /// Calls that have ended, in that order.
    ended: Vec<AuditEvent>,
    /// Calls that have not, by their `auditID`; watches are left out.
    open: HashMap<String, AuditEvent>,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// The calls of one user, in the order in which they ended. A watch shows a change before the server records that the
    /// call has ended, so this waits for the calls of the user that the server has received. A call that does not end in
    /// [`LONGEST_CALL`] is counted without a status.
    pub(crate) fn events_by(&self, user: &str) -> Result<Vec<AuditEvent>, Error> {
        let deadline = Instant::now() + LONGEST_CALL;
        let mut received = self.read()?.open_of(user);
        while !received.is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
            let read = self.read()?;
            received.retain(|id| read.open.contains_key(id));
        }
        let mut read = self.read()?;
        for id in received {
            let call = read.open.remove(&id);
            read.ended.extend(call);
        }
        Ok(read.ended.iter().filter(|event| event.user == user).cloned().collect())
    }

    fn read(&self) -> Result<MutexGuard<'_, Read>, Error> {
        let mut read = self.read.lock();
        read.go_on(&self.path).map_err(Error::io("reading", &self.path))?;
        Ok(read)
    }
}

impl Read {
    fn go_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.bytes += line.len() as u64;
            if let Ok(event) = serde_json::from_slice::<Value>(&line) {
                self.add(&event);
            }
            line.clear();
        }
        Ok(())
    }

    fn add(&mut self, event: &Value) {
        let call = AuditEvent::of(event);
        let id = event["auditID"].as_str().unwrap_or_default();
        if event["stage"] != "RequestReceived" {
            // A call that was given up is counted already.
            if self.open.remove(id).is_some() || call.verb == "watch" {
                self.ended.push(call);
            }
        } else if call.verb != "watch" {
            self.open.insert(id.to_owned(), call);
        }
    }

    fn open_of(&self, user: &str) -> Vec<String> {
        self.open.iter().filter(|(_, call)| call.user == user).map(|(id, _)| id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "system:serviceaccount:cwlink-system:cwlink";

    /// Both records of one call.
    fn call(id: &str) -> [String; 2] {
        let line = |stage: &str, response: &str| {
            let event = format!(
                r#"{{"kind":"Event","level":"Metadata","auditID":"{id}","stage":"{stage}","verb":"update",
                "user":{{"username":"{USER}"}},"objectRef":{{"resource":"connectwiselinks","namespace":"demo",
                "name":"acme","subresource":"status"}}{response}}}"#
            );
            event.replace('\n', " ") + "\n"
        };
        [line("RequestReceived", ""), line("ResponseComplete", r#","responseStatus":{"code":409}"#)]
    }

    #[test]
    fn an_event_tells_who_did_what_to_which_object() {
        let [_, ended] = call("a");
        let event = AuditEvent::of(&serde_json::from_str(&ended).expect("an event"));
        assert_eq!(event.user, USER);
        assert_eq!((event.verb.as_str(), event.status), ("update", 409));
        assert_eq!((event.resource.as_str(), event.subresource.as_str()), ("connectwiselinks", "status"));
        assert_eq!((event.namespace.as_str(), event.name.as_str()), ("demo", "acme"));
        assert!(event.is_write());
        let trial = ended.replace(r#""verb""#, r#""requestURI":"/apis/x?&dryRun=All","verb""#);
        assert!(!AuditEvent::of(&serde_json::from_str(&trial).expect("an event")).is_write());
    }

    #[test]
    fn each_line_is_read_once_and_an_unfinished_one_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let log = AuditLog::new(path.clone());
        let count = |text: String| {
            std::fs::write(&path, text).expect("written");
            (
                log.events_by(USER).expect("it is read").len(),
                log.events_by("another").expect("it is read").len(),
            )
        };
        let [one, two] = [call("a").concat(), call("b").concat()];
        let (start, end) = two.split_at(two.find('\n').expect("two lines") / 2);
        assert_eq!(count(format!("{one}{start}")), (1, 0));
        assert_eq!(count(format!("{one}{start}{end}")), (2, 0));
        assert_eq!(count(format!("{one}{two}{}", call("c").concat())), (3, 0));
    }

    #[test]
    fn a_call_that_the_server_received_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let log = AuditLog::new(path.clone());
        let [received, ended] = call("a");
        std::fs::write(&path, &received).expect("written");
        let statuses: Vec<_> = thread::scope(|scope| {
            let reader = scope.spawn(|| log.events_by(USER).expect("it is read"));
            while log.read.lock().bytes == 0 {
                thread::yield_now();
            }
            assert!(log.events_by("another").expect("it is read").is_empty());
            std::fs::write(&path, received.clone() + &ended).expect("written");
            reader.join().expect("it does not panic").iter().map(|call| call.status).collect()
        });
        assert_eq!(statuses, [409]);
    }
}
