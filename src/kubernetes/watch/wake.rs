//! From watch events to requests: which links a changed link, a changed Secret or a right that comes or goes wakes.

use std::sync::Arc;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use kube::runtime::watcher::{self, Event};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::changes::{Cause, Change, changes};
use super::link_index::LinkIndex;
use super::links::{Link, Links, strip_unused_fields};
use super::secret_metadata::{key, seen, strip_to_identity};
use super::secret_versions::SecretVersions;
use super::states::{WatchState, WatchStates};
use super::wake_channel::Wake;
use crate::admin::{Gates, Metrics};
use crate::crd::LinkRef;
use crate::kubernetes::errors::describe_error;
use crate::watch_scope::{WatchNamespaces, WatchScope};

const LINKS: &str = "connectwiselinks";
const SECRETS: &str = "secrets";

/// What the watches are built from.
pub struct WatchOptions<'a> {
    /// `--watch-namespaces`.
    pub namespaces: &'a WatchNamespaces,
    /// `--watch-secrets`.
    pub watch_secrets: bool,
    /// The gates `links-listed` and `secrets-listed` are added here.
    pub gates: &'a Gates,
    /// Counts failures of watches.
    pub metrics: Arc<Metrics>,
}

/// The watches of links and Secrets, before they run.
pub struct Watches {
    shared: Shared,
    writer: Writer<Link>,
    woken: mpsc::UnboundedReceiver<LinkRef>,
}

impl Watches {
    /// Prepares the watches. Nothing is watched before [`Watches::requests`].
    #[must_use]
    pub fn new(client: kube::Client, options: WatchOptions<'_>) -> Self {
        let WatchOptions { namespaces, watch_secrets, gates, metrics } = options;
        let (store, writer) = reflector::store();
        let (wake, woken) = Wake::new();
        let scopes = namespaces.scopes();
        let states = |gate| Arc::new(WatchStates::new(&scopes, gates.gate(gate, "no answer yet")));
        let links = states("links-listed");
        let secret_states = watch_secrets.then(|| states("secrets-listed"));
        let shared = Shared {
            client,
            store,
            index: Arc::new(LinkIndex::default()),
            links,
            secrets: SecretVersions::new(secret_states.clone()),
            secret_states,
            metrics,
            wake,
            scopes,
        };
        Self { shared, writer, woken }
    }

    /// All links that the watches hold.
    #[must_use]
    pub fn links(&self) -> Links {
        Links::new(self.shared.store.clone(), Arc::clone(&self.shared.links))
    }

    /// The versions of all Secrets that the watches hold.
    #[must_use]
    pub fn secrets(&self) -> SecretVersions {
        self.shared.secrets.clone()
    }

    /// Wakes single links.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.shared.wake.clone()
    }

    /// Watches. Every item asks for a reconcile of a link: it or its Secret changed, or it was woken.
    pub(crate) fn requests(self) -> impl Stream<Item = ObjectRef<Link>> + Send + use<> {
        let Self { shared, writer, woken } = self;
        stream::select_all([shared.link_requests(writer), shared.secret_requests(), woken_requests(woken)])
    }
}

fn woken_requests(woken: mpsc::UnboundedReceiver<LinkRef>) -> BoxStream<'static, ObjectRef<Link>> {
    let links = stream::unfold(woken, |mut woken| async { woken.recv().await.map(|link| (link, woken)) });
    links.map(|link| ObjectRef::from(&link)).boxed()
}

/// What all watches share. Each watch has its own stream and its own backoff. Its errors end here: they are logged,
/// counted and dropped before streams are merged, so that one forbidden watch does not stop the others.
#[derive(Clone)]
struct Shared {
    client: kube::Client,
    scopes: Vec<WatchScope>,
    store: Store<Link>,
    index: Arc<LinkIndex>,
    links: Arc<WatchStates>,
    secrets: SecretVersions,
    secret_states: Option<Arc<WatchStates>>,
    metrics: Arc<Metrics>,
    wake: Wake,
}

