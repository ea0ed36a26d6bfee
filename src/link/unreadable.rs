//! A stored object that does not fit its types: left alone, but never left undeletable.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, ListParams};
use tracing::warn;

use super::{Begun, Error, Reconciler};
use crate::crd::{
    ConnectWiseLink, DeletionPolicy, FINALIZER, LinkRef, LinkSpec, LinkStatus, OperatorName, SecretReference,
    StatusTime,
};

impl Reconciler {
    /// Begins a visit for an object that is being deleted: its link is found at Petra by owner; any other waits until a
    /// person fixes it.
    pub(super) async fn begin_unreadable(&self, metadata: ObjectMeta) -> Result<Begun, Error> {
        let link = LinkRef::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        let ours = metadata.finalizers.iter().flatten().any(|name| name == FINALIZER);
        if metadata.deletion_timestamp.is_none() || !ours {
            warn!(%link, "the stored resource does not match its schema; fix or delete it");
            return Ok(Begun::Unreadable);
        }
        let Stored { deletion_policy, operator } = self.stored(&link).await?;
        if operator.is_some_and(|operator| operator != self.config.operator) {
            warn!(%link, "another operator serves this resource; it is left alone");
            return Ok(Begun::Unreadable);
        }
        let spec = LinkSpec {
            company_id: String::new(),
            site_url: String::new(),
            credentials_secret_ref: SecretReference { name: String::new() },
            permission_profile: None,
            service_board: None,
            registration: None,
            interval: None,
            suspend: None,
            deletion_policy,
        };
        // No status can be written, so this one counts as the claim.
        let operator = self.config.operator.serving_at(StatusTime::new(self.clock.now().wall));
        let status = Some(LinkStatus { operator: Some(operator), ..LinkStatus::default() });
        let mut begun = self.begin_readable(ConnectWiseLink { metadata, spec, status });
        if let Begun::Visit(visit) = &mut begun {
            visit.readable = false;
        }
        Ok(begun)
    }

    /// The fields that a deletion needs, read without the types.
    async fn stored(&self, link: &LinkRef) -> Result<Stored, Error> {
        let resource = ApiResource::erase::<ConnectWiseLink>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.deps.client.clone(), &link.namespace, &resource);
        // The shipped rights have list and watch, and no get.
        let this_one = ListParams::default().fields(&format!("metadata.name={}", link.name));
        let stored = api.list(&this_one).await.map_err(|source| Error::Kubernetes {
            doing: "read a resource that does not match its schema",
            source,
        })?;
        let field = |path| stored.items.first().and_then(|object| object.data.pointer(path));
        let orphan = field("/spec/deletionPolicy").and_then(serde_json::Value::as_str) == Some("Orphan");
        let serving = field("/status/operator").and_then(|it| serde_json::from_value(it.clone()).ok());
        Ok(Stored {
            deletion_policy: orphan.then_some(DeletionPolicy::Orphan),
            operator: serving.as_ref().and_then(OperatorName::of),
        })
    }
}

/// What a deletion needs of a stored object.
struct Stored {
    deletion_policy: Option<DeletionPolicy>,
    /// The operator that serves it.
    operator: Option<OperatorName>,
}
