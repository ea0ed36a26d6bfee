//! What the last answered list said, and whether its gaps can be believed.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::link::{LinkId, RemoteLink};
use super::listing::Listing;
use super::owner::Owner;
use crate::clock::Now;

/// A list that lost more entries than this at once, and more than [`LOST_SHARE`] of them, is suspicious. An empty list is not
/// an exception: of the few links that it may lose then, each is asked for by itself before anything is said.
const LOST: usize = 3;
/// See [`LOST`]: one in so many.
const LOST_SHARE: usize = 5;

/// One answered list of an installation's links.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the call began: what was done at Petra after this moment need not be in it.
    pub asked_at: Now,
    /// When the call was answered.
    pub answered_at: Now,
    /// Whether it lost much that the lists before had: absence proves nothing then.
    pub suspicious: bool,
    complete: bool,
    links: HashMap<LinkId, RemoteLink>,
    unreadable: BTreeSet<LinkId>,
    by_owner: HashMap<Owner, BTreeSet<LinkId>>,
}

impl Snapshot {
    pub(crate) fn new(listing: Listing, suspicious: bool, asked_at: Now, answered_at: Now) -> Self {
        let Listing { links, unreadable, complete } = listing;
        let mut by_owner: HashMap<_, BTreeSet<_>> = HashMap::new();
        for link in &links {
            if let Some(owner) = &link.owner {
                by_owner.entry(owner.clone()).or_default().insert(link.id.clone());
            }
        }
        let links = links.into_iter().map(|link| (link.id.clone(), link)).collect();
        Self { asked_at, answered_at, suspicious, complete, links, unreadable, by_owner }
    }

    /// The link with this id.
    #[must_use]
    pub(crate) fn link(&self, id: &LinkId) -> Option<&RemoteLink> {
        self.links.get(id)
    }

    /// All links, in no order.
    pub(crate) fn links(&self) -> impl Iterator<Item = &RemoteLink> {
        self.links.values()
    }

    /// The links of an owner, by id.
    pub(crate) fn of_owner(&self, owner: &Owner) -> impl Iterator<Item = &RemoteLink> {
        self.by_owner.get(owner).into_iter().flatten().filter_map(|id| self.links.get(id))
    }

    /// Takes a link out that is gone for sure since.
    pub(crate) fn forget(&mut self, id: &LinkId) {
        let Some(owner) = self.links.remove(id).and_then(|link| link.owner) else { return };
        if let Some(ids) = self.by_owner.get_mut(&owner) {
            ids.retain(|other| other != id);
        }
    }

    /// Whether this list proves that no link has this id: it is not in it, not even unreadably, and the list is
    /// whole and not suspicious.
    #[must_use]
    pub(crate) fn denies(&self, id: &LinkId) -> bool {
        let there = self.links.contains_key(id) || self.unreadable.contains(id);
        !there && self.complete && !self.suspicious
    }

    /// This installation's owners with an entry that appeared, changed or vanished. Without a list before, all have.
    pub(super) fn owners_changed_since(&self, before: Option<&Self>, installation: &str) -> BTreeSet<Owner> {
        let old = |id: &LinkId| before.and_then(|before| before.links.get(id));
        let appeared_or_changed = self.links.values().filter(|link| old(&link.id) != Some(link));
        let owners_then = appeared_or_changed.clone().filter_map(|link| old(&link.id));
        let vanished = before.into_iter().flat_map(|before| before.links.values());
        let vanished = vanished.filter(|link| !self.links.contains_key(&link.id));
        appeared_or_changed
            .chain(owners_then)
            .chain(vanished)
            .filter_map(|link| link.owner.as_ref())
            .filter(|owner| owner.within(installation).is_some())
            .cloned()
            .collect()
    }
}

/// The links of the last list that was believed whole. A suspicious list does not replace it, so that the same gap looks
/// as suspicious in the next list as it did in the first.
#[derive(Debug, Default)]
pub(super) struct Trusted(HashSet<LinkId>);

impl Trusted {
    /// Whether a list is suspicious; one that is not becomes the new measure.
    pub(super) fn judge(&mut self, listing: &Listing) -> bool {
        let there: HashSet<_> =
            listing.links.iter().map(|link| &link.id).chain(&listing.unreadable).cloned().collect();
        let lost = self.0.difference(&there).count();
        let suspicious = lost > LOST && lost * LOST_SHARE > self.0.len();
        if !suspicious {
            self.0 = there;
        }
        suspicious
    }

