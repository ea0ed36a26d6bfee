//! Every outcome of a PUT and of a DELETE, as a table.

use jiff::{SignedDuration, Timestamp};

use super::super::changes::Action;
use super::super::link::{KeyPair, Link, Reason, State};
use super::super::links::{Accepted, AdoptFrom, Delete, Links, Put, Refusal};
use super::super::text::{LinkId, Owner, SiteUrl};
use super::{OTHER, OWNER, UID, start};

/// Which version the caller names.
#[derive(Clone, Copy)]
enum Names {
    No,
    TheCurrent,
    AStale,
}

use Names::{AStale, No, TheCurrent};

/// What is there before the call.
#[derive(Clone, Copy)]
enum There {
    Nothing,
    /// A link of this owner with the keys `k1`.
    Of(&'static str),
    ByHand,
}

use There::{ByHand, Nothing, Of};

pub(super) fn text<T: TryFrom<String>>(text: &str) -> T {
    T::try_from(text.to_owned()).unwrap_or_else(|_| panic!("{text} is not as its schema says"))
}

fn id() -> LinkId {
    text("link-1")
}

pub(super) fn put_by(owner: &str, keys: &str, expected_version: Option<String>, not_after: Timestamp) -> Put {
    Put {
        company_id: text("mycompany"),
        site_url: text("api-na.myconnectwise.localhost"),
        keys: KeyPair::new(format!("public-{keys}"), format!("private-{keys}")),
        owner: text(owner),
        owner_uid: text(UID),
        credentials_version: text(keys),
        expected_version,
        not_after,
        adopt_from: None,
    }
}

fn links(there: There) -> Links {
    let mut links = Links::default();
    if let Nothing = there {
        return links;
    }
    links.put(id(), put_by(OWNER, "k1", None, start()), start(), None).expect("nothing is there");
    let owner = match there {
        Of(owner) => Some(text::<Owner>(owner)),
        Nothing | ByHand => None,
    };
    let link = links.get(&id()).cloned().expect("just created");
    links.place(|version| Link { owner, version, tenant_mappings: 3, ..link });
    links
}

fn named(links: &Links, names: Names) -> Option<String> {
    match names {
        No => None,
        TheCurrent => links.get(&id()).map(|link| link.version.as_str().to_owned()),
        AStale => Some("long-ago".to_owned()),
    }
}

fn refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NotFound => "404",
        Refusal::OwnedByOther { owner: Some(_) } => "409",
        Refusal::OwnedByOther { owner: None } => "409 nobody's",
        Refusal::CompanyLinked { .. } => "409 company linked",
        Refusal::TooLate => "410",
        Refusal::VersionMismatch { version: Some(_) } => "412",
        Refusal::VersionMismatch { version: None } => "412 nothing there",
        Refusal::ConnectWise(_) => "422",
    }
}

