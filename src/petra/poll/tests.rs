use std::collections::VecDeque;

use super::*;
use crate::petra::{RemoteLink, RemoteState, Version};

/// Returns the given answers in turn, and the last one for ever.
struct Script {
    answers: Mutex<VecDeque<Result<Listing, PetraFault>>>,
    asked: watch::Sender<usize>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Result<Listing, PetraFault>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: watch::Sender::default() })
    }

    async fn asked(&self, times: usize) {
        let mut asked = self.asked.subscribe();
        asked.wait_for(|count| *count >= times).await.expect("the script lives");
    }
}

impl Lister for Script {
    async fn list(&self, installation: &str) -> Result<Listing, PetraFault> {
        assert_eq!(installation, "prod");
        self.asked.send_modify(|count| *count += 1);
        let mut answers = self.answers.lock();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.expect("an answer")
    }
}

fn owner(name: &str) -> Owner {
    Owner::new("prod", "petra", name)
}

fn list(links: &[(&str, &str)]) -> Listing {
    let link = |(name, version): &(&str, &str)| RemoteLink {
        id: LinkId::parse(&format!("cw-{name}")).expect("an id"),
        company: None,
        site: None,
        owner: Some(owner(name)),
        owner_uid: None,
        refusal: None,
        state: RemoteState::Pending,
        credentials_version: None,
        version: Version::parse(version).expect("a version"),
        confirmed_at: None,
    };
    Listing { links: links.iter().map(link).collect(), complete: true, ..Listing::default() }
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a version")
}

fn poll(speed: f64) -> Arc<Poll> {
    Arc::new(Poll::new("prod".to_owned(), Timings::scaled(speed)))
}

fn take(poll: &Poll, outcome: Result<Listing, PetraFault>) -> Option<Vec<String>> {
    let now = Clock::start().now();
    let changed = poll.take(outcome, now, now)?;
    Some(changed.owners.iter().map(|owner| owner.as_str().to_owned()).collect())
}

/// Runs the poll for as long as the test's own part takes.
async fn run<T>(poll: &Arc<Poll>, script: &Arc<Script>, part: impl Future<Output = T>) -> T {
    let polling = Arc::clone(poll).run(Arc::clone(script), Clock::start(), CancellationToken::new(), |_| {});
    tokio::select! {
        () = polling => panic!("the poll ended by itself"),
        done = tokio::time::timeout(Duration::from_secs(20), part) => done.expect("in time"),
    }
}

#[test]
fn an_answer_tells_of_changes_and_of_those_who_wait() {
    let poll = poll(1.0);
    assert_eq!(poll.snapshot().map(|_| ()), None);
    assert_eq!(
        take(&poll, Ok(list(&[("a", "v1"), ("b", "v1")]))),
        Some(vec!["prod/petra/a".into(), "prod/petra/b".into()])
    );
    assert_eq!(take(&poll, Ok(list(&[("a", "v1"), ("b", "v1")]))), None);
    assert_eq!(take(&poll, Ok(list(&[("a", "v2"), ("b", "v1")]))), Some(vec!["prod/petra/a".into()]));
    poll.wait_for(owner("c"));
    assert_eq!(take(&poll, Ok(list(&[("a", "v2"), ("b", "v1")]))), Some(vec!["prod/petra/c".into()]));
    poll.stop_waiting(&owner("c"));
    assert_eq!(take(&poll, Ok(list(&[("a", "v2"), ("b", "v1")]))), None);
}

#[test]
fn the_first_answer_is_marked_and_told_even_when_it_is_empty() {
    let poll = poll(1.0);
    let now = Clock::start().now();
    let first = poll.take(Ok(list(&[])), now, now);
    assert_eq!(first, Some(Changed { owners: BTreeSet::new(), first: true }));
    assert_eq!(poll.take(Ok(list(&[])), now, now), None);
}

#[test]
fn a_failure_is_told_once_to_those_who_wait_and_leaves_the_snapshot() {
    let poll = poll(1.0);
    take(&poll, Ok(list(&[("a", "v1")])));
    poll.wait_for(owner("c"));
    let limited = |seconds| Err(PetraFault::RateLimited(Some(Duration::from_secs(seconds))));
    assert_eq!(take(&poll, limited(9)), Some(vec!["prod/petra/c".into()]));
    assert_eq!(take(&poll, limited(8)), None);
    assert_eq!(take(&poll, Err(PetraFault::KeyRejected)), Some(vec!["prod/petra/c".into()]));
    assert_eq!(poll.last_outcome(), Some(Err(PetraFault::KeyRejected)));
    assert_eq!(poll.snapshot().map(|snapshot| snapshot.links().count()), Some(1));
}

