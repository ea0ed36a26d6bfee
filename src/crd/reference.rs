//! Names of links, and versions of the Secrets that they use.

use std::fmt;

/// Names one link.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl LinkRef {
    /// Names a link of this namespace.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for LinkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Identifies the content of a Secret: equal uid and resource version mean that nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVersion {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What the watch knows of one Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretLookup {
    /// Secrets of this namespace are not watched: switched off, forbidden, or failing from the start. Only a read shows
    /// whether the Secret exists.
    NotWatched,
    /// The watch has a whole list, and this Secret is not in it.
    Absent,
    /// It exists.
    Present(SecretVersion),
}
