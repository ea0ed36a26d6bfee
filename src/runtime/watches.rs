//! All watches of the operator, merged into requests to look at a link.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use tracing::{debug, info, warn};
use zeroize::Zeroize as _;

use super::explain::explain;
use super::link_index::LinkIndex;
use super::links::{Link, LinkRef, keep_what_is_used};
use super::listing::{Heard, Listing};
use super::reach::Reach;
use super::secret_versions::{SecretSeen, SecretVersion, SecretVersions};
use super::wake::Wake;
use super::watch::{Cause, Change, changes};
use crate::admin::Metrics;

const LINKS: &str = "connectwiselinks";
const SECRETS: &str = "secrets";

/// What all watches share. Each watch has its own stream and its own backoff, and its errors end here: they are logged,
/// counted and dropped before streams are merged, so that one forbidden watch stalls nothing.
#[derive(Clone)]
pub(super) struct Watches {
    pub(super) client: kube::Client,
    pub(super) reaches: Vec<Reach>,
    pub(super) store: Store<Link>,
    pub(super) index: Arc<LinkIndex>,
    pub(super) links: Arc<Listing>,
    pub(super) secrets: SecretVersions,
    pub(super) secret_listing: Option<Arc<Listing>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) wake: Wake,
}

impl Watches {
    /// Every link that was made, changed or deleted. Keeps the store, and the index of Secrets.
    ///
    /// The store is one for all watches, so a list of one namespace must not replace it: lists are turned into single
    /// changes, and the store is declared complete before the first of them.
    pub(super) fn link_requests(&self, writer: Writer<Link>) -> BoxStream<'static, ObjectRef<Link>> {
        let complete = stream::once(async { Ok::<_, watcher::Error>(Event::InitDone) });
        let watches = self.reaches.iter().map(|reach| self.links_within(reach.clone()));
        let index = Arc::clone(&self.index);
        complete
            .chain(stream::select_all(watches).map(Ok))
            .reflect(writer)
            .filter_map(move |event| {
                let touched = match event {
                    Ok(Event::Apply(link)) => {
                        let secret =
                            link.0.as_ref().ok().map(|link| link.spec.credentials_secret_ref.name.as_str());
                        index.set(&LinkRef::of(&link), secret);
                        Some(ObjectRef::from_obj(&link))
                    }
                    Ok(Event::Delete(link)) => {
                        index.remove(&LinkRef::of(&link));
                        Some(ObjectRef::from_obj(&link))
                    }
                    _ => None,
                };
                std::future::ready(touched)
            })
            .boxed()
    }

    /// Every link whose Secret was made, changed or deleted, and every link that waited for the first list of Secrets.
    pub(super) fn secret_requests(&self) -> BoxStream<'static, ObjectRef<Link>> {
        let Some(listing) = &self.secret_listing else { return stream::pending().boxed() };
        let watches =
            self.reaches.iter().map(|reach| self.secrets_within(reach.clone(), Arc::clone(listing)));
        stream::select_all(watches).map(|link| ObjectRef::from(&link)).boxed()
    }

    fn links_within(&self, reach: Reach) -> BoxStream<'static, Event<Link>> {
        let this = self.clone();
        let api = reach.api(self.client.clone());
        changes(api, keep_what_is_used)
            .flat_map(move |change| stream::iter(this.link_events(&reach, change)))
            .boxed()
    }

    fn link_events(&self, reach: &Reach, change: watcher::Result<Change<Link>>) -> Vec<Event<Link>> {
        let before = self.record(LINKS, &self.links, reach, change.as_ref().err());
        if before == Heard::Nothing && !self.links.is_coming() {
            // The links of other namespaces waited for this answer.
            for link in self.index.within(&Reach::Cluster) {
                self.wake.link(&link.namespace, &link.name);
            }
        }
        match change {
            Ok(Change::Listed(list)) => differences(&self.store, reach, list),
            Ok(Change::Applied(link)) => vec![Event::Apply(link)],
            Ok(Change::Deleted(link)) => vec![Event::Delete(link)],
            Err(_) => vec![],
        }
    }

    fn secrets_within(&self, reach: Reach, listing: Arc<Listing>) -> BoxStream<'static, LinkRef> {
        let this = self.clone();
        let api = reach.api::<PartialObjectMeta<Secret>>(self.client.clone());
        changes(api, keep_identity)
            .flat_map(move |change| stream::iter(this.touched_by(&reach, &listing, &change)))
            .boxed()
    }

    fn touched_by(
        &self,
        reach: &Reach,
        listing: &Listing,
        change: &watcher::Result<Change<PartialObjectMeta<Secret>>>,
    ) -> Vec<LinkRef> {
        let failure = change.as_ref().err().map(Cause::of);
        let changed = match change {
            Ok(Change::Listed(list)) => self.secrets.replace(reach, list.iter().map(seen).collect()),
            Ok(Change::Applied(secret)) if self.secrets.set(seen(secret)) => vec![key(secret)],
            Ok(Change::Deleted(secret)) => {
                let key = key(secret);
                self.secrets.remove(&key.0, &key.1);
                vec![key]
            }
            Ok(Change::Applied(_)) | Err(_) => vec![],
        };
        let before = self.record(SECRETS, listing, reach, change.as_ref().err());
        if before == Heard::Nothing || (failure == Some(Cause::Forbidden) && before == Heard::Listed) {
            return self.index.within(reach);
        }
        changed.iter().flat_map(|(namespace, name)| self.index.links_of(namespace, name)).collect()
    }

    /// Logs and counts an error, and keeps account of what the watch has heard; returns what it had heard before.
    fn record(
        &self,
        resource: &'static str,
        listing: &Listing,
        reach: &Reach,
        error: Option<&watcher::Error>,
    ) -> Heard {
        let Some(error) = error else {
            let before = listing.record(reach, Heard::Listed);
            if before != Heard::Listed {
                info!(resource, %reach, "the watch is up to date");
            }
            return before;
        };
        let cause = Cause::of(error);
        self.metrics.watch_failed(resource, cause.as_str());
        let heard = if cause == Cause::Forbidden { Heard::Forbidden } else { Heard::Failing };
        let before = listing.record(reach, heard);
        let (cause, error) = (cause.as_str(), explain(error));
        if before == heard {
            debug!(resource, %reach, cause, error, "a watch still fails");
        } else {
            warn!(resource, %reach, cause, error, "a watch failed and is retried");
        }
        before
    }
}

