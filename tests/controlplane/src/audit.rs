//! Who asked the API server for what: the record that tests count calls by.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde_json::Value;

use crate::Error;

/// What is recorded (<https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>): never a body, so that no Secret is
/// in it, and nothing of what the control plane asks itself all the time, nor the
/// heartbeat of a leader.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: None
  users: ['system:apiserver', 'system:kube-controller-manager']
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  userGroups: ['system:serviceaccounts:kube-system']
- level: Metadata
";

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
}

impl AuditEvent {
    /// Whether the call changes something, or tries to.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let event: Value = serde_json::from_slice(line).ok()?;
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let status = event.pointer("/responseStatus/code").and_then(Value::as_u64);
        Some(Self {
            user: text("/user/username"),
            verb: text("/verb"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            status: status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        })
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
    events: Vec<AuditEvent>,
}

impl AuditLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: Mutex::default() }
    }

    /// The events of one user, in the order in which the calls ended. The last line is left out while it is being written.
    pub(crate) fn events_by(&self, user: &str) -> Result<Vec<AuditEvent>, Error> {
        let mut read = self.read.lock();
        read.go_on(&self.path).map_err(Error::io("reading", &self.path))?;
        Ok(read.events.iter().filter(|event| event.user == user).cloned().collect())
    }
}

impl Read {
    fn go_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = BufReader::new(File::open(path)?);
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut line = Vec::new();
        while file.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            self.bytes += line.len() as u64;
            self.events.extend(AuditEvent::parse(&line));
            line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","verb":"update",
        "user":{"username":"system:serviceaccount:cwlink-system:cwlink"},
        "objectRef":{"resource":"connectwiselinks","namespace":"demo","name":"acme","subresource":"status"},
        "responseStatus":{"code":409}}"#;

    #[test]
    fn an_event_tells_who_did_what_to_which_object() {
        let event = AuditEvent::parse(LINE.as_bytes()).expect("a whole line");
        assert_eq!(event.user, "system:serviceaccount:cwlink-system:cwlink");
        assert_eq!((event.verb.as_str(), event.status), ("update", 409));
        assert_eq!((event.resource.as_str(), event.subresource.as_str()), ("connectwiselinks", "status"));
        assert_eq!((event.namespace.as_str(), event.name.as_str()), ("demo", "acme"));
        assert!(event.is_write());
    }

    #[test]
    fn each_line_is_read_once_and_an_unfinished_one_when_it_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.log");
        let line = LINE.replace('\n', " ") + "\n";
        let (start, end) = line.split_at(line.len() / 2);
        let user = "system:serviceaccount:cwlink-system:cwlink";
        let log = AuditLog::new(path.clone());
        let count = |text: String| {
            std::fs::write(&path, text).expect("written");
            (
                log.events_by(user).expect("it is read").len(),
                log.events_by("another").expect("it is read").len(),
            )
        };
        assert_eq!(count(format!("{line}{start}")), (1, 0));
        assert_eq!(count(format!("{line}{start}{end}")), (2, 0));
        assert_eq!(count(format!("{line}{line}{line}")), (3, 0));
    }

    #[test]
    fn a_line_that_is_still_being_written_is_no_event() {
        assert_eq!(AuditEvent::parse(&LINE.as_bytes()[..LINE.len() / 2]), None);
    }
}
