//! Ends a visit: events, metrics, and the links to wake. And writes the status.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use tracing::{info, warn};

use super::plan::{LinkEvent, Settlement, Written};
use super::visit::Visit;
use super::{Error, NextVisit, Reconciler};
use crate::crd::LinkRef;
use crate::crd::{ConditionType, ConnectWiseLink, EventReason, FIELD_MANAGER, LinkStatus};
use crate::petra::Owner;

const FLEET_HOLD: &str = "Many links seem to fail at the same time, or the clientId changed and has not worked for any link since. \
    The operator keeps the last result of these links. Check the operator's clientId, Petra key and flags. To update one link \
    anyway, set its annotation integrations.petrasecurity.com/requestedAt.";

impl Reconciler {
    /// Does what a settled visit leaves to do, and says when to visit the link again.
    pub(super) fn record(&self, visit: &Visit, settlement: Settlement) -> NextVisit {
        let aftermath = self.fleet.settled(visit, &settlement);
        if let Some(cause) = settlement.held {
            self.deps.metrics.verdict_held(cause.as_str());
        }
        for event in settlement.events {
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
                "many links seem to fail at the same time; their last results are kept, see cwlink_fleet_hold"
            );
            self.deps.events.publish_own(EventReason::FleetHold, FLEET_HOLD.to_owned());
        }
        settlement.next.map_or(NextVisit::OnChange, NextVisit::In)
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

    /// PUTs the whole status, guarded by uid and resource version. `None`: somebody else wrote in between, or the resource
    /// is gone or another.
    pub(super) async fn put_status(
        &self,
        link: &ConnectWiseLink,
        status: LinkStatus,
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
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match api.replace_status(&link.name_any(), &params, &guarded).await {
            Ok(link) => {
                self.deps.metrics.status_written();
                if let Some(ready) = link.status.as_ref().and_then(|s| s.condition(ConditionType::Ready)) {
                    let (status, reason) = (ready.status.as_str(), &ready.reason);
                    info!(link = %LinkRef::new(&namespace, &link.name_any()), status, %reason, "wrote the status");
                }
                Ok(Some(Box::new(link)))
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(source) => Err(Error::Kubernetes { doing: "write the status", source }),
        }
    }

    fn publish_event(&self, link: &ObjectReference, event: LinkEvent) {
        self.deps.events.publish(link.clone(), event.reason, event.text);
    }
}