#[test]
fn a_list_that_suddenly_lost_a_whole_fleet_denies_nothing() {
    let poll = poll(1.0);
    let id = LinkId::parse("cw-a").expect("an id");
    take(&poll, Ok(list(&[("a", "v1"), ("b", "v1"), ("c", "v1"), ("d", "v1")])));
    for _ in 0..2 {
        take(&poll, Ok(list(&[])));
        assert!(poll.snapshot().is_some_and(|snapshot| snapshot.suspicious && !snapshot.denies(&id)));
    }
    poll.deleted(&id, &version("v1"), Duration::ZERO);
    take(&poll, Ok(list(&[])));
    assert!(poll.snapshot().is_some_and(|snapshot| !snapshot.suspicious && snapshot.denies(&id)));
}

#[test]
fn a_list_that_was_asked_for_before_a_deletion_does_not_bring_the_link_back() {
    let (poll, clock) = (poll(1.0), Clock::start());
    let id = LinkId::parse("cw-a").expect("an id");
    let both = || Ok(list(&[("a", "v1"), ("b", "v1")]));
    let asked_at = clock.now();
    poll.take(both(), asked_at, asked_at);
    poll.deleted(&id, &version("v1"), asked_at.up + Duration::from_secs(1));
    poll.take(both(), asked_at, asked_at);
    let ids = |poll: &Poll| poll.snapshot().map(|list| list.links().map(|link| link.id.clone()).collect());
    assert_eq!(ids(&poll), Some(vec![LinkId::parse("cw-b").expect("an id")]));
    let later = Now { up: asked_at.up + Duration::from_secs(2), ..asked_at };
    poll.take(Ok(list(&[("a", "v2"), ("b", "v1")])), later, later);
    assert!(poll.snapshot().is_some_and(|list| list.link(&id).is_some()), "made again since");
}

#[test]
fn a_list_that_lags_behind_a_deletion_does_not_bring_the_link_back() {
    let (poll, began) = (poll(1.0), Clock::start().now());
    let id = LinkId::parse("cw-a").expect("an id");
    let both = || Ok(list(&[("a", "v1"), ("b", "v1")]));
    poll.take(both(), began, began);
    poll.deleted(&id, &version("v1"), began.up);
    let has_link_at = |second, outcome| {
        let at = began.plus(Duration::from_secs(second));
        poll.take(outcome, at, at);
        poll.snapshot().is_some_and(|list| list.link(&id).is_some())
    };
    assert!(!has_link_at(6, both()), "the list is behind");
    assert!(!has_link_at(12, Ok(list(&[("b", "v1")]))), "it has caught up");
    assert!(!has_link_at(18, both()), "another server of Petra's is behind");
    assert!(!has_link_at(3600, both()), "however long");
    let mut other = list(&[("a", "v1"), ("b", "v1")]);
    poll.forget_deleted(&mut other, began.plus(Duration::from_hours(1)));
    assert_eq!(other.links.len(), 1, "nor does a list of one owner");
    assert!(has_link_at(3601, Ok(list(&[("a", "v2"), ("b", "v1")]))), "it was made again");
}

#[test]
fn the_period_follows_those_who_wait_and_failures() {
    let poll = poll(1.0);
    let seconds = |n| Some(Duration::from_secs(n));
    let fail = || take(&poll, Err(PetraFault::Unavailable));
    assert_eq!(poll.period(), seconds(900));
    poll.wait_for(owner("a"));
    assert_eq!(poll.period(), seconds(10));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            fail();
            poll.period()
        })
        .collect();
    assert_eq!(waiting, [10, 20, 40, 60, 60].map(seconds));
    poll.stop_waiting(&owner("a"));
    let idle: Vec<_> = (0..3)
        .map(|_| {
            fail();
            poll.period()
        })
        .collect();
    assert_eq!(idle, [320, 640, 900].map(seconds));
    poll.poke();
    assert_eq!(poll.period(), None);
}

#[tokio::test]
async fn the_first_call_is_made_at_once_and_the_next_when_somebody_waits() {
    let (poll, script) = (poll(1000.0), Script::new([Ok(list(&[]))]));
    run(&poll, &script, async {
        script.asked(1).await;
        poll.wait_for(owner("a"));
        script.asked(4).await;
    })
    .await;
}

#[tokio::test]
async fn an_idle_poll_asks_when_it_is_poked() {
    let (poll, script) =
        (poll(1.0), Script::new([Ok(list(&[])), Err(PetraFault::Unavailable), Ok(list(&[("a", "v1")]))]));
    run(&poll, &script, async {
        script.asked(1).await;
        poll.poke();
        script.asked(2).await;
        poll.next().await;
        assert_eq!(poll.snapshot().map(|snapshot| snapshot.links().count()), Some(1));
    })
    .await;
}

#[tokio::test]
async fn shutdown_ends_the_poll_even_within_a_call() {
    struct Never;
    impl Lister for Never {
        async fn list(&self, _: &str) -> Result<Listing, PetraFault> {
            std::future::pending().await
        }
    }
    let shutdown = CancellationToken::new();
    let polling = poll(1.0).run(Arc::new(Never), Clock::start(), shutdown.clone(), |_| {});
    shutdown.cancel();
    polling.await;
}