/// Turns a whole list into what differs from the store, so that listing again (after an expired watch) touches only links
/// that changed meanwhile.
fn differences(store: &Store<Link>, reach: &Reach, list: Vec<Link>) -> Vec<Event<Link>> {
    let listed: std::collections::HashSet<LinkRef> = list.iter().map(LinkRef::of).collect();
    let gone = store.state().into_iter().filter(|link| {
        let link = LinkRef::of(link);
        reach.covers(&link.namespace) && !listed.contains(&link)
    });
    let gone: Vec<_> = gone.map(|link| Event::Delete(Link::clone(&link))).collect();
    let changed = list.into_iter().filter(|link| {
        let known = store.get(&ObjectRef::from_obj(link));
        known.is_none_or(|known| known.meta().resource_version != link.meta().resource_version)
    });
    changed.map(Event::Apply).chain(gone).collect()
}

/// Drops everything from a Secret's metadata but its name and version. Annotations are overwritten before: kubectl keeps
/// what it applied there, with the keys in it, and of every Secret of the namespace it comes along.
fn keep_identity(secret: &mut PartialObjectMeta<Secret>) {
    wipe_annotations(&mut secret.metadata);
    let metadata = std::mem::take(&mut secret.metadata);
    secret.metadata.name = metadata.name;
    secret.metadata.namespace = metadata.namespace;
    secret.metadata.uid = metadata.uid;
    secret.metadata.resource_version = metadata.resource_version;
}

/// Overwrites the values of an object's annotations in memory.
pub(crate) fn wipe_annotations(metadata: &mut ObjectMeta) {
    for value in metadata.annotations.iter_mut().flat_map(|annotations| annotations.values_mut()) {
        value.zeroize();
    }
}

fn key(secret: &PartialObjectMeta<Secret>) -> (String, String) {
    (secret.namespace().unwrap_or_default(), secret.name_any())
}

fn seen(secret: &PartialObjectMeta<Secret>) -> SecretSeen {
    let (namespace, name) = key(secret);
    let version = SecretVersion {
        uid: secret.uid().unwrap_or_default(),
        resource_version: secret.resource_version().unwrap_or_default(),
    };
    SecretSeen { namespace, name, version }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn link(namespace: &str, name: &str, resource_version: &str) -> Link {
        serde_json::from_value(json!({
            "metadata": {"namespace": namespace, "name": name, "resourceVersion": resource_version},
            "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
        }))
        .expect("a link")
    }

    #[test]
    fn of_a_secret_only_name_and_version_are_kept_and_what_was_applied_is_overwritten() {
        let mut secret: PartialObjectMeta<Secret> = serde_json::from_value(json!({
            "metadata": {
                "name": "keys", "namespace": "a", "uid": "u", "resourceVersion": "7", "labels": {"team": "a"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "CANARY"},
            },
        }))
        .expect("metadata");
        let mut metadata = secret.metadata.clone();
        wipe_annotations(&mut metadata);
        // `zeroize` overwrites the whole allocation and leaves it empty.
        let values: Vec<_> = metadata.annotations.iter().flat_map(|all| all.values()).collect();
        assert_eq!(values, [""]);
        keep_identity(&mut secret);
        let kept = serde_json::to_value(&secret.metadata).expect("json");
        assert_eq!(kept, json!({"name": "keys", "namespace": "a", "uid": "u", "resourceVersion": "7"}));
    }

    #[test]
    fn listing_one_namespace_again_touches_only_its_links_that_changed() {
        let (store, mut writer) = kube::runtime::reflector::store();
        let known = [
            link("a", "same", "1"),
            link("a", "changed", "1"),
            link("a", "gone", "1"),
            link("b", "other", "1"),
        ];
        for link in known {
            writer.apply_watcher_event(&Event::Apply(link));
        }
        let list = vec![link("a", "same", "1"), link("a", "changed", "2"), link("a", "new", "3")];
        let reach = Reach::Namespace("a".to_owned());
        let events: Vec<_> = differences(&store, &reach, list).iter().map(ToString::to_string).collect();
        assert_eq!(events, ["Apply(changed)", "Apply(new)", "Delete(gone)"]);
    }
}
