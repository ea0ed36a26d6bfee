//! All pages of the list route, put together.

use std::collections::{BTreeSet, HashSet};

use super::link::{LinkId, RemoteLink};
use super::wire::Page;

/// No list has more pages: with one page every few seconds, more would take an hour.
const MAX_PAGES: usize = 500;
/// No list has more links; a bound for memory.
const MAX_LINKS: usize = 50_000;

/// The links that one owner or one installation has at Petra.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries that could be read.
    pub links: Vec<RemoteLink>,
    /// Ids of entries of which nothing else could be read: these links are there.
    pub unreadable: BTreeSet<LinkId>,
    /// Whether no entry was without a readable id. Where it is false, absence proves nothing.
    pub complete: bool,
}

impl Listing {
    /// Takes out links that are gone since, and returns which these were.
    pub(super) fn forget(&mut self, is_gone: impl Fn(&RemoteLink) -> bool) -> HashSet<LinkId> {
        self.links.extract_if(.., |link| is_gone(link)).map(|link| link.id).collect()
    }
}

/// What to do after a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the page at this cursor.
    Next(String),
    /// That was the last one.
    Done,
    /// The server walks in a circle, or has no end.
    Broken,
}

/// A listing in the making.
#[derive(Debug)]
pub(super) struct Pages {
    listing: Listing,
    cursors: HashSet<String>,
}

impl Pages {
    pub(super) fn new() -> Self {
        Self { listing: Listing { complete: true, ..Listing::default() }, cursors: HashSet::new() }
    }

    /// Takes a page in, whole.
    pub(super) fn take(&mut self, page: Page) -> Step {
        let Page { links, unreadable, complete, next } = page;
        self.listing.links.extend(links);
        self.listing.unreadable.extend(unreadable);
        self.listing.complete &= complete;
        if self.listing.links.len() + self.listing.unreadable.len() > MAX_LINKS {
            return Step::Broken;
        }
        match next {
            None => Step::Done,
            Some(_) if self.cursors.len() + 1 >= MAX_PAGES => Step::Broken,
            Some(cursor) if self.cursors.insert(cursor.clone()) => Step::Next(cursor),
            Some(_) => Step::Broken,
        }
    }

    pub(super) fn finish(self) -> Listing {
        self.listing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<String>) -> Page {
        Page { links: Vec::new(), unreadable: BTreeSet::new(), complete: true, next }
    }

    #[test]
    fn pages_are_followed_to_the_last_one() {
        let mut pages = Pages::new();
        assert_eq!(pages.take(page(Some("a".into()))), Step::Next("a".into()));
        assert_eq!(pages.take(Page { complete: false, ..page(Some("b".into())) }), Step::Next("b".into()));
        assert_eq!(pages.take(page(None)), Step::Done);
        assert!(!pages.finish().complete, "one incomplete page makes the list incomplete");
    }

    #[test]
    fn a_circle_of_cursors_is_left() {
        let mut pages = Pages::new();
        pages.take(page(Some("a".into())));
        pages.take(page(Some("b".into())));
        assert_eq!(pages.take(page(Some("a".into()))), Step::Broken);
    }

    #[test]
    fn a_list_without_an_end_is_left() {
        let mut pages = Pages::new();
        let steps = (0..MAX_PAGES).map(|n| pages.take(page(Some(n.to_string())))).collect::<Vec<_>>();
        assert_eq!(steps.iter().position(|step| *step == Step::Broken), Some(MAX_PAGES - 1));
    }
}