#[test]
fn a_put_has_exactly_these_outcomes() {
    let from_other = Some(AdoptFrom::Owner(text(OTHER)));
    let from_owner = Some(AdoptFrom::Owner(text(OWNER)));
    let from_nobody = Some(AdoptFrom::Unowned);
    let wrong_keys = Some(Reason::CredentialsRejected);
    let rows = [
        // there, keys, version named, adoptFrom, seconds late, ConnectWise, outcome
        (Nothing, "k1", No, None, 0, None, "202 Created"),
        (Nothing, "k1", No, from_other.clone(), 0, None, "202 Created"),
        (Nothing, "k1", AStale, None, 0, None, "412 nothing there"),
        (Nothing, "k1", No, None, 1, None, "410"),
        (Nothing, "k1", No, None, 0, wrong_keys, "422"),
        (Of(OWNER), "k1", No, None, 0, None, "200"),
        (Of(OWNER), "k1", AStale, None, 0, None, "200"),
        (Of(OWNER), "k1", TheCurrent, from_other.clone(), 0, wrong_keys, "200"),
        (Of(OWNER), "k1", TheCurrent, None, 1, None, "410"),
        (Of(OWNER), "k2", TheCurrent, None, 0, None, "202 Replaced"),
        (Of(OWNER), "k2", TheCurrent, from_other.clone(), 0, None, "202 Replaced"),
        (Of(OWNER), "k2", No, None, 0, None, "412"),
        (Of(OWNER), "k2", AStale, None, 0, None, "412"),
        (Of(OWNER), "k2", TheCurrent, None, 1, None, "410"),
        (Of(OWNER), "k2", TheCurrent, None, 0, wrong_keys, "422"),
        (Of(OTHER), "k1", TheCurrent, None, 0, None, "409"),
        (Of(OTHER), "k2", AStale, None, 0, None, "409"),
        (Of(OTHER), "k2", TheCurrent, from_owner.clone(), 0, None, "409"),
        (Of(OTHER), "k2", TheCurrent, from_nobody.clone(), 0, None, "409"),
        (Of(OTHER), "k2", TheCurrent, from_other.clone(), 0, None, "202 Adopted"),
        (Of(OTHER), "k1", TheCurrent, from_other.clone(), 0, None, "202 Adopted"),
        (Of(OTHER), "k2", No, from_other.clone(), 0, None, "412"),
        (Of(OTHER), "k2", TheCurrent, from_other.clone(), 1, None, "410"),
        (Of(OTHER), "k2", TheCurrent, from_other.clone(), 0, wrong_keys, "422"),
        (ByHand, "k1", TheCurrent, None, 0, None, "409 nobody's"),
        (ByHand, "k1", TheCurrent, from_other, 0, None, "409 nobody's"),
        (ByHand, "k1", TheCurrent, from_nobody.clone(), 0, None, "202 Adopted"),
        (ByHand, "k1", No, from_nobody, 0, None, "412"),
    ];
    for (row, (there, keys, names, adopt_from, late, connectwise, outcome)) in rows.into_iter().enumerate() {
        let mut links = links(there);
        let before = links.clone();
        let put = Put { adopt_from, ..put_by(OWNER, keys, named(&links, names), start()) };
        let now = start() + SignedDuration::from_secs(late);
        let said = match links.put(id(), put, now, connectwise) {
            Ok(Accepted::Unchanged(_)) => "200".to_owned(),
            Ok(Accepted::Recorded(_)) => "200 recorded".to_owned(),
            Ok(Accepted::Pending(link)) => {
                assert_eq!(link.state, State::Pending, "row {row}");
                assert_eq!(link.owner, Some(text(OWNER)), "row {row}");
                assert_eq!(
                    link.keys.as_ref().map(KeyPair::private),
                    Some(&*format!("private-{keys}")),
                    "row {row}"
                );
                assert_eq!(link.tenant_mappings, if matches!(there, Nothing) { 0 } else { 3 }, "row {row}");
                format!("202 {:?}", links.changes().last().expect("a change is recorded").action)
            }
            Err(refused) => refusal(&refused).to_owned(),
        };
        assert_eq!(said, outcome, "row {row}");
        assert!(said.starts_with("202") || links == before, "row {row} changed something");
    }
}

#[test]
fn the_same_keys_again_are_a_retry_or_tell_another_resource_or_change_nothing() {
    let (connected, failed) =
        (State::Connected { confirmed_at: start() }, State::Failed { reason: Reason::Unreachable });
    let wrong_keys = Some(Reason::CredentialsRejected);
    let rows = [
        // state, uid, version named, ConnectWise, outcome, state after
        (State::Pending, UID, AStale, wrong_keys, "200", State::Pending),
        (connected, UID, AStale, wrong_keys, "200", connected),
        (failed, UID, AStale, None, "200", failed),
        (failed, UID, No, None, "200", failed),
        (failed, UID, TheCurrent, None, "202", State::Pending),
        (failed, UID, TheCurrent, wrong_keys, "422", failed),
        (connected, "another", TheCurrent, wrong_keys, "200 recorded", connected),
        (connected, "another", AStale, None, "412", connected),
        (State::Pending, "another", TheCurrent, None, "202", State::Pending),
        (failed, "another", TheCurrent, None, "202", State::Pending),
    ];
    for (row, (state, uid, names, connectwise, outcome, after)) in rows.into_iter().enumerate() {
        let mut links = links(Of(OWNER));
        links.force_state(&id(), state, start());
        let before = links.get(&id()).cloned().expect("it is there");
        let put = Put { owner_uid: text(uid), ..put_by(OWNER, "k1", named(&links, names), start()) };
        let said = match links.put(id(), put, start(), connectwise) {
            Ok(Accepted::Unchanged(_)) => "200",
            Ok(Accepted::Recorded(_)) => "200 recorded",
            Ok(Accepted::Pending(_)) => "202",
            Err(refused) => refusal(&refused),
        };
        assert_eq!(said, outcome, "row {row}");
        let link = links.get(&id()).expect("it is there");
        assert_eq!(link.state, after, "row {row}");
        let changed = ["202", "200 recorded"].contains(&said);
        assert_eq!(link.version != before.version, changed, "row {row}");
        assert_eq!(link.owner_uid == Some(text(uid)), changed || uid == UID, "row {row}");
    }
}

