//! The links that the watches hold, as the rest of the operator sees them.

use std::fmt;
use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};

use super::states::{WatchState, WatchStates};
use crate::admin::Snapshot;
use crate::crd::{ConditionStatus, ConditionType, ConnectWiseLink, LinkRef, OperatorName, Reason};

/// A link as watched: readable, or an object that does not fit the schema with its metadata alone. One unreadable object
/// must not stop the watch of all others.
pub type Link = DeserializeGuard<ConnectWiseLink>;

impl LinkRef {
    /// The name of this link.
    #[must_use]
    pub fn of(link: &Link) -> Self {
        Self { namespace: link.namespace().unwrap_or_default(), name: link.name_any() }
    }
}

impl From<&LinkRef> for ObjectRef<Link> {
    fn from(link: &LinkRef) -> Self {
        Self::new(&link.name).within(&link.namespace)
    }
}

impl From<&ObjectRef<Link>> for LinkRef {
    fn from(object: &ObjectRef<Link>) -> Self {
        Self { namespace: object.namespace.clone().unwrap_or_default(), name: object.name.clone() }
    }
}

/// All links that the watches hold, for questions that go beyond one link. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    store: Store<Link>,
    states: Arc<WatchStates>,
}

impl Links {
    pub(super) fn new(store: Store<Link>, states: Arc<WatchStates>) -> Self {
        Self { store, states }
    }

    /// Every link of every watched namespace.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Link>> {
        self.store.state()
    }

    /// One link, as last seen.
    #[must_use]
    pub fn get(&self, link: &LinkRef) -> Option<Arc<Link>> {
        self.store.get(&link.into())
    }

    /// Whether the first answer to some watch is still to come.
    pub(crate) fn is_pending(&self) -> bool {
        self.states.is_pending()
    }

    /// Where the watches keep the links.
    pub(crate) fn store(&self) -> Store<Link> {
        self.store.clone()
    }

    /// Whether there is no such link. Of a namespace that is not watched, or may not be, nothing is known.
    pub(crate) fn is_gone(&self, link: &LinkRef) -> bool {
        self.states.of(&link.namespace) == WatchState::Listed && self.get(link).is_none()
    }

    /// What the conditions of all links say, for the metrics of the operator `own`.
    pub(crate) fn count_into(&self, own: &OperatorName, snapshot: &mut Snapshot) {
        for link in self.all() {
            match &link.0 {
                Ok(link) => count(link, own, snapshot),
                Err(_) => snapshot.unreadable += 1,
            }
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("count", &self.store.len()).finish_non_exhaustive()
    }
}

fn count(link: &ConnectWiseLink, own: &OperatorName, snapshot: &mut Snapshot) {
    let serving = link.status.as_ref().and_then(|status| OperatorName::of(status.operator.as_ref()?));
    snapshot.elsewhere += usize::from(serving.is_some_and(|serving| serving != *own));
    let conditions = link.status.as_ref().map_or(&[][..], |status| &status.conditions);
    for type_ in ConditionType::LASTING {
        let found = conditions.iter().find(|condition| condition.type_ == type_.as_str());
        let key = match found {
            Some(condition) => (type_, condition.status, condition.known_reason()),
            None => (type_, ConditionStatus::Unknown, Some(Reason::Pending)),
        };
        *snapshot.links.entry(key).or_default() += 1;
    }
}

