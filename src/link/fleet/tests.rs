use super::claims::Claim;
use super::*;
use crate::link::decide::tests_subject;
use crate::link::state::Suspicion;

const WINDOW: Duration = Duration::from_mins(30);
const FLOOR: Duration = Duration::from_secs(30);
const OF: Reason = Reason::CredentialsRejected;

fn link(n: usize) -> LinkRef {
    LinkRef::new("team", &format!("link-{n}"))
}

fn subject(n: usize) -> Subject {
    Subject { key: link(n), ..tests_subject() }
}

impl Fleet {
    /// The end of a visit.
    fn ends(&self, n: usize, ready: bool, suspected_since: Option<u64>, disproved: bool) {
        let suspicion = suspected_since.map(|minute| Suspicion {
            of: OF,
            since: Duration::from_mins(minute),
            asked_for: false,
            held: true,
        });
        let mut links = self.0.lock();
        let state = LinkState { uid: subject(n).uid, suspicion, ready, ..LinkState::default() };
        links.states.insert(link(n), state);
        if disproved {
            links.suspects.disproved(&link(n), OF);
        }
    }

    /// What a link that was refused at `minute` sees of the fleet.
    fn refused(&self, n: usize, minute: u64) -> FleetView {
        self.view(&subject(n), OF, Duration::from_mins(minute), WINDOW)
    }

    fn state(&self, subject: &Subject, state: LinkState) {
        self.0.lock().states.insert(subject.key.clone(), state);
    }
}

/// So many Ready links, the first `suspected` of which were refused at `minute` and are held.
fn fleet(ready: usize, suspected: usize, minute: u64) -> Fleet {
    let fleet = Fleet::default();
    for n in 0..ready {
        fleet.ends(n, true, None, false);
    }
    for n in 0..suspected {
        fleet.refused(n, minute);
        fleet.ends(n, true, Some(minute), false);
    }
    fleet
}

#[test]
fn links_accused_within_an_interval_count_for_the_next() {
    let fleet = fleet(12, 3, 4);
    for n in 0..3 {
        fleet.ends(n, false, None, false);
    }
    let view = FleetView { ready: 12, suspected_alike: 3, released: false };
    assert_eq!(fleet.refused(5, 10), view, "accused one by one, they count as the fleet that they were");
    assert_eq!(fleet.refused(5, 40).suspected_alike, 0, "an interval later they do not");
}

#[test]
fn links_that_are_held_count_for_as_long_as_they_are() {
    let fleet = fleet(8, 5, 0);
    assert_eq!(fleet.refused(0, 1000).suspected_alike, 4);
}

#[test]
fn one_suspect_that_succeeds_releases_the_others() {
    let fleet = fleet(8, 5, 0);
    assert!(!fleet.refused(1, 1).released);
    fleet.ends(0, true, None, true);
    assert!(fleet.refused(1, 1).released);
}

#[test]
fn a_suspended_suspect_or_one_with_other_keys_releases_no_link() {
    let fleet = fleet(8, 5, 0);
    fleet.ends(0, true, None, false);
    let view = FleetView { ready: 8, suspected_alike: 4, released: false };
    assert_eq!(fleet.refused(1, 1), view, "and still counts for an interval");
    assert_eq!(fleet.refused(1, 40).suspected_alike, 3);
}

#[test]
fn a_new_claim_concerns_the_other_claimants_and_so_does_its_end() {
    let fleet = Fleet::default();
    let id = LinkId::derive("acme", "api-na.myconnectwise.net");
    let claim = || Some(Claim { id: id.clone(), acknowledged: true, created: None });
    let set = |n: usize, claim| fleet.0.lock().claim(&link(n), claim);
    assert_eq!(set(0, claim()), []);
    assert_eq!(set(1, claim()), [link(0)], "it may be behind the new one");
    assert_eq!(set(0, claim()), [], "nothing is new");
    assert!(matches!(fleet.precedence(&tests_subject(), &id), Precedence::After(_)));
    assert_eq!(set(0, None), [link(1)]);
}

#[test]
fn a_link_that_waits_for_a_freed_claim_may_ask_petra_at_once() {
    let fleet = Fleet::default();
    let id = LinkId::derive("acme", "api-na.myconnectwise.net");
    let claim = || Some(Claim { id: id.clone(), acknowledged: false, created: None });
    let later = Some(Duration::from_hours(1));
    for n in 0..2 {
        fleet.state(&subject(n), LinkState { petra_not_before: later, ..LinkState::default() });
        fleet.0.lock().claim(&link(n), claim());
    }
    fleet.forget(&link(0), FLOOR);
    assert_eq!(fleet.0.lock().states[&link(1)].petra_not_before, None);
}

#[test]
fn a_visit_that_finds_no_claim_keeps_the_former_one() {
    let subject = tests_subject();
    assert_eq!(claim_after(&subject, None), ClaimUpdate::Keep);
    let mut accused = subject.clone();
    accused.status = crate::link::decide::tests_rejected_status();
    assert_eq!(claim_after(&accused, None), ClaimUpdate::Drop);
    let deleting = Subject { deleting: Some(jiff::Timestamp::UNIX_EPOCH), ..subject };
    assert_eq!(claim_after(&deleting, None), ClaimUpdate::Drop);
}

#[test]
fn a_namesake_keeps_only_the_floor_of_the_former_link() {
    let (fleet, subject) = (Fleet::default(), tests_subject());
    let last_round = Some(Duration::from_secs(70));
    let state = LinkState {
        uid: subject.uid.clone(),
        last_round,
        not_before: Some(Duration::from_mins(2)),
        ..LinkState::default()
    };
    fleet.state(&subject, state.clone());
    assert_eq!(fleet.recall(&subject), state);
    assert!(!fleet.knows_former(&subject));
    let namesake = Subject { uid: "another".to_owned(), ..subject.clone() };
    assert!(fleet.knows_former(&namesake));
    let former = fleet.forget(&subject.key, FLOOR).map(|departed| departed.state.uid);
    assert_eq!(former.as_deref(), Some(subject.uid.as_str()));
    assert!(!fleet.knows_former(&namesake));
    let floor = LinkState { uid: namesake.uid.clone(), last_round, ..LinkState::default() };
    assert_eq!(fleet.recall(&namesake), floor);
}

#[test]
fn the_floor_of_links_that_are_gone_is_forgotten_when_it_is_over() {
    let fleet = Fleet::default();
    let gone = |n: usize, second: u64| {
        let last_round = Some(Duration::from_secs(second));
        fleet.state(&subject(n), LinkState { last_round, ..LinkState::default() });
        fleet.forget(&link(n), FLOOR);
    };
    let floor = |n: usize| fleet.recall(&subject(n)).last_round;
    gone(1, 100);
    gone(2, 125);
    assert!(floor(1).is_some() && floor(2).is_some());
    gone(3, 130);
    assert_eq!((floor(1), floor(2).is_some()), (None, true));
    assert!(floor(3).is_some());
}

#[test]
fn a_link_that_is_gone_is_held_no_longer() {
    let fleet = Fleet::default();
    for n in 0..2 {
        fleet.state(&subject(n), LinkState::default());
        assert_eq!(fleet.0.lock().suspects.hold(&link(n), true), n == 0, "only the first begins the hold");
    }
    let held = |n| fleet.forget(&link(n), FLOOR).map(|departed| departed.held);
    assert_eq!((held(0), held(0), held(1)), (Some(1), None, Some(0)));
}
