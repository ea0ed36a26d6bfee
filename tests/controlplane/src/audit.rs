//! Who asked the API server for what: the record that tests count calls by.

use std::fs;
use std::path::Path;

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

    fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
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

/// Reads the record. The last line is left out while it is being written.
pub(crate) fn read(log: &Path) -> Result<Vec<AuditEvent>, Error> {
    let text = fs::read_to_string(log).map_err(Error::io("reading", log))?;
    Ok(text.lines().filter_map(AuditEvent::parse).collect())
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
        let event = AuditEvent::parse(LINE).expect("a whole line");
        assert_eq!(event.user, "system:serviceaccount:cwlink-system:cwlink");
        assert_eq!((event.verb.as_str(), event.status), ("update", 409));
        assert_eq!((event.resource.as_str(), event.subresource.as_str()), ("connectwiselinks", "status"));
        assert_eq!((event.namespace.as_str(), event.name.as_str()), ("demo", "acme"));
        assert!(event.is_write());
    }

    #[test]
    fn a_line_that_is_still_being_written_is_no_event() {
        assert_eq!(AuditEvent::parse(&LINE[..LINE.len() / 2]), None);
    }
}
