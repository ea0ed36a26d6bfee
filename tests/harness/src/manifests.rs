//! The YAML that people would write.

use serde_json::{Value, json};

use crate::Sims;

/// A `ConnectWiseLink`. Every setter takes the value as it stands in the resource.
#[derive(Clone, Debug)]
pub struct Link {
    name: String,
    annotations: Value,
    spec: Value,
}

impl Link {
    /// A link of the company of the same name, at the demo's cloud site, with the Secret `<name>-keys`.
    #[must_use]
    pub fn new(name: &str, sims: &Sims) -> Self {
        let spec = json!({
            "companyId": name,
            "siteUrl": sims.site(),
            "credentialsSecretRef": {"name": format!("{name}-keys")},
        });
        Self { name: name.to_owned(), annotations: json!({}), spec }
    }

    /// Another company.
    #[must_use]
    pub fn company(self, company: &str) -> Self {
        self.field("companyId", json!(company))
    }

    /// Another site.
    #[must_use]
    pub fn site(self, site: &str) -> Self {
        self.field("siteUrl", json!(site))
    }

    /// Another Secret.
    #[must_use]
    pub fn secret(self, name: &str) -> Self {
        self.field("credentialsSecretRef", json!({"name": name}))
    }

    /// `registration.mode`.
    #[must_use]
    pub fn mode(mut self, mode: &str) -> Self {
        self.spec["registration"]["mode"] = json!(mode);
        self
    }

    /// `registration.acknowledged`.
    #[must_use]
    pub fn acknowledged(mut self, token: &str) -> Self {
        self.spec["registration"]["acknowledged"] = json!(token);
        self
    }

    /// `registration.adoptFrom`; the schema then wants a `deletionPolicy` too.
    #[must_use]
    pub fn adopt_from(mut self, owner: &str) -> Self {
        self.spec["registration"]["adoptFrom"] = json!(owner);
        self
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations[name] = json!(value);
        self
    }

    /// Any field of the spec, such as `interval` or `suspend`.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.spec[name] = value;
        self
    }

    /// The manifest.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut manifest = json!({
            "apiVersion": "integrations.petrasecurity.com/v1alpha1",
            "kind": "ConnectWiseLink",
            "metadata": {"name": self.name},
            "spec": self.spec,
        });
        if self.annotations != json!({}) {
            manifest["metadata"]["annotations"] = self.annotations.clone();
        }
        to_yaml(&manifest)
    }
}

/// The Secret of a link.
#[must_use]
pub fn credentials(name: &str, public_key: &str, private_key: &str) -> String {
    to_yaml(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"publicKey": public_key, "privateKey": private_key},
    }))
}

fn to_yaml(manifest: &Value) -> String {
    // JSON would do: every JSON text is YAML. This one is for people to read.
    serde_saphyr::to_string(manifest).unwrap_or_else(|_| manifest.to_string())
}
