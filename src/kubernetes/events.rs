//! Events for people, beside the conditions: what happened, once, in their own namespace.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::errors::{describe_error, describe_status};
use crate::admin::Metrics;
use crate::crd::EventReason;

/// Events that may wait for the API server. More are dropped: a condition says the same and stays.
const WAITING: usize = 256;
/// The same event of the same object is not published again within this.
const WINDOW: Duration = Duration::from_mins(10);
/// An object may have this many events at once, and one more every [`REFILL`].
const BURST: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const REFILL: Duration = Duration::from_mins(1);
/// `note` holds at most 1 KiB.
const NOTE_BYTES: usize = 1024;
/// What the operator was doing: it does nothing else.
const ACTION: &str = "Reconcile";

/// Hands events to a task of their own, so that publishing never delays or fails a reconcile. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Notice>,
    metrics: Arc<Metrics>,
    own: Option<ObjectReference>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Notice {
    regarding: Regarding,
    reason: EventReason,
    note: String,
}

/// An object reference without its resource version, which would make the same event of the same object two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Regarding {
    api_version: Option<String>,
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    uid: Option<String>,
}

/// Publishes what [`Events`] was handed.
pub struct Publisher {
    client: kube::Client,
    instance: String,
    receiver: mpsc::Receiver<Notice>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// `instance` names this process in the events: the pod's name, in the operator's own namespace where that is known.
    /// People find events about a pod by its `uid`.
    #[must_use]
    pub fn new(
        client: kube::Client,
        instance: String,
        namespace: Option<String>,
        uid: Option<String>,
        metrics: Arc<Metrics>,
    ) -> (Self, Publisher) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let publisher = Publisher { client, instance, receiver, metrics: Arc::clone(&metrics) };
        let own = namespace.map(|namespace| ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(namespace),
            name: Some(publisher.instance.clone()),
            uid,
            ..ObjectReference::default()
        });
        (Self { sender, metrics, own }, publisher)
    }

    /// Publishes an event about `regarding`. The note is the operator's own text, never a service's.
    pub fn publish(&self, regarding: ObjectReference, reason: EventReason, note: String) {
        let ObjectReference { api_version, kind, namespace, name, uid, field_path: _, resource_version: _ } =
            regarding;
        let notice =
            Notice { regarding: Regarding { api_version, kind, namespace, name, uid }, reason, note };
        if self.sender.try_send(notice).is_err() {
            self.metrics.event("dropped");
        }
    }

    /// Warns people of something that concerns no single link, on the operator's own pod.
    pub fn publish_own(&self, reason: EventReason, note: String) {
        if let Some(own) = &self.own {
            self.publish(own.clone(), reason, note);
        }
    }
}

impl Publisher {
    /// Publishes until every [`Events`] is gone. An event that cannot be published is logged and lost.
    pub async fn run(mut self) {
        let mut filter = Filter::new();
        while let Some(notice) = self.receiver.recv().await {
            let outcome = match filter.judge(&notice, Instant::now()) {
                Ok(()) => self.create(notice).await,
                Err(refused) => refused,
            };
            self.metrics.event(outcome);
        }
    }

    async fn create(&self, notice: Notice) -> &'static str {
        let event = notice.event(&self.instance, jiff::Timestamp::now());
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => "published",
            // A namespace that is going away takes no events.
            Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => {
                debug!(%namespace, error = describe_status(&status), "an event was refused");
                "failed"
            }
            Err(error) => {
                warn!(%namespace, error = describe_error(&error), "an event could not be published");
                "failed"
            }
        }
    }
}

impl Notice {
    fn event(self, instance: &str, now: jiff::Timestamp) -> Event {
        let Regarding { api_version, kind, namespace, name, uid } = self.regarding;
        // As client-go names events: the object, and a time that no two events of one object share.
        let event_name = format!("{}.{:x}", name.as_deref().unwrap_or("cwlink"), now.as_nanosecond());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let mut note = self.note;
        note.truncate(note.floor_char_boundary(NOTE_BYTES));
        Event {
            metadata: ObjectMeta {
                name: Some(event_name),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            action: Some(ACTION.to_owned()),
            reason: Some(self.reason.as_str().to_owned()),
            note: Some(note),
            type_: Some(if self.reason.is_warning() { "Warning" } else { "Normal" }.to_owned()),
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(format!("{}/cwlink", crate::crd::GROUP)),
            reporting_instance: Some(instance.to_owned()),
            regarding: Some(ObjectReference {
                api_version,
                kind,
                namespace: Some(namespace),
                name,
                uid,
                ..ObjectReference::default()
            }),
            ..Event::default()
        }
    }
}

/// Keeps repetitions and floods from the API server.
struct Filter {
    published: HashMap<Notice, Instant>,
    limiter: DefaultKeyedRateLimiter<Regarding>,
}

impl Filter {
    fn new() -> Self {
        let quota = Quota::with_period(REFILL).expect("not zero").allow_burst(BURST);
        Self { published: HashMap::new(), limiter: RateLimiter::keyed(quota) }
    }

    fn judge(&mut self, notice: &Notice, now: Instant) -> Result<(), &'static str> {
        self.published.retain(|_, at| now.duration_since(*at) < WINDOW);
        self.limiter.retain_recent();
        if self.published.contains_key(notice) {
            return Err("repeated");
        }
        self.limiter.check_key(&notice.regarding).map_err(|_| "dropped")?;
        self.published.insert(notice.clone(), now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::Reason;

    fn notice(uid: &str, note: &str) -> Notice {
        Notice {
            regarding: Regarding {
                api_version: None,
                kind: None,
                namespace: Some("team-a".to_owned()),
                name: Some("acme".to_owned()),
                uid: Some(uid.to_owned()),
            },
            reason: EventReason::Ready(Reason::CredentialsRejected),
            note: note.to_owned(),
        }
    }

    #[test]
    fn the_same_event_is_told_once_within_the_window() {
        let mut filter = Filter::new();
        let now = Instant::now();
        assert_eq!(filter.judge(&notice("u", "one"), now), Ok(()));
        assert_eq!(filter.judge(&notice("u", "one"), now), Err("repeated"));
        assert_eq!(filter.judge(&notice("u", "two"), now), Ok(()), "another text is another event");
        assert_eq!(filter.judge(&notice("u", "one"), now + WINDOW), Ok(()));
    }

    #[test]
    fn one_object_cannot_flood_and_the_next_is_not_affected() {
        let mut filter = Filter::new();
        let now = Instant::now();
        let published =
            (0..50).filter(|n| filter.judge(&notice("noisy", &n.to_string()), now).is_ok()).count();
        assert_eq!(published, usize::try_from(BURST.get()).expect("small"));
        assert_eq!(filter.judge(&notice("quiet", "one"), now), Ok(()));
    }

    #[test]
    fn an_event_names_its_object_and_fits_the_limits_of_the_api() {
        let now = jiff::Timestamp::from_second(1_700_000_000).expect("time");
        let event = notice("u", &"é".repeat(1000)).event("cwlink-0", now);
        assert_eq!(event.note.map(|note| note.len()), Some(NOTE_BYTES));
        assert_eq!(event.metadata.namespace.as_deref(), Some("team-a"));
        assert_eq!(event.metadata.name.as_deref(), Some("acme.17979cfe362a0000"));
        assert_eq!(event.regarding.and_then(|object| object.uid).as_deref(), Some("u"));
    }
}
