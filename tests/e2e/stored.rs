//! Objects as etcd stores them, past the API server: as an older version of the CRD, or a restored backup, may have left them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Error, Result};
use http::Request;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::stage::cluster;

const LINKS: &str = "/registry/integrations.petrasecurity.com/connectwiselinks";

/// Changes what is stored of a link. Watches see it as any other change.
pub fn rewrite_link(namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
    let unreadable = |problem: String| Error::Unreadable { what: "etcd's answer".to_owned(), problem };
    let key = STANDARD.encode(format!("{LINKS}/{namespace}/{name}"));
    let found = ask("/v3/kv/range", &json!({"key": key}))?;
    let stored = found["kvs"][0]["value"].as_str().unwrap_or_default();
    let stored = STANDARD.decode(stored).map_err(|error| unreadable(error.to_string()))?;
    let mut link: Value = serde_json::from_slice(&stored).map_err(|error| unreadable(error.to_string()))?;
    change(&mut link);
    ask("/v3/kv/put", &json!({"key": key, "value": STANDARD.encode(link.to_string())})).map(drop)
}

/// Asks etcd's JSON gateway.
fn ask(path: &str, question: &Value) -> Result<Value> {
    let url = cluster().plane().etcd_url();
    let failed = |problem: String| Error::Http { method: "POST", url: format!("{url}{path}"), problem };
    let request = Request::post(path).body(question.to_string().into_bytes()).expect("paths here are plain");
    let asked = async {
        let config = kube::Config::new(url.parse().expect("it is a URL"));
        kube::Client::try_from(config)?.request(request).await
    };
    let runtime = Runtime::new().expect("the system has threads");
    runtime.block_on(asked).map_err(|error: kube::Error| failed(error.to_string()))
}