#[test]
fn one_company_has_one_link_whatever_id_it_comes_under() {
    let rows = [
        ("mycompany", "api-na.myconnectwise.localhost", "409 company linked"),
        ("MyCompany", "https://na.myconnectwise.localhost/", "409 company linked"),
        ("mycompany", "psa.mycompany.localhost", "409 company linked"),
        ("mycompany", "api-eu.myconnectwise.localhost", "created"),
        ("other", "api-na.myconnectwise.localhost", "created"),
    ];
    for (company, site, outcome) in rows {
        let mut links = links(Of(OTHER));
        let before = links.clone();
        let put =
            Put { company_id: text(company), site_url: text(site), ..put_by(OWNER, "k2", None, start()) };
        let said = match links.put(text("link-2"), put, start(), None) {
            Ok(_) => "created",
            Err(refused) => {
                assert_eq!(refused, Refusal::CompanyLinked { link_id: id(), owner: Some(text(OTHER)) });
                assert_eq!(links, before, "{company} {site} changed something");
                refusal(&refused)
            }
        };
        assert_eq!(said, outcome, "{company} {site}");
    }
    for (one, other, same) in [("au.x", "api-aus.x", true), ("au.x", "za.x", false)] {
        assert_eq!(text::<SiteUrl>(one).may_be_same_tenant(&text(other)), same, "{one} {other}");
    }
}

#[test]
fn the_keys_of_a_link_are_replaced_beside_another_of_its_company() {
    let mut links = links(Of(OWNER));
    let double = links.get(&id()).cloned().expect("just created");
    links.place(|version| Link { id: text("link-2"), version, ..double });
    let put = put_by(OWNER, "k2", named(&links, TheCurrent), start());
    assert!(matches!(links.put(id(), put, start(), None), Ok(Accepted::Pending(_))));
}

#[test]
fn a_delete_has_exactly_these_outcomes() {
    let rows = [
        // there, version named, seconds late, outcome
        (Nothing, AStale, 0, "404"),
        (Nothing, AStale, 1, "410"),
        (Of(OWNER), TheCurrent, 0, "204"),
        (Of(OWNER), TheCurrent, 1, "410"),
        (Of(OWNER), AStale, 0, "412"),
        (Of(OTHER), TheCurrent, 0, "409"),
        (Of(OTHER), AStale, 0, "409"),
        (ByHand, TheCurrent, 0, "409 nobody's"),
    ];
    for (row, (there, names, late, outcome)) in rows.into_iter().enumerate() {
        let mut links = links(there);
        let before = links.clone();
        let expected_version = named(&links, names).expect("every row names a version");
        let delete = Delete { owner: text(OWNER), expected_version, not_after: start() };
        let said = match links.delete(&id(), delete, start() + SignedDuration::from_secs(late)) {
            Ok(()) => "204",
            Err(refused) => refusal(&refused),
        };
        assert_eq!(said, outcome, "row {row}");
        if said == "204" {
            assert_eq!(links.get(&id()), None, "row {row}");
            assert_eq!(
                links.changes().last().map(|change| change.action),
                Some(Action::Deleted),
                "row {row}"
            );
        } else {
            assert_eq!(links, before, "row {row} changed something");
        }
    }
}

#[test]
fn a_verdict_counts_only_for_the_version_it_was_asked_for() {
    let mut links = Links::default();
    let first = links.put(id(), put_by(OWNER, "k1", None, start()), start(), None);
    let Ok(Accepted::Pending(first)) = first else { panic!("not created: {first:?}") };
    let first = first.version.clone();
    let expected = Some(first.as_str().to_owned());
    let second = links.put(id(), put_by(OWNER, "k2", expected, start()), start(), None);
    let Ok(Accepted::Pending(second)) = second else { panic!("not replaced: {second:?}") };
    let second = second.version.clone();

    assert!(!links.settle(&id(), &first, Err(Reason::CredentialsRejected), start()));
    assert_eq!(links.get(&id()).map(|link| link.state), Some(State::Pending));

    assert!(links.settle(&id(), &second, Ok(()), start()));
    let confirmed = links.get(&id()).expect("it is there");
    assert_eq!(confirmed.state, State::Connected { confirmed_at: start() });
    assert_ne!(confirmed.version, second);
}

#[test]
fn keys_are_not_shown_by_debug() {
    let links = links(Of(OWNER));
    let shown = format!("{links:?} {:?}", put_by(OWNER, "k1", None, start()));
    assert!(!shown.contains("private-k1") && !shown.contains("public-k1"), "{shown}");
}
