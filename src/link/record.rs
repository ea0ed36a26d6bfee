//! Ends a visit: events, metrics, and the links to wake. And writes the status.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use tracing::{info, warn};

use super::plan::{LinkEvent, Settlement, Tried, Written};
use super::visit::Visit;
use super::{Error, NextVisit, Reconciler};
use crate::crd::LinkRef;
use crate::crd::{ConditionType, ConnectWiseLink, EventReason, FIELD_MANAGER, LinkStatus};
use crate::kubernetes::{LinkWrite, WriteRefusal};
use crate::petra::Owner;

const FLEET_HOLD: &str = "Links seem to fail, and the operator itself may be the cause: many fail for the same reason at the same \
    time, or ConnectWise refuses them since the clientId changed, or their site resolves to a private address. The operator \
    keeps the last result of these links. Check the operator's clientId, Petra key, flags and name server. To have one link \
    judged anyway, set its annotation integrations.petrasecurity.com/requestedAt.";

impl Reconciler {
    /// Does what a settled visit leaves to do, and says when to visit the link again.
    pub(super) fn record(&self, visit: &Visit, settlement: Settlement) -> NextVisit {
        let aftermath = self.fleet.settled(visit, &settlement);
        if let Some(cause) = settlement.held {
            self.deps.metrics.verdict_held(cause.as_str());
        }
        if let Some(refusal) = &settlement.refused {
            self.report_refusal(visit, refusal);
        }
        for event in settlement.events {
            if event.reason == EventReason::ServedByAnotherOperator {
                warn!(link = %visit.subject.key, "another operator serves this link; it is left alone");
            }
            self.publish_event(&visit.link.object_ref(&()), event);
        }
        if let Some(petra) = &self.petra {
            if settlement.awaits_petra {
                petra.poll.wait_for(visit.subject.owner.clone());
            } else {
                petra.poll.stop_waiting(&visit.subject.owner);
            }
        }
        for link in aftermath.wake {
            self.deps.wake.link(&link.namespace, &link.name);
        }
        self.deps.metrics.fleet_hold(aftermath.held > 0);
        if aftermath.hold_began {
            warn!(
                "links seem to fail by a fault of the operator itself; their last results are kept, see cwlink_fleet_hold"
            );
            self.deps.events.publish_own(EventReason::FleetHold, FLEET_HOLD.to_owned());
        }
        settlement.next.map_or(NextVisit::OnChange, NextVisit::In)
    }

    /// Reports that the API server refuses a write: a person has to change the cluster.
    pub(super) fn report_refusal(&self, visit: &Visit, refusal: &WriteRefusal) {
        let (write, by) = (refusal.write.as_str(), &refusal.by);
        self.deps.metrics.link_write_refused(write);
        warn!(link = %visit.subject.key, write, %by, "the API server refuses to store what the operator has to write");
        let text = match refusal.write {
            LinkWrite::Status => format!(
                "The cluster does not let the operator write the status of this resource: {by}. The conditions may be out of \
                 date. Ask a cluster administrator to allow the operator to update connectwiselinks/status. The operator \
                 tries again automatically."
            ),
            LinkWrite::Finalizer => format!(
                "The cluster does not let the operator change its finalizer on this resource: {by}. Until it does, a new link \
                 is not registered at Petra, and a deletion does not end. Ask a cluster administrator to allow the operator \
                 to patch connectwiselinks. The operator tries again automatically."
            ),
        };
        let event = LinkEvent { reason: EventReason::WriteRefused, text };
        self.publish_event(&visit.link.object_ref(&()), event);
    }

    /// Forgets a link that is gone, and wakes the links that waited for it.
    pub(super) fn forget_link(&self, link: &LinkRef) {
        let Some(departed) = self.fleet.forget(link, self.config.timings.floor) else { return };
        self.deps.metrics.fleet_hold(departed.held > 0);
        if let Some(petra) = &self.petra {
            let owner = Owner::new(&self.config.installation, &link.namespace, &link.name);
            petra.poll.stop_waiting(&owner);
        }
        if departed.state.saved_by_hand {
            let reference = ObjectReference {
                api_version: Some(ConnectWiseLink::api_version(&()).into_owned()),
                kind: Some(ConnectWiseLink::kind(&()).into_owned()),
                namespace: Some(link.namespace.clone()),
                name: Some(link.name.clone()),
                uid: Some(departed.state.uid),
                ..ObjectReference::default()
            };
            // Where the whole namespace goes, nobody may make an event in it any more.
            warn!(%link, "the resource was deleted; a person must remove its link in Petra's portal");
            let text = "This resource was deleted, but its link is still saved in Petra's portal. Open \
                        https://app.petrasecurity.com/settings and remove the ConnectWise link of this company.";
            self.publish_event(
                &reference,
                LinkEvent { reason: EventReason::PortalUnlinkRequired, text: text.to_owned() },
            );
        }
        for other in departed.wake {
            self.deps.wake.link(&other.namespace, &other.name);
        }
    }

    /// PUTs the whole status, guarded by uid and resource version.
    pub(super) async fn put_status(
        &self,
        link: &ConnectWiseLink,
        status: LinkStatus,
    ) -> Result<Written, Error> {
        let written = self.replace_status(link, status, false).await?;
        if let Written::Stored(link) = &written {
            self.deps.metrics.status_written();
            if let Some(ready) = link.status.as_ref().and_then(|s| s.condition(ConditionType::Ready)) {
                let (status, reason) = (ready.status.as_str(), &ready.reason);
                let link = LinkRef::new(&link.namespace().unwrap_or_default(), &link.name_any());
                info!(%link, status, %reason, "wrote the status");
            }
        }
        Ok(written)
    }

    /// Whether the API server would take a status: tried with the one that is stored.
    pub(super) async fn try_status(&self, link: &ConnectWiseLink) -> Result<Tried, Error> {
        let status = link.status.clone().unwrap_or_default();
        Ok(match self.replace_status(link, status, true).await? {
            Written::Stored(_) => Tried::Taken,
            Written::Outdated => Tried::Outdated,
            Written::Refused(refusal) => Tried::Refused(refusal),
        })
    }

    async fn replace_status(
        &self,
        link: &ConnectWiseLink,
        status: LinkStatus,
        dry_run: bool,
    ) -> Result<Written, Error> {
        let meta = &link.metadata;
        let guarded = ConnectWiseLink {
            metadata: ObjectMeta {
                name: meta.name.clone(),
                namespace: meta.namespace.clone(),
                uid: meta.uid.clone(),
                resource_version: meta.resource_version.clone(),
                ..ObjectMeta::default()
            },
            spec: link.spec.clone(),
            status: Some(status),
        };
        let namespace = link.namespace().unwrap_or_default();
        let api: Api<ConnectWiseLink> = Api::namespaced(self.deps.client.clone(), &namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run };
        let error = match api.replace_status(&link.name_any(), &params, &guarded).await {
            Ok(link) => return Ok(Written::Stored(Box::new(link))),
            Err(error) => error,
        };
        match &error {
            kube::Error::Api(status) if matches!(status.code, 404 | 409) => return Ok(Written::Outdated),
            kube::Error::Api(status) => {
                if let Some(refusal) = WriteRefusal::of(LinkWrite::Status, status) {
                    return Ok(Written::Refused(refusal));
                }
            }
            _ => {}
        }
        Err(Error::Kubernetes { doing: "write the status", source: error })
    }

    fn publish_event(&self, link: &ObjectReference, event: LinkEvent) {
        self.deps.events.publish(link.clone(), event.reason, event.text);
    }
}