/// Drops what no rule uses before a link is kept: `managedFields` alone is four fifths of a stored link.
pub(super) fn strip_unused_fields(link: &mut Link) {
    let metadata = link.meta_mut();
    metadata.managed_fields = None;
    metadata.labels = None;
    metadata.owner_references = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| name == crate::crd::REQUESTED_AT);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admin::Gates;
    use crate::watch_scope::WatchScope;

    fn link(value: serde_json::Value) -> Link {
        serde_json::from_value(value).expect("a guard takes any object with metadata")
    }

    /// These links, as two watches of `team-a` and `team-b` hold them that have no answer yet.
    fn holding(links: impl IntoIterator<Item = Link>) -> (Links, Arc<WatchStates>) {
        let (store, mut writer) = kube::runtime::reflector::store();
        for link in links {
            writer.apply_watcher_event(&kube::runtime::watcher::Event::Apply(link));
        }
        let scopes = ["team-a", "team-b"].map(|name| WatchScope::Namespace(name.to_owned()));
        let states =
            Arc::new(WatchStates::new(&scopes, Gates::default().gate("links-listed", "no answer yet")));
        (Links::new(store, Arc::clone(&states)), states)
    }

    #[test]
    fn a_link_is_gone_only_where_the_watch_has_a_whole_list_without_it() {
        let (links, states) = holding([link(json!({
            "metadata": {"name": "acme", "namespace": "team-a"},
            "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
        }))]);
        let is_gone = |namespace, name| links.is_gone(&LinkRef::new(namespace, name));
        assert!(!is_gone("team-a", "other"), "the list is still to come");
        states.record(&WatchScope::Namespace("team-a".to_owned()), WatchState::Listed);
        states.record(&WatchScope::Namespace("team-b".to_owned()), WatchState::Forbidden);
        assert!(is_gone("team-a", "other"));
        assert!(!is_gone("team-a", "acme"));
        assert!(!is_gone("team-b", "acme"), "the operator may not look there");
        assert!(!is_gone("team-c", "acme"), "the operator does not watch this namespace");
    }

    #[test]
    fn of_a_link_only_what_rules_use_is_kept() {
        let mut link = link(json!({
            "metadata": {
                "name": "acme", "namespace": "team-a", "uid": "u", "resourceVersion": "7", "generation": 3,
                "finalizers": ["integrations.petrasecurity.com/unlink"],
                "labels": {"team": "a"},
                "annotations": {"integrations.petrasecurity.com/requestedAt": "now", "other": "x"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "q"}],
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
        }));
        strip_unused_fields(&mut link);
        let kept = serde_json::to_value(link.meta()).expect("json");
        assert_eq!(
            kept,
            json!({
                "name": "acme", "namespace": "team-a", "uid": "u", "resourceVersion": "7", "generation": 3,
                "finalizers": ["integrations.petrasecurity.com/unlink"],
                "annotations": {"integrations.petrasecurity.com/requestedAt": "now"},
            })
        );
        assert!(link.0.is_ok());
    }

    #[test]
    fn links_of_another_operator_are_counted_apart_too() {
        let served_by = |name: &str, lease: &str| {
            link(json!({
                "metadata": {"name": name, "namespace": "team-a"},
                "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
                "status": {"operator": {"namespace": "ops", "lease": lease}},
            }))
        };
        let mut snapshot = Snapshot::default();
        let links = [served_by("a", "cwlink"), served_by("b", "other"), served_by("c", "no such name")];
        holding(links).0.count_into(&OperatorName::new(Some("ops"), "cwlink"), &mut snapshot);
        assert_eq!(snapshot.elsewhere, 1);
    }

    #[test]
    fn a_link_without_status_counts_as_pending_and_an_unreadable_one_apart() {
        let readable = link(json!({
            "metadata": {"name": "acme", "namespace": "team-a"},
            "spec": {"companyId": "acme", "siteUrl": "na.myconnectwise.net", "credentialsSecretRef": {"name": "keys"}},
        }));
        let unreadable =
            link(json!({"metadata": {"name": "odd", "namespace": "team-a"}, "spec": {"companyId": 7}}));
        let mut snapshot = Snapshot::default();
        holding([readable, unreadable]).0.count_into(&OperatorName::new(None, "cwlink"), &mut snapshot);
        assert_eq!(snapshot.unreadable, 1);
        let pending = |type_| (type_, ConditionStatus::Unknown, Some(Reason::Pending));
        assert_eq!(snapshot.links, ConditionType::LASTING.map(|type_| (pending(type_), 1)).into());
    }
}
