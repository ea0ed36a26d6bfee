//! Which Secrets exist and which version they have, without keeping anything of their content.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::states::{WatchState, WatchStates};
use crate::crd::{SecretLookup, SecretVersion};
use crate::watch_scope::WatchScope;

/// The versions of all Secrets in the watched namespaces, from a watch of metadata alone. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretVersions {
    /// `None` with `--watch-secrets=false`.
    states: Option<Arc<WatchStates>>,
    versions: Arc<RwLock<Namespaces>>,
}

type Namespaces = HashMap<String, HashMap<String, SecretVersion>>;

/// A Secret, as the watch reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretSeen {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) version: SecretVersion,
}

impl SecretVersions {
    pub(super) fn new(states: Option<Arc<WatchStates>>) -> Self {
        Self { states, versions: Arc::default() }
    }

    /// What the watch knows of a Secret.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> SecretLookup {
        match &self.states {
            Some(states) if states.of(namespace) == WatchState::Listed => {}
            _ => return SecretLookup::NotWatched,
        }
        let versions = self.versions.read();
        match versions.get(namespace).and_then(|secrets| secrets.get(name)) {
            Some(version) => SecretLookup::Present(version.clone()),
            None => SecretLookup::Absent,
        }
    }

    /// Whether the first answer of this namespace's watch is still to come. Until then no link of it is looked at, so
    /// that a restart reads no Secret that the watch is about to report as unchanged.
    pub(crate) fn is_pending(&self, namespace: &str) -> bool {
        self.states.as_ref().is_some_and(|states| states.of(namespace) == WatchState::Pending)
    }

    /// Takes a whole list in place of what was known within `scope`; returns the Secrets that differ.
    pub(super) fn replace(&self, scope: &WatchScope, seen: Vec<SecretSeen>) -> Vec<(String, String)> {
        let mut listed = Namespaces::new();
        for SecretSeen { namespace, name, version } in seen {
            listed.entry(namespace).or_default().insert(name, version);
        }
        let mut versions = self.versions.write();
        let former: Namespaces = versions.extract_if(|namespace, _| scope.covers(namespace)).collect();
        let changed =
            differences(&former, &listed).chain(differences(&listed, &former).filter(|(namespace, name)| {
                // The first half has those on both sides already.
                !former.get(namespace).is_some_and(|secrets| secrets.contains_key(name))
            }));
        let changed = changed.collect();
        versions.extend(listed);
        changed
    }

    /// Takes one changed Secret; returns whether it differs from what was known.
    pub(super) fn set(&self, SecretSeen { namespace, name, version }: SecretSeen) -> bool {
        let mut versions = self.versions.write();
        versions.entry(namespace).or_default().insert(name, version.clone()) != Some(version)
    }

    /// The Secret is gone.
    pub(super) fn remove(&self, namespace: &str, name: &str) {
        let mut versions = self.versions.write();
        if let Some(secrets) = versions.get_mut(namespace) {
            secrets.remove(name);
        }
    }
}

/// The Secrets of `these` that are absent or different in `others`.
fn differences<'a>(
    these: &'a Namespaces,
    others: &'a Namespaces,
) -> impl Iterator<Item = (String, String)> + 'a {
    these.iter().flat_map(move |(namespace, secrets)| {
        let other = others.get(namespace);
        secrets
            .iter()
            .filter(move |(name, version)| other.and_then(|other| other.get(*name)) != Some(version))
            .map(move |(name, _)| (namespace.clone(), name.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Gates;

    fn seen(namespace: &str, name: &str, resource_version: &str) -> SecretSeen {
        let version =
            SecretVersion { uid: format!("{name}-uid"), resource_version: resource_version.to_owned() };
        SecretSeen { namespace: namespace.to_owned(), name: name.to_owned(), version }
    }

    fn watched(scope: &WatchScope) -> (SecretVersions, Arc<WatchStates>) {
        let gate = Gates::default().gate("secrets-listed", "the first list");
        let states = Arc::new(WatchStates::new(std::slice::from_ref(scope), gate));
        (SecretVersions::new(Some(Arc::clone(&states))), states)
    }

    #[test]
    fn absent_differs_from_not_listed_yet_and_from_forbidden() {
        let scope = WatchScope::Namespace("team-a".to_owned());
        let (versions, states) = watched(&scope);
        assert!(versions.is_pending("team-a"));
        assert_eq!(versions.get("team-a", "keys"), SecretLookup::NotWatched);
        states.record(&scope, WatchState::Listed);
        assert!(!versions.is_pending("team-a"));
        assert_eq!(versions.get("team-a", "keys"), SecretLookup::Absent);
        states.record(&scope, WatchState::Forbidden);
        assert_eq!(versions.get("team-a", "keys"), SecretLookup::NotWatched);
        assert!(!versions.is_pending("team-a"), "an answer is an answer");
    }

    #[test]
    fn without_a_watch_nothing_is_waited_for() {
        let versions = SecretVersions::new(None);
        assert!(!versions.is_pending("team-a"));
        assert_eq!(versions.get("team-a", "keys"), SecretLookup::NotWatched);
    }

    #[test]
    fn a_new_list_names_what_came_went_or_changed_and_nothing_else() {
        let (versions, states) = watched(&WatchScope::Cluster);
        states.record(&WatchScope::Cluster, WatchState::Listed);
        versions.replace(
            &WatchScope::Cluster,
            vec![seen("a", "same", "1"), seen("a", "other", "1"), seen("b", "gone", "1")],
        );
        let mut changed = versions.replace(
            &WatchScope::Cluster,
            vec![seen("a", "same", "1"), seen("a", "other", "2"), seen("c", "new", "1")],
        );
        changed.sort();
        let pair = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
        assert_eq!(changed, [pair("a", "other"), pair("b", "gone"), pair("c", "new")]);
        assert_eq!(versions.get("b", "gone"), SecretLookup::Absent);
        assert_eq!(versions.get("c", "new"), SecretLookup::Present(seen("c", "new", "1").version));
    }

    #[test]
    fn a_list_of_one_namespace_leaves_the_others_alone() {
        let (versions, states) = watched(&WatchScope::Cluster);
        states.record(&WatchScope::Cluster, WatchState::Listed);
        versions.set(seen("b", "keys", "1"));
        versions.replace(&WatchScope::Namespace("a".to_owned()), vec![]);
        assert!(matches!(versions.get("b", "keys"), SecretLookup::Present(_)));
    }

    #[test]
    fn the_same_version_again_is_no_change() {
        let versions = SecretVersions::new(None);
        assert!(versions.set(seen("a", "keys", "1")));
        assert!(!versions.set(seen("a", "keys", "1")));
        assert!(versions.set(seen("a", "keys", "2")));
        versions.remove("a", "keys");
        assert!(versions.set(seen("a", "keys", "2")));
    }
}