    /// The link was deleted on purpose.
    pub(super) fn forget(&mut self, id: &LinkId) {
        self.0.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::petra::{RemoteState, Version};

    fn id(n: usize) -> LinkId {
        LinkId::parse(&format!("cw-{n}")).expect("an id")
    }

    fn link(n: usize, owner: Option<&str>, version: &str) -> RemoteLink {
        RemoteLink {
            id: id(n),
            company: None,
            site: None,
            owner: owner.map(|text| Owner::parse(text).expect("an owner")),
            owner_uid: None,
            state: RemoteState::Connected,
            refusal: None,
            credentials_version: None,
            version: Version::parse(version).expect("a version"),
            confirmed_at: None,
        }
    }

    fn listing(links: impl IntoIterator<Item = RemoteLink>) -> Listing {
        Listing { links: links.into_iter().collect(), complete: true, ..Listing::default() }
    }

    fn of(ids: impl IntoIterator<Item = usize>) -> Listing {
        listing(ids.into_iter().map(|n| link(n, Some("prod/petra/acme"), "v1")))
    }

    fn snapshot(listing: Listing, suspicious: bool) -> Snapshot {
        let now = Clock::start().now();
        Snapshot::new(listing, suspicious, now, now)
    }

    #[test]
    fn owners_change_when_an_entry_appeared_changed_or_vanished() {
        let before = snapshot(
            listing([
                link(1, Some("prod/a/same"), "v1"),
                link(2, Some("prod/a/changed"), "v1"),
                link(3, Some("prod/a/vanished"), "v1"),
                link(4, Some("prod/a/robbed"), "v1"),
                link(5, Some("other/a/x"), "v1"),
            ]),
            false,
        );
        let after = snapshot(
            listing([
                link(1, Some("prod/a/same"), "v1"),
                link(2, Some("prod/a/changed"), "v2"),
                link(4, Some("prod/b/robber"), "v2"),
                link(6, Some("prod/a/new"), "v1"),
                link(7, None, "v1"),
            ]),
            false,
        );
        let owners = after.owners_changed_since(Some(&before), "prod");
        let names: Vec<_> = owners.iter().map(Owner::as_str).collect();
        assert_eq!(
            names,
            ["prod/a/changed", "prod/a/new", "prod/a/robbed", "prod/a/vanished", "prod/b/robber"]
        );
        assert_eq!(after.owners_changed_since(Some(&after), "prod"), BTreeSet::new());
        assert_eq!(before.owners_changed_since(None, "prod").len(), 4);
    }

    #[test]
    fn an_owner_finds_all_its_links() {
        let list =
            listing([link(1, Some("prod/a/x"), "v1"), link(2, Some("prod/a/x"), "v1"), link(3, None, "v1")]);
        let snapshot = snapshot(list, false);
        let owner = Owner::new("prod", "a", "x");
        assert_eq!(snapshot.of_owner(&owner).map(|link| &link.id).collect::<Vec<_>>(), [&id(1), &id(2)]);
        assert_eq!(snapshot.link(&id(3)).map(|link| &link.owner), Some(&None));
        assert_eq!(snapshot.links().count(), 3);
    }

    #[test]
    fn a_list_denies_a_link_only_when_its_gap_can_be_believed() {
        assert!(snapshot(of([1]), false).denies(&id(2)));
        assert!(!snapshot(of([1]), false).denies(&id(1)));
        assert!(!snapshot(of([1]), true).denies(&id(2)), "suspicious");
        assert!(!snapshot(Listing { complete: false, ..of([1]) }, false).denies(&id(2)), "incomplete");
        let unreadable = Listing { unreadable: BTreeSet::from([id(2)]), ..of([1]) };
        assert!(!snapshot(unreadable, false).denies(&id(2)), "there, if unreadable");
    }

    #[test]
    fn a_list_that_lost_much_at_once_is_suspicious() {
        let table = [
            (0..0, 0..0, false, "never had any"),
            (0..3, 0..0, false, "few lost, and the list empty"),
            (0..4, 0..0, true, "emptied"),
            (0..4, 0..1, false, "three lost"),
            (0..5, 0..1, true, "four of five lost"),
            (0..20, 0..16, false, "a fifth lost"),
            (0..20, 0..15, true, "over a fifth lost"),
            (0..5, 0..9, false, "grown"),
        ];
        for (before, after, suspicious, what) in table {
            let mut trusted = Trusted::default();
            assert!(!trusted.judge(&of(before)));
            assert_eq!(trusted.judge(&of(after)), suspicious, "{what}");
        }
    }

    #[test]
    fn a_gap_stays_suspicious_until_it_is_filled_or_was_made_on_purpose() {
        let mut trusted = Trusted::default();
        trusted.judge(&of(0..10));
        assert!(trusted.judge(&of(0..2)));
        assert!(trusted.judge(&of(0..2)), "the same gap a poll later");
        assert!(!trusted.judge(&of(0..9)), "filled");
        for n in 2..9 {
            trusted.forget(&id(n));
        }
        assert!(!trusted.judge(&of(0..2)), "deleted by this process");
    }
}
