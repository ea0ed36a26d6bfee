use super::claims::{Claim, ClaimUpdate};
use super::rule::{Failing, is_common};
use super::*;
use crate::crd::{ConditionStatus, Reason};
use crate::link::decide::tests_subject;
use crate::link::origin::Origin;
use crate::link::state::Suspicion;
use crate::petra::LinkId;
use crate::testing::markdown::table;

const FLOOR: Duration = Duration::from_secs(30);
const OF: Reason = Reason::CredentialsRejected;

fn minute(n: u64) -> Duration {
    Duration::from_mins(n)
}

fn link(n: usize) -> LinkRef {
    LinkRef::new("team", &format!("link-{n}"))
}

fn subject(n: usize) -> Subject {
    Subject { key: link(n), ..tests_subject() }
}

impl Fleet {
    /// The end of a visit of a link whose verdict is good, and is or is not held.
    fn ends(&self, subject: &Subject, passed_at: Option<u64>, held: bool) {
        let suspicion = held.then_some(Suspicion { of: OF, since: minute(0), asked_for: false, held });
        let state = LinkState {
            uid: subject.uid.clone(),
            suspicion,
            is_judged_good: !subject.spec.suspended(),
            passed_at: passed_at.map(minute),
            ..LinkState::default()
        };
        let mut links = self.0.lock();
        links.suspects.settled(subject, &state);
        links.states.insert(subject.key.clone(), state);
    }

    /// What a link that the cloud refused at this minute sees of the fleet.
    fn refused(&self, subject: &Subject, at: u64) -> FleetView {
        self.accused(subject, Origin::Cloud, at)
    }

    fn accused(&self, subject: &Subject, by: Origin, at: u64) -> FleetView {
        self.view(subject, Accusation { of: OF, by }, minute(at))
    }

    fn state(&self, subject: &Subject, state: LinkState) {
        self.0.lock().states.insert(subject.key.clone(), state);
    }
}

/// So many links, each of which passed at minute 0 but the first `refused`, which were refused at minute 1 and are held.
fn fleet(links: usize, refused: usize) -> Fleet {
    let fleet = Fleet::default();
    for n in 0..links {
        fleet.ends(&subject(n), Some(0), false);
    }
    for n in 0..refused {
        fleet.refused(&subject(n), 1);
        fleet.ends(&subject(n), Some(0), true);
    }
    fleet
}

#[test]
fn every_row_of_the_page_about_many_links_is_what_the_rule_says() {
    let head =
        ["failed in its namespace", "failed in other namespaces", "passed", "held before", "the link is"];
    let page = include_str!("../../../tests/data/fleet-rule.md");
    let rows = table(page, "Many links that fail alike", head);
    assert!(rows.len() > 10);
    for row @ [own, others, passed, held, expected] in rows {
        let number = |cell: &str| cell.parse::<usize>().expect("a number");
        let failing = |namespace| Failing { namespace, since: Duration::ZERO };
        let mut failed = vec![failing("own"); number(own) - 1];
        for (count, namespace) in others.split(", ").filter(|cell| *cell != "-").zip(["one", "two", "three"])
        {
            failed.extend(vec![failing(namespace); number(count)]);
        }
        let passed = vec![Duration::ZERO; number(passed)];
        let common = is_common(failing("own"), &failed, &passed, held == "yes");
        assert_eq!(if common { "held" } else { "judged" }, expected, "{row:?}");
    }
}

#[test]
fn what_failed_and_passed_before_the_others_failed_does_not_count() {
    let failing = |at| Failing { namespace: "team", since: minute(at) };
    let passed = vec![minute(1); 100];
    let late = [failing(60), failing(61), failing(62)];
    assert!(is_common(failing(63), &late, &passed, false), "nothing passed since minute 60");
    assert!(!is_common(failing(0), &late, &passed, false), "it failed before the others passed");
    let early = [failing(0), failing(61), failing(62)];
    assert!(!is_common(failing(63), &early, &passed, false), "four of over a hundred since minute 0");
}

