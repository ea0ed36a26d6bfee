//! Which namespaces are watched, and by which watches.

use std::collections::BTreeSet;
use std::fmt;

use kube::api::{Api, Resource};
use kube::core::NamespaceResourceScope;

/// `--watch-namespaces`: whose links are looked at. Who may create a link there may send a company's tickets to the
/// operator's Petra organisation, so nothing is watched that was not named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchNamespaces {
    /// `*`: all of them, present and future, by one watch each of links and Secrets. Needs a `ClusterRole`.
    All,
    /// Exactly these, by watches of their own. Needs a Role in each.
    These(BTreeSet<String>),
}

/// What one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchScope {
    /// Every namespace.
    Cluster,
    /// One namespace.
    Namespace(String),
}

impl WatchNamespaces {
    /// One scope for each watch that is needed.
    #[must_use]
    pub fn scopes(&self) -> Vec<WatchScope> {
        match self {
            Self::All => vec![WatchScope::Cluster],
            Self::These(namespaces) => namespaces.iter().cloned().map(WatchScope::Namespace).collect(),
        }
    }

    /// Whether links of more than one namespace share this operator.
    #[must_use]
    pub fn are_several(&self) -> bool {
        match self {
            Self::All => true,
            Self::These(namespaces) => namespaces.len() > 1,
        }
    }
}

impl WatchScope {
    /// Whether objects of this namespace are covered.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::Cluster => true,
            Self::Namespace(own) => own == namespace,
        }
    }

    /// The API of a kind, within this scope.
    #[must_use]
    pub fn api<K>(&self, client: kube::Client) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match self {
            Self::Cluster => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
        }
    }
}

impl fmt::Display for WatchScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("all namespaces"),
            Self::Namespace(namespace) => write!(f, "namespace {namespace}"),
        }
    }
}
