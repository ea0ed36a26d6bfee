//! Who holds a link at Petra.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `<installationId>/<namespace>/<name>`: who holds a link at Petra. Compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// The owner that a resource is.
    #[must_use]
    pub(crate) fn new(installation: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{installation}/{namespace}/{name}"))
    }

    /// Reads an owner that Petra reported or a person wrote; `None` unless it has three parts that could be an installation,
    /// a namespace and a name: at most 253 lower-case letters, digits, hyphens and dots each.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let fits = |part: &&str| (1..=253).contains(&part.len()) && part.bytes().all(of_name);
        (parts.len() == 3 && parts.iter().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The namespace and name, when this installation is the owner's.
    #[must_use]
    pub(crate) fn within(&self, installation: &str) -> Option<(&str, &str)> {
        self.0.strip_prefix(installation)?.strip_prefix('/')?.split_once('/')
    }

    /// The namespace, whichever the installation.
    #[must_use]
    pub(crate) fn namespace(&self) -> &str {
        self.0.split('/').nth(1).unwrap_or_default()
    }

    /// As Petra spells it.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_three_parts() {
        let owner = Owner::parse("prod/petra/acme").expect("an owner");
        assert_eq!(owner.within("prod"), Some(("petra", "acme")));
        assert_eq!(owner.namespace(), "petra");
        for other in ["pro", "prod/petra", "PROD", ""] {
            assert_eq!(owner.within(other), None, "{other:?}");
        }
        for no_owner in ["", "a/b", "a/b/c/d", "a//c", "a/b/c d", "a/b/\u{e9}"] {
            assert_eq!(Owner::parse(no_owner), None, "{no_owner:?}");
        }
    }
}
