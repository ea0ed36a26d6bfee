//! Which links use a Secret: a change of a Secret wakes exactly those.

use std::collections::{BTreeSet, HashMap};

use parking_lot::RwLock;

use crate::crd::LinkRef;
use crate::watch_scope::WatchScope;

/// From (namespace, Secret) to links, kept from the stream of links. A link names a Secret of its own namespace.
#[derive(Debug, Default)]
pub(super) struct LinkIndex {
    maps: RwLock<Maps>,
}

#[derive(Debug, Default)]
struct Maps {
    /// What each link names; `None` for an unreadable link.
    secret_of: HashMap<LinkRef, Option<String>>,
    /// The reverse, by namespace and Secret.
    links_of: HashMap<(String, String), BTreeSet<LinkRef>>,
}

impl LinkIndex {
    /// The link names this Secret now.
    pub(super) fn set(&self, link: &LinkRef, secret: Option<&str>) {
        self.maps.write().set(link, secret);
    }

    /// The link is gone.
    pub(super) fn remove(&self, link: &LinkRef) {
        self.maps.write().remove(link);
    }

    /// The links that name this Secret, sorted.
    pub(super) fn links_of(&self, namespace: &str, secret: &str) -> Vec<LinkRef> {
        let maps = self.maps.read();
        let key = (namespace.to_owned(), secret.to_owned());
        maps.links_of.get(&key).into_iter().flatten().cloned().collect()
    }

    /// All links within a scope.
    pub(super) fn within(&self, scope: &WatchScope) -> Vec<LinkRef> {
        let maps = self.maps.read();
        maps.secret_of.keys().filter(|link| scope.covers(&link.namespace)).cloned().collect()
    }
}

impl Maps {
    fn set(&mut self, link: &LinkRef, secret: Option<&str>) {
        if self.secret_of.get(link).is_some_and(|known| known.as_deref() == secret) {
            return;
        }
        self.remove(link);
        self.secret_of.insert(link.clone(), secret.map(str::to_owned));
        if let Some(secret) = secret {
            let key = (link.namespace.clone(), secret.to_owned());
            self.links_of.entry(key).or_default().insert(link.clone());
        }
    }

    fn remove(&mut self, link: &LinkRef) {
        let Some(Some(secret)) = self.secret_of.remove(link) else { return };
        let key = (link.namespace.clone(), secret);
        if let Some(links) = self.links_of.get_mut(&key) {
            links.remove(link);
            if links.is_empty() {
                self.links_of.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_wakes_the_links_of_its_own_namespace_that_name_it() {
        let index = LinkIndex::default();
        let (one, two) = (LinkRef::new("team-a", "one"), LinkRef::new("team-a", "two"));
        let elsewhere = LinkRef::new("team-b", "one");
        index.set(&two, Some("keys"));
        index.set(&one, Some("keys"));
        index.set(&elsewhere, Some("keys"));
        assert_eq!(index.links_of("team-a", "keys"), [one, two]);
        assert_eq!(index.links_of("team-a", "other"), []);
    }

    #[test]
    fn a_link_that_names_another_secret_or_goes_away_leaves_nothing_behind() {
        let index = LinkIndex::default();
        let link = LinkRef::new("team-a", "one");
        index.set(&link, Some("keys"));
        index.set(&link, Some("other"));
        assert_eq!(index.links_of("team-a", "keys"), []);
        assert_eq!(index.links_of("team-a", "other"), std::slice::from_ref(&link));
        index.set(&link, None);
        assert_eq!(index.links_of("team-a", "other"), []);
        assert_eq!(index.within(&WatchScope::Cluster), std::slice::from_ref(&link));
        assert_eq!(index.within(&WatchScope::Namespace("team-b".to_owned())), []);
        index.remove(&link);
        let maps = index.maps.read();
        assert!(maps.secret_of.is_empty() && maps.links_of.is_empty());
    }
}