#[test]
fn links_that_were_accused_within_an_interval_of_theirs_count() {
    for (interval, minutes, expected) in [
        (30, 29, FleetView::Common),
        (30, 31, FleetView::Single),
        (24 * 60, 23 * 60, FleetView::Common),
        (24 * 60, 25 * 60, FleetView::Single),
    ] {
        let fleet = Fleet::default();
        let subject = |n| Subject { interval: minute(interval), ..subject(n) };
        for n in 0..3 {
            fleet.refused(&subject(n), 0);
        }
        assert_eq!(fleet.refused(&subject(3), minutes), expected, "{interval} {minutes}");
    }
}

#[test]
fn links_that_are_held_count_for_as_long_as_they_are() {
    let fleet = fleet(8, 4);
    assert_eq!(fleet.refused(&subject(4), 1000), FleetView::Common);
}

#[test]
fn a_suspect_that_passes_has_the_others_of_its_server_judged() {
    let fleet = fleet(8, 5);
    let elsewhere = Origin::SelfHosted("psa.example.com".parse().expect("a host"));
    assert_eq!(fleet.accused(&subject(5), elsewhere.clone(), 2), FleetView::Common);
    assert_eq!(fleet.refused(&subject(1), 3), FleetView::Common);
    fleet.ends(&subject(0), Some(4), false);
    assert_eq!(fleet.refused(&subject(1), 5), FleetView::Single, "it is judged by itself");
    assert_eq!(fleet.refused(&subject(2), 5), FleetView::Single);
    fleet.ends(&subject(5), None, true);
    assert_eq!(fleet.accused(&subject(5), elsewhere, 6), FleetView::Common, "another server said nothing");
}

#[test]
fn links_that_fail_after_a_success_are_a_fleet_of_their_own() {
    let fleet = fleet(20, 5);
    fleet.ends(&subject(0), Some(2), false);
    let views: Vec<_> = (5..9).map(|n| fleet.refused(&subject(n), 3)).collect();
    let single = FleetView::Single;
    assert_eq!(views, [single, single, single, FleetView::Common]);
}

#[test]
fn a_suspect_that_is_suspended_or_passes_with_other_inputs_releases_no_link() {
    let mut suspended = subject(0);
    suspended.spec.suspend = Some(true);
    let mut edited = subject(0);
    edited.status.inputs.get_or_insert_default().credentials_version = Some("another".to_owned());
    for (subject_0, passed_at) in [(suspended, None), (edited, Some(2))] {
        let fleet = fleet(8, 5);
        fleet.ends(&subject_0, passed_at, false);
        assert_eq!(fleet.refused(&subject(1), 3), FleetView::Common);
    }
}

#[test]
fn a_link_takes_part_while_its_verdict_is_good_and_it_is_not_suspended() {
    let mut subject = tests_subject();
    assert!(!takes_part(&subject), "it was never judged");
    subject.status = crate::link::decide::tests_rejected_status();
    assert!(!takes_part(&subject));
    let ready = subject.status.conditions.iter_mut().find(|it| it.type_ == "Ready").expect("judged");
    (ready.status, ready.reason) = (ConditionStatus::Unknown, Reason::ValidationStale.as_str().to_owned());
    assert!(takes_part(&subject));
    subject.spec.suspend = Some(true);
    assert!(!takes_part(&subject));
}

#[test]
fn suspended_links_count_neither_as_failed_nor_as_passed() {
    let fleet = fleet(40, 3);
    for n in 4..40 {
        let mut suspended = subject(n);
        suspended.spec.suspend = Some(true);
        fleet.ends(&suspended, Some(5), false);
    }
    assert_eq!(fleet.refused(&subject(3), 5), FleetView::Common);
}

fn id() -> LinkId {
    LinkId::derive("acme", "api-na.myconnectwise.net")
}

fn claimed(proved: bool) -> Claimed {
    Claimed { id: id(), acknowledged: false, proved }
}

fn claim(proved: bool) -> Claim {
    Claim { claimed: claimed(proved), created: None, of_portal: true }
}

