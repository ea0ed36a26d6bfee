//! Whatever callers do, in whatever order: what must always hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::super::changes::Action;
use super::super::link::Reason;
use super::super::links::{Accepted, AdoptFrom, Delete, Links, Put};
use super::super::text::{LinkId, Owner};
use super::start;
use super::table::{put_by, text};

#[derive(Clone, Debug)]
enum Step {
    Put {
        link: &'static str,
        owner: &'static str,
        uid: &'static str,
        keys: &'static str,
        version: Belief,
        adopt_from: Option<&'static str>,
        late: bool,
    },
    Delete {
        link: &'static str,
        owner: &'static str,
        version: Belief,
        late: bool,
    },
    Settle {
        link: &'static str,
        good: bool,
    },
    Vanish {
        link: &'static str,
    },
}

/// Which version a caller believes to be there.
#[derive(Clone, Copy, Debug)]
enum Belief {
    Nothing,
    Current,
    Old,
}

fn step() -> impl Strategy<Value = Step> {
    let link = || prop::sample::select(vec!["link-1", "link-2"]);
    let owner = || prop::sample::select(vec!["prod/team/a", "prod/team/b", "prod/team/ab"]);
    let uid = prop::sample::select(vec!["uid-1", "uid-2"]);
    let keys = prop::sample::select(vec!["k1", "k2", "k3"]);
    let version =
        || prop::sample::select(vec![Belief::Nothing, Belief::Current, Belief::Current, Belief::Old]);
    let late = || prop::bool::weighted(0.1);
    let adopt_from = prop::option::of(prop::sample::select(vec!["prod/team/a", "prod/team/b", "unowned"]));
    prop_oneof![
        6 => (link(), owner(), uid, keys, version(), adopt_from, late()).prop_map(
            |(link, owner, uid, keys, version, adopt_from, late)| {
                Step::Put { link, owner, uid, keys, version, adopt_from, late }
            }
        ),
        3 => (link(), owner(), version(), late())
            .prop_map(|(link, owner, version, late)| Step::Delete { link, owner, version, late }),
        2 => (link(), any::<bool>()).prop_map(|(link, good)| Step::Settle { link, good }),
        1 => link().prop_map(|link| Step::Vanish { link }),
    ]
}

fn believed(links: &Links, id: &LinkId, belief: Belief, seen: &BTreeSet<String>) -> Option<String> {
    match belief {
        Belief::Nothing => None,
        Belief::Current => links.get(id).map(|link| link.version.as_str().to_owned()),
        Belief::Old => seen.first().cloned(),
    }
}

fn deadline(now: Timestamp, late: bool) -> Timestamp {
    now + SignedDuration::from_secs(if late { -1 } else { 8 })
}

/// Takes a step; true where the answer was that something changed.
fn take(links: &mut Links, step: &Step, now: Timestamp, seen: &BTreeSet<String>) -> bool {
    match *step {
        Step::Put { link, owner, uid, keys, version, adopt_from, late } => {
            let id = text::<LinkId>(link);
            let expected = believed(links, &id, version, seen);
            let adopt_from = adopt_from.map(text::<AdoptFrom>);
            let owner_uid = text(uid);
            let put = Put { owner_uid, adopt_from, ..put_by(owner, keys, expected, deadline(now, late)) };
            matches!(links.put(id, put, now, None), Ok(Accepted::Pending(_) | Accepted::Recorded(_)))
        }
        Step::Delete { link, owner, version, late } => {
            let id = text::<LinkId>(link);
            let Some(expected_version) = believed(links, &id, version, seen) else { return false };
            let delete = Delete { owner: text(owner), expected_version, not_after: deadline(now, late) };
            links.delete(&id, delete, now).is_ok()
        }
        Step::Settle { link, good } => {
            let id = text::<LinkId>(link);
            let Some(version) = links.get(&id).map(|link| link.version.clone()) else { return false };
            let verdict = if good { Ok(()) } else { Err(Reason::PermissionMissing) };
            links.settle(&id, &version, verdict, now)
        }
        Step::Vanish { link } => links.vanish(&text(link), now),
    }
}

/// Who holds what after the recorded changes, provided that each was allowed.
fn replay(links: &Links) -> Result<BTreeMap<LinkId, Option<Owner>>, TestCaseError> {
    let mut held = BTreeMap::<LinkId, Option<Owner>>::new();
    for change in links.changes() {
        let holder = held.get(&change.link_id).cloned();
        match change.action {
            Action::Created => prop_assert_eq!(holder, None, "a second live link: {:?}", change),
            Action::Replaced | Action::Deleted => {
                prop_assert_eq!(holder, Some(change.by.clone()), "not the holder's: {:?}", change);
            }
            Action::Adopted => {
                prop_assert_eq!(
                    holder,
                    Some(change.previous_owner.clone()),
                    "not from the holder: {:?}",
                    change
                );
                prop_assert_ne!(&change.by, &change.previous_owner, "already the holder: {:?}", change);
            }
            Action::Placed | Action::Vanished => {}
        }
        if let Action::Deleted | Action::Vanished = change.action {
            held.remove(&change.link_id);
        } else {
            held.insert(change.link_id.clone(), change.owner.clone());
        }
    }
    Ok(held)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_live_link_an_id_held_by_whoever_the_record_says_and_no_version_twice(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut links = Links::default();
        let mut seen = BTreeSet::new();
        for (second, step) in (0..).zip(&steps) {
            let before = links.clone();
            let changed = take(&mut links, step, start() + SignedDuration::from_secs(second), &seen);
            prop_assert_eq!(changed, links != before, "{:?}", step);
            for link in links.all() {
                let known = before.get(&link.id).is_some_and(|old| old == link);
                prop_assert!(known || seen.insert(link.version.as_str().to_owned()), "version given twice: {:?}", link);
            }
        }
        let held: BTreeMap<_, _> = links.all().map(|link| (link.id.clone(), link.owner.clone())).collect();
        prop_assert_eq!(replay(&links)?, held);
    }
}
