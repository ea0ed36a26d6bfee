//! Writes what was decided: the status, when it differs, and events; and remembers the rest.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::runtime::events::EventType;
use kube::{Api, Resource, ResourceExt};
use tracing::{info, warn};

use super::decide::{FLEET, Note, Settlement};
use super::draft;
use super::memory::{BackoffKind, Memory};
use super::registry::{Claim, Claims, Remembered, acknowledged_id};
use super::visiting::{Visiting, Written};
use super::{Error, Next, Reconciler, timetable};
use crate::clock::Now;
use crate::crd::{ConditionType, ConnectWiseLink, FIELD_MANAGER, LinkStatus};
use crate::petra::{LinkId, PutAnswer};
use crate::runtime::LinkRef;
use crate::timings::Timings;

const FLEET_HOLD: &str = "Many links seem to fail at the same time, or the clientId changed and has not worked for any link since. \
    The operator keeps the last result of these links. Check the operator's clientId, Petra key and flags. To update one link \
    anyway, set its annotation integrations.petrasecurity.com/requestedAt.";

impl Reconciler {
    /// Writes a status that must stand before the visit goes on.
    pub(super) async fn publish(
        &self,
        visiting: &mut Visiting,
        status: LinkStatus,
        memory: Memory,
    ) -> Result<Written, Error> {
        visiting.memory = memory;
        if visiting.subject.status == status {
            return Ok(Written::Current);
        }
        match self.put_status(&visiting.link, status).await? {
            Some(link) => {
                visiting.wrote(link, &self.rules);
                Ok(Written::Current)
            }
            None => Ok(Written::Outdated),
        }
    }

    /// Remembers what a visit asked and did that ends without a settlement, or whose settlement could not be written.
    pub(super) fn remember_broken_off(&self, visiting: &Visiting) {
        let memory = broken_off(visiting, &self.rules.timings, self.clock.now());
        self.registry.remember_memory(&visiting.subject, memory);
    }

    /// Ends a visit.
    pub(super) async fn settle(&self, mut visiting: Visiting, settlement: Settlement) -> Result<Next, Error> {
        let Settlement { status, memory, next, events, waits, claim, held, disproved } = settlement;
        let departing = visiting.subject.deleting.is_some() && !visiting.seen.finalizer;
        if visiting.readable && !departing && visiting.subject.status != status {
            match self.put_status(&visiting.link, status).await {
                Ok(Some(link)) => visiting.wrote(link, &self.rules),
                not_written => {
                    self.remember_broken_off(&visiting);
                    return not_written.map(|_| Next::In(Visiting::CATCH_UP));
                }
            }
        }
        if let Some(cause) = held {
            self.deps.metrics.verdict_held(cause);
        }
        for note in events {
            self.tell(&visiting.link.object_ref(&()), note);
        }
        let subject = &visiting.subject;
        if let Some(petra) = &self.petra {
            if waits {
                petra.poll.wait_for(subject.owner.clone());
            } else {
                petra.poll.stop_waiting(&subject.owner);
            }
        }
        let (remembered, claim) = remembered(&visiting, memory, claim, held);
        let aftermath = self.registry.remember(&subject.key, remembered, claim, disproved);
        for waiting in aftermath.waiting {
            self.deps.wake.link(&waiting.namespace, &waiting.name);
        }
        self.deps.metrics.fleet_hold(aftermath.held > 0);
        if aftermath.hold_began {
            warn!(
                "many links seem to fail at the same time; their last results are kept, see cwlink_fleet_hold"
            );
            self.deps.events.publish_own("FleetHold", FLEET_HOLD.to_owned());
        }
        Ok(next.map_or(Next::OnChange, Next::In))
    }