impl Fleet {
    fn claims(&self, n: usize, claim: impl Into<Option<Claim>>) -> Vec<LinkRef> {
        let mut links = self.0.lock();
        let changed = links.claims.set(&link(n), claim.into());
        links.concerned(changed)
    }

    /// What a link with a proved claim sees of the others.
    fn seen_by(&self, n: usize) -> Precedence {
        self.precedence(&subject(n), &claimed(true))
    }
}

#[test]
fn a_new_claim_concerns_the_other_claimants_and_so_does_its_end() {
    let fleet = Fleet::default();
    assert_eq!(fleet.claims(0, claim(true)), []);
    assert_eq!(fleet.claims(1, claim(true)), [link(0)], "it may be behind the new one");
    assert_eq!(fleet.claims(0, claim(true)), [], "nothing is new");
    assert!(matches!(fleet.seen_by(1), Precedence::After(_)));
    assert_eq!(fleet.seen_by(0), Precedence::First);
    assert_eq!(fleet.claims(0, None::<Claim>), [link(1)]);
}

#[test]
fn a_claim_that_only_a_status_makes_is_checked_and_decides_nothing() {
    let fleet = Fleet::default();
    for n in 0..3 {
        fleet.state(&subject(n), LinkState::default());
    }
    let contested = |n: usize| fleet.0.lock().states[&link(n)].claim_contested;
    fleet.claims(0, claim(false));
    fleet.claims(1, claim(false));
    assert!(!contested(0) && !contested(1), "after a restart nobody is asked about hints");
    let mut woken = fleet.claims(2, claim(true));
    woken.dedup();
    assert!(woken.contains(&link(0)) && contested(0) && contested(1));
    assert_eq!(fleet.seen_by(2), Precedence::Unproved);
    fleet.claims(0, claim(true));
    assert!(matches!(fleet.seen_by(2), Precedence::After(_)), "it is older, and good");
}

#[test]
fn api_claims_that_only_a_status_makes_are_not_checked() {
    let fleet = Fleet::default();
    fleet.state(&subject(0), LinkState::default());
    let of_api = |proved| Claim { of_portal: false, ..claim(proved) };
    fleet.claims(0, of_api(false));
    fleet.claims(1, of_api(true));
    assert!(!fleet.0.lock().states[&link(0)].claim_contested, "Petra keeps them apart");
}

#[test]
fn a_link_that_waits_for_a_freed_claim_may_ask_petra_at_once() {
    let fleet = Fleet::default();
    let later = Some(Duration::from_hours(1));
    for n in 0..2 {
        fleet.state(&subject(n), LinkState { petra_not_before: later, ..LinkState::default() });
        fleet.claims(n, claim(true));
    }
    fleet.forget(&link(0), FLOOR);
    assert_eq!(fleet.0.lock().states[&link(1)].petra_not_before, None);
}

#[test]
fn a_visit_that_finds_no_claim_keeps_the_former_one() {
    let subject = tests_subject();
    assert_eq!(claim_after(&subject, None, true), ClaimUpdate::Keep(None));
    let mut accused = subject.clone();
    accused.status = crate::link::decide::tests_rejected_status();
    assert_eq!(claim_after(&accused, None, true), ClaimUpdate::Drop);
    let deleting = Subject { deleting: Some(jiff::Timestamp::UNIX_EPOCH), ..subject.clone() };
    assert_eq!(claim_after(&deleting, None, true), ClaimUpdate::Drop);

    let mut claims = Claims::default();
    claims.update(&subject, ClaimUpdate::Set(claimed(true)), true);
    claims.update(&subject, ClaimUpdate::Set(claimed(false)), true);
    claims.update(&subject, ClaimUpdate::Keep(None), true);
    let other = Subject { key: link(9), created: Some(jiff::Timestamp::UNIX_EPOCH), ..subject.clone() };
    assert!(matches!(claims.precedence(&other, &claimed(true)), Precedence::After(_)));
    claims.update(&subject, ClaimUpdate::Keep(None), false);
    assert_eq!(claims.precedence(&other, &claimed(true)), Precedence::First, "another company now");
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
