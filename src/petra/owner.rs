//! Who holds a link at Petra.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dns_name;

/// The most characters of an installation, a namespace and a name, by the contract.
const MAX_PARTS: [usize; 3] = [63, 63, 253];
/// The most characters of a UID.
const MAX_UID: usize = 64;

/// `<installationId>/<namespace>/<name>`: who holds a link at Petra. Compared exactly. Others than this operator may choose
/// other names than Kubernetes allows, so that only what [`Owner::within`] returns is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Owner(String);

impl Owner {
    /// The owner that a resource is.
    #[must_use]
    pub(crate) fn new(installation: &str, namespace: &str, name: &str) -> Self {
        Self(format!("{installation}/{namespace}/{name}"))
    }

    /// Reads an owner that Petra reported; `None` unless it is one by the contract: three parts without white space.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        let fits = |(part, most): (&&str, usize)| {
            (1..=most).contains(&part.chars().count()) && part.chars().all(plain)
        };
        (parts.len() == 3 && parts.iter().zip(MAX_PARTS).all(fits)).then(|| Self(text.to_owned()))
    }

    /// The namespace and name, when this installation is the owner's, and a resource can have them.
    #[must_use]
    pub(crate) fn within(&self, installation: &str) -> Option<(&str, &str)> {
        let resource = self.0.strip_prefix(installation)?.strip_prefix('/')?.split_once('/');
        resource.filter(|(namespace, name)| dns_name::is_label(namespace) && dns_name::is_subdomain(name))
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

/// `metadata.uid` of the resource that made the last change of a link at Petra. It distinguishes two resources of one owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerUid(String);

impl OwnerUid {
    /// Reads a UID: 1 to 64 letters, digits and hyphens.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_UID).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// As Petra spells it.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
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
        let long = ["a".repeat(64), "b".repeat(254)];
        let long = [format!("{}/b/c", long[0]), format!("a/b/{}", long[1])];
        let no_owners =
            ["", "unowned", "a/b", "a/b/c/d", "a//c", "a/b/c d", "a/b/c\u{1b}", &long[0], &long[1]];
        for no_owner in no_owners {
            assert_eq!(Owner::parse(no_owner), None, "{no_owner:?}");
        }
    }

    #[test]
    fn an_owner_with_a_name_that_no_resource_has_is_an_owner_all_the_same() {
        for other in ["Prod-EU/Team-A/Name", "prod/Team/acme", "prod/team/a_b", "prod/team/\u{e9}"] {
            let owner = Owner::parse(other).expect("an owner by the contract");
            assert_eq!((owner.as_str(), owner.within("prod"), owner.within("Prod-EU")), (other, None, None));
        }
    }

    #[test]
    fn a_uid_is_letters_digits_and_hyphens() {
        let uid = "8f14e45f-ceea-467f-a9d1-2e5b6c7d8e9f";
        assert_eq!(OwnerUid::parse(uid).as_ref().map(OwnerUid::as_str), Some(uid));
        for other in ["", "a b", "a/b", "\u{e9}", &"a".repeat(65)] {
            assert_eq!(OwnerUid::parse(other), None, "{other:?}");
        }
    }
}