    /// Forgets a link that is gone, and tells who waited for it.
    pub(super) fn depart(&self, link: &LinkRef) {
        let Some((known, waiting, held)) = self.registry.forget(link, self.rules.timings.floor) else {
            return;
        };
        self.deps.metrics.fleet_hold(held > 0);
        if let Some(petra) = &self.petra {
            petra.poll.stop_waiting(&crate::petra::Owner::new(
                &self.rules.installation,
                &link.namespace,
                &link.name,
            ));
        }
        if known.saved_by_hand {
            let reference = ObjectReference {
                api_version: Some(ConnectWiseLink::api_version(&()).into_owned()),
                kind: Some(ConnectWiseLink::kind(&()).into_owned()),
                namespace: Some(link.namespace.clone()),
                name: Some(link.name.clone()),
                uid: Some(known.uid),
                ..ObjectReference::default()
            };
            // Where the whole namespace goes, nobody may make an event in it any more.
            warn!(%link, "the resource was deleted; a person must remove its link in Petra's portal");
            let text = "This resource was deleted, but its link is still saved in Petra's portal. Open \
                        https://app.petrasecurity.com/settings and remove the ConnectWise link of this company.";
            self.tell(
                &reference,
                Note { warning: true, reason: "PortalUnlinkRequired", text: text.to_owned() },
            );
        }
        for other in waiting {
            self.deps.wake.link(&other.namespace, &other.name);
        }
    }

    /// PUTs the whole status, guarded by uid and resource version. `None`: somebody else wrote in between, or the resource
    /// is gone or another.
    pub(super) async fn put_status(
        &self,
        link: &ConnectWiseLink,
        status: LinkStatus,
    ) -> Result<Option<ConnectWiseLink>, Error> {
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
                if let Some(ready) =
                    link.status.as_ref().and_then(|s| draft::condition(s, ConditionType::Ready))
                {
                    let (status, reason) = (ready.status.as_str(), &ready.reason);
                    info!(link = %LinkRef::new(&namespace, &link.name_any()), status, %reason, "wrote the status");
                }
                Ok(Some(link))
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(source) => Err(Error::Kubernetes { doing: "write the status", source }),
        }
    }

    fn tell(&self, link: &ObjectReference, note: Note) {
        let type_ = if note.warning { EventType::Warning } else { EventType::Normal };
        self.deps.events.publish(link.clone(), type_, note.reason, "Reconcile", note.text);
    }
}

/// What a visit leaves in memory that ends without a settlement. What a round of it found is lost, so that the next is due
/// soon; whoever sees to it that nothing can be written has ConnectWise asked ever more rarely.
pub(super) fn broken_off(visiting: &Visiting, timings: &Timings, now: Now) -> Memory {
    let mut memory = visiting.memory.clone();
    if visiting.seen.round.is_some() {
        let (delay, backoff) = timetable::repeat(timings, memory.backoff, BackoffKind::Nothing, None, now);
        memory.not_before = Some(now.up + delay);
        memory.backoff = backoff;
        memory.last_round = Some(now.up);
        memory.client_id = visiting.seen.client_id.generation;
    }
    if matches!(visiting.seen.put, Some(PutAnswer::Unknown(_))) {
        memory.unknown_put = Some(now.up);
    }
    memory
}

/// What is remembered of a settled visit, and what its link claims after it.
pub(super) fn remembered(
    visiting: &Visiting,
    memory: Memory,
    claim: Option<LinkId>,
    held: Option<&'static str>,
) -> (Remembered, Claims) {
    let subject = &visiting.subject;
    let acknowledged = acknowledged_id(subject).is_some();
    // Whoever was refused or found lacking claims nothing; an outage takes no claim away.
    let accused = [ConditionType::AuthFailed, ConditionType::PermissionDenied]
        .into_iter()
        .any(|kind| draft::is_true(&subject.status, kind));
    let claims = match claim {
        Some(id) => Claims::Holds(Claim { id, acknowledged, created: subject.created }),
        None if accused || subject.deleting.is_some() => Claims::Nothing,
        // Suspended, or without its Secret: what a person saved by hand stands at Petra, also after a restart.
        None => match acknowledged_id(subject) {
            Some(id) => Claims::Holds(Claim { id, acknowledged, created: subject.created }),
            None => Claims::AsBefore,
        },
    };
    let remembered = Remembered {
        uid: subject.uid.clone(),
        memory,
        superseded: visiting.superseded.clone(),
        ready: draft::is_true(&subject.status, ConditionType::Ready),
        claim: None,
        saved_by_hand: acknowledged,
        held_by_fleet: held == Some(FLEET),
    };
    (remembered, claims)
}
