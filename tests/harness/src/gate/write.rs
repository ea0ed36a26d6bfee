//! A change that the operator sends to the API server or to Petra.

use std::fmt;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

/// What a change does, in words that are the same in every run. `Display` names method and object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    method: Method,
    /// The object, without namespace and id.
    object: String,
    /// Where it is a status: what it says of Ready, as `Unknown/Checking`.
    ready: Option<String>,
    /// It changes an object in the cluster whatever became of that meanwhile.
    unguarded: bool,
}

impl Write {
    /// The change that a request makes; `None` for a request that changes nothing. A trial changes nothing. Events are none: they are told once,
    /// beside everything else, and whoever loses one still has the condition that says the same.
    #[must_use]
    pub fn of(request: &Request<Bytes>) -> Option<Self> {
        let path = request.uri().path();
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let is_trial = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
        if is_read || is_trial || path.starts_with("/apis/events.k8s.io/") {
            return None;
        }
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let to_petra = is_to_petra(request);
        let object = if to_petra { "link at Petra".to_owned() } else { object(path) };
        // What is made is not there yet: a name that is taken is refused.
        let creates = *request.method() == Method::POST;
        let version = body["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let unguarded = !to_petra && !creates && version.is_empty();
        Some(Self { method: request.method().clone(), object, ready: ready(&body["status"]), unguarded })
    }

    /// Whether it changes an object in the cluster without naming the version that it is meant for: it would undo what
    /// somebody else did meanwhile.
    #[must_use]
    pub fn is_unguarded(&self) -> bool {
        self.unguarded
    }

    /// What the written status says of Ready, as `Unknown/Checking`; absent where no status is written.
    #[must_use]
    pub fn ready(&self) -> Option<&str> {
        self.ready.as_deref()
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.object)?;
        self.ready.iter().try_for_each(|ready| write!(f, " {ready}"))
    }
}

/// Whether a request is one of Petra's routes.
pub(super) fn is_to_petra(request: &Request<Bytes>) -> bool {
    request.uri().path().starts_with("/v1/")
}

/// `acme/status` out of `/apis/GROUP/VERSION/namespaces/NAMESPACE/connectwiselinks/acme/status`.
fn object(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    parts
        .iter()
        .position(|part| *part == "connectwiselinks")
        .map_or_else(|| path.to_owned(), |kind| parts[kind + 1..].join("/"))
}

fn ready(status: &Value) -> Option<String> {
    let condition = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    Some(format!("{}/{}", text("status"), text("reason")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(method: Method, path: &str, body: &Value) -> Option<String> {
        let request = Request::builder().method(method).uri(path).body(Bytes::from(body.to_string()));
        Write::of(&request.expect("a request")).map(|write| write.to_string())
    }

    #[test]
    fn changes_are_named_by_what_they_change_and_reads_and_events_are_none() {
        let link = "/apis/integrations.petrasecurity.com/v1alpha1/namespaces/a/connectwiselinks/acme";
        let conditions = json!([{"type": "Ready", "status": "True", "reason": "Linked"}]);
        let status = json!({"status": {"conditions": conditions}});
        let named = |method, path: &str| write(method, path, &status);
        assert_eq!(
            named(Method::PUT, &format!("{link}/status?fieldManager=x")).as_deref(),
            Some("PUT acme/status True/Linked")
        );
        assert_eq!(write(Method::PATCH, link, &json!({})).as_deref(), Some("PATCH acme"));
        let petra = "/v1/integrations/connectwise/cw-1?owner=o";
        assert_eq!(write(Method::DELETE, petra, &json!({})).as_deref(), Some("DELETE link at Petra"));
        assert_eq!(write(Method::GET, link, &json!({})), None);
        assert_eq!(write(Method::PATCH, &format!("{link}?&dryRun=All"), &json!({})), None);
        assert_eq!(write(Method::POST, "/apis/events.k8s.io/v1/namespaces/a/events", &json!({})), None);
    }

    #[test]
    fn a_change_in_the_cluster_is_guarded_by_the_version_that_it_names() {
        let link = "/apis/integrations.petrasecurity.com/v1alpha1/namespaces/a/connectwiselinks/acme";
        let leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
        let guarded = json!({"metadata": {"resourceVersion": "7"}});
        let table = [
            (Method::PATCH, link, &guarded, false),
            (Method::PATCH, link, &json!({"metadata": {"finalizers": []}}), true),
            (Method::PATCH, link, &json!({"metadata": {"resourceVersion": null}}), true),
            (Method::PUT, &format!("{link}/status"), &json!({"metadata": {"resourceVersion": ""}}), true),
            (Method::DELETE, link, &json!({}), true),
            (Method::PUT, &format!("{leases}/cwlink"), &guarded, false),
            (Method::POST, leases, &json!({}), false),
            (Method::PUT, "/v1/integrations/connectwise/cw-1", &json!({}), false),
        ];
        for (method, path, body, unguarded) in table {
            let request = Request::builder().method(&method).uri(path).body(Bytes::from(body.to_string()));
            let write = Write::of(&request.expect("a request")).expect("a change");
            assert_eq!(write.is_unguarded(), unguarded, "{method} {path} {body}");
        }
    }
}