impl Shared {
    /// Every link that was made, changed or deleted. Keeps the store, and the index of Secrets.
    ///
    /// The store is one for all watches, so a list of one namespace must not replace it: lists are turned into single
    /// changes, and the store is declared complete before the first of them.
    fn link_requests(&self, writer: Writer<Link>) -> BoxStream<'static, ObjectRef<Link>> {
        let complete = stream::once(async { Ok::<_, watcher::Error>(Event::InitDone) });
        let watches = self.scopes.iter().map(|scope| self.links_within(scope.clone()));
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
    fn secret_requests(&self) -> BoxStream<'static, ObjectRef<Link>> {
        let Some(states) = &self.secret_states else { return stream::pending().boxed() };
        let watches = self.scopes.iter().map(|scope| self.secrets_within(scope.clone(), Arc::clone(states)));
        stream::select_all(watches).map(|link| ObjectRef::from(&link)).boxed()
    }

    fn links_within(&self, scope: WatchScope) -> BoxStream<'static, Event<Link>> {
        let this = self.clone();
        let api = scope.api(self.client.clone());
        changes(api, strip_unused_fields)
            .flat_map(move |change| stream::iter(this.link_events(&scope, change)))
            .boxed()
    }

    fn link_events(&self, scope: &WatchScope, change: watcher::Result<Change<Link>>) -> Vec<Event<Link>> {
        let before = self.record(LINKS, &self.links, scope, change.as_ref().err());
        if before == WatchState::Pending && !self.links.is_pending() {
            // The links of other namespaces waited for this answer.
            for link in self.index.within(&WatchScope::Cluster) {
                self.wake.link(&link.namespace, &link.name);
            }
        }
        match change {
            Ok(Change::Listed(list)) => differences(&self.store, scope, list),
            Ok(Change::Applied(link)) => vec![Event::Apply(link)],
            Ok(Change::Deleted(link)) => vec![Event::Delete(link)],
            Err(_) => vec![],
        }
    }

    fn secrets_within(&self, scope: WatchScope, states: Arc<WatchStates>) -> BoxStream<'static, LinkRef> {
        let this = self.clone();
        let api = scope.api::<PartialObjectMeta<Secret>>(self.client.clone());
        changes(api, strip_to_identity)
            .flat_map(move |change| stream::iter(this.affected_links(&scope, &states, &change)))
            .boxed()
    }

    fn affected_links(
        &self,
        scope: &WatchScope,
        states: &WatchStates,
        change: &watcher::Result<Change<PartialObjectMeta<Secret>>>,
    ) -> Vec<LinkRef> {
        let failure = change.as_ref().err().map(Cause::of);
        let changed = match change {
            Ok(Change::Listed(list)) => self.secrets.replace(scope, list.iter().map(seen).collect()),
            Ok(Change::Applied(secret)) if self.secrets.set(seen(secret)) => vec![key(secret)],
            Ok(Change::Deleted(secret)) => {
                let key = key(secret);
                self.secrets.remove(&key.0, &key.1);
                vec![key]
            }
            Ok(Change::Applied(_)) | Err(_) => vec![],
        };
        let before = self.record(SECRETS, states, scope, change.as_ref().err());
        if before == WatchState::Pending
            || (failure == Some(Cause::Forbidden) && before == WatchState::Listed)
        {
            return self.index.within(scope);
        }
        changed.iter().flat_map(|(namespace, name)| self.index.links_of(namespace, name)).collect()
    }

    /// Logs and counts an error, and records the state of the watch. Returns the state before.
    fn record(
        &self,
        resource: &'static str,
        states: &WatchStates,
        scope: &WatchScope,
        error: Option<&watcher::Error>,
    ) -> WatchState {
        let Some(error) = error else {
            let before = states.record(scope, WatchState::Listed);
            if before != WatchState::Listed {
                info!(resource, %scope, "the watch is up to date");
            }
            return before;
        };
        let cause = Cause::of(error);
        self.metrics.watch_failed(resource, cause.as_str());
        let state = if cause == Cause::Forbidden { WatchState::Forbidden } else { WatchState::Failing };
        let before = states.record(scope, state);
        let (cause, error) = (cause.as_str(), describe_error(error));
        if before == state {
            debug!(resource, %scope, cause, error, "a watch still fails");
        } else {
            warn!(resource, %scope, cause, error, "a watch failed and is retried");
        }
        before
    }
}

/// Turns a whole list into what differs from the store, so that states again (after an expired watch) touches only links
/// that changed meanwhile.
fn differences(store: &Store<Link>, scope: &WatchScope, list: Vec<Link>) -> Vec<Event<Link>> {
    let listed: std::collections::HashSet<LinkRef> = list.iter().map(LinkRef::of).collect();
    let gone = store.state().into_iter().filter(|link| {
        let link = LinkRef::of(link);
        scope.covers(&link.namespace) && !listed.contains(&link)
    });
    let gone: Vec<_> = gone.map(|link| Event::Delete(Link::clone(&link))).collect();
    let changed = list.into_iter().filter(|link| {
        let known = store.get(&ObjectRef::from_obj(link));
        known.is_none_or(|known| known.meta().resource_version != link.meta().resource_version)
    });
    changed.map(Event::Apply).chain(gone).collect()
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
        let scope = WatchScope::Namespace("a".to_owned());
        let events: Vec<_> = differences(&store, &scope, list).iter().map(ToString::to_string).collect();
        assert_eq!(events, ["Apply(changed)", "Apply(new)", "Delete(gone)"]);
    }
}
