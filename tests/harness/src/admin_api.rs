//! The API server as its administrator uses it, without a process for each call: starting kubectl costs more than the call.

use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::{Error, Result};

const LINKS: &str = "/apis/integrations.petrasecurity.com/v1alpha1";

/// The administrator's connection.
pub struct AdminApi {
    client: kube::Client,
    runtime: Runtime,
}

/// Path of a namespace.
#[must_use]
pub fn namespace(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// Path of the links of a namespace.
#[must_use]
pub fn links(namespace: &str) -> String {
    format!("{LINKS}/namespaces/{namespace}/connectwiselinks")
}

/// Path of one link.
#[must_use]
pub fn link(namespace: &str, name: &str) -> String {
    format!("{}/{name}", links(namespace))
}

impl AdminApi {
    /// A connection by this kubeconfig. Nothing is sent yet.
    pub(crate) fn new(kubeconfig: &Path) -> Result<Self> {
        let unusable = |problem: String| Error::unreadable(kubeconfig.display().to_string())(problem);
        let runtime = Runtime::new().map_err(Error::io("starting threads for", kubeconfig))?;
        let client = runtime.block_on(async {
            let config = Kubeconfig::read_from(kubeconfig).map_err(|error| unusable(error.to_string()))?;
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(config, &options).await;
            let config = config.map_err(|error| unusable(error.to_string()))?;
            kube::Client::try_from(config).map_err(|error| unusable(error.to_string()))
        })?;
        Ok(Self { client, runtime })
    }

    /// An object; `None` where there is none.
    ///
    /// # Errors
    ///
    /// The API server does not answer, or refuses.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        self.if_there(&Method::GET, path)
    }

    /// Creates an object from its manifest in a collection.
    ///
    /// # Errors
    ///
    /// The API server does not answer, or refuses.
    pub fn create(&self, collection: &str, manifest: String) -> Result<()> {
        self.done(&Method::POST, collection, "application/yaml", manifest)
    }

    /// Merges a patch into an object.
    ///
    /// # Errors
    ///
    /// The API server does not answer, or refuses.
    pub fn patch(&self, path: &str, changes: &Value) -> Result<()> {
        self.done(&Method::PATCH, path, "application/merge-patch+json", changes.to_string())
    }

    /// Deletes an object if it is there, without waiting for its end.
    ///
    /// # Errors
    ///
    /// The API server does not answer, or refuses.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.if_there(&Method::DELETE, path).map(drop)
    }

    /// The states of one link from now on, the present one first. Ends when the API server ends it.
    pub(crate) fn watch_link(&self, namespace: &str, name: &str) -> (JoinHandle<()>, Receiver<Value>) {
        let uri = format!("{}?watch=true&fieldSelector=metadata.name%3D{name}", links(namespace));
        let request = Request::get(uri).body(Vec::new()).expect("paths here are plain");
        let client = self.client.clone();
        let (sender, states) = mpsc::channel();
        let task = self.runtime.spawn(async move {
            let Ok(events) = client.request_stream(request).await else { return };
            let mut events = std::pin::pin!(events.lines());
            while let Some(Ok(line)) = events.next().await {
                let Ok(mut event) = serde_json::from_str::<Value>(&line) else { return };
                let is_state = matches!(event["type"].as_str(), Some("ADDED" | "MODIFIED" | "DELETED"));
                if !is_state || sender.send(event["object"].take()).is_err() {
                    return;
                }
            }
        });
        (task, states)
    }

    fn if_there(&self, method: &Method, path: &str) -> Result<Option<Value>> {
        match self.call(method, path, "application/json", String::new()) {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.not_found => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    fn done(&self, method: &Method, path: &str, content_type: &str, body: String) -> Result<()> {
        self.call(method, path, content_type, body).map(drop).map_err(|failure| failure.error)
    }

    fn call(
        &self,
        method: &Method,
        path: &str,
        content_type: &str,
        body: String,
    ) -> std::result::Result<Value, Box<Failure>> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, content_type)
            .body(body.into_bytes())
            .expect("paths here are plain");
        self.runtime.block_on(self.client.request::<Value>(request)).map_err(|error| {
            Box::new(Failure {
                not_found: matches!(&error, kube::Error::Api(status) if status.code == 404),
                error: Error::Http {
                    method: if method == Method::GET { "GET" } else { "change" },
                    url: path.to_owned(),
                    problem: error.to_string(),
                },
            })
        })
    }
}

struct Failure {
    not_found: bool,
    error: Error,
}
