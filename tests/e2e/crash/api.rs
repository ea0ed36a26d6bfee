//! The API server as its administrator uses it, without a process for each call: a sweep makes thousands.

use std::sync::OnceLock;

use harness::{Error, Result};
use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::stage::cluster;

const LINKS: &str = "/apis/integrations.petrasecurity.com/v1alpha1";

/// The administrator's connection.
pub struct Api {
    client: kube::Client,
    runtime: Runtime,
}

/// One connection serves the whole binary.
pub fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let runtime = Runtime::new().expect("the system has threads");
        let client = runtime.block_on(async {
            let config = Kubeconfig::read_from(cluster().plane().admin_kubeconfig()).expect("it was written");
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(config, &options).await.expect("it is whole");
            kube::Client::try_from(config).expect("the control plane's certificates are good")
        });
        Api { client, runtime }
    })
}

/// Path of a namespace.
pub fn namespace(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// Path of the links of a namespace.
pub fn links(namespace: &str) -> String {
    format!("{LINKS}/namespaces/{namespace}/connectwiselinks")
}

/// Path of one link.
pub fn link(namespace: &str, name: &str) -> String {
    format!("{}/{name}", links(namespace))
}

impl Api {
    /// An object; `None` where there is none.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        self.if_there(&Method::GET, path)
    }

    /// Makes an object from its manifest in a collection.
    pub fn create(&self, collection: &str, manifest: String) -> Result<()> {
        self.done(&Method::POST, collection, "application/yaml", manifest)
    }

    /// Merges a patch into an object.
    pub fn patch(&self, path: &str, changes: &Value) -> Result<()> {
        self.done(&Method::PATCH, path, "application/merge-patch+json", changes.to_string())
    }

    /// Deletes an object if it is there, without waiting for its end.
    pub fn delete(&self, path: &str) -> Result<()> {
        self.if_there(&Method::DELETE, path).map(drop)
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
