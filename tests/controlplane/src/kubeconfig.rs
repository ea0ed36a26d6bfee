//! Kubeconfig files. They are written as JSON, which every reader of YAML takes, so that no value needs
//! quoting rules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::pki::Credential;

/// Name of the one cluster and the one context in each file, as prompts and `kubectl config get-contexts`
/// show it.
const CONTEXT: &str = "cwlink-controlplane";

/// The API server to talk to.
pub(crate) struct Cluster<'a> {
    pub(crate) url: &'a str,
    /// The authority that signed its certificate, PEM.
    pub(crate) ca_pem: &'a str,
}

impl Cluster<'_> {
    /// For a user who shows a client certificate.
    pub(crate) fn for_certificate(&self, user: &str, credential: &Credential) -> String {
        let secrets = json!({
            "client-certificate-data": BASE64.encode(&credential.certificate),
            "client-key-data": BASE64.encode(&credential.key),
        });
        self.render(user, "default", &secrets)
    }

    /// For a service account that shows a token; its own namespace is the default one, as it is inside a pod.
    pub(crate) fn for_token(&self, namespace: &str, service_account: &str, token: &str) -> String {
        self.render(service_account, namespace, &json!({ "token": token }))
    }

    fn render(&self, user: &str, namespace: &str, secrets: &Value) -> String {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": CONTEXT,
                "cluster": { "server": self.url, "certificate-authority-data": BASE64.encode(self.ca_pem) },
            }],
            "users": [{ "name": user, "user": secrets }],
            "contexts": [{
                "name": CONTEXT,
                "context": { "cluster": CONTEXT, "user": user, "namespace": namespace },
            }],
            "current-context": CONTEXT,
        });
        format!("{config:#}\n")
    }
}
