//! One watch: a stream of whole lists and single changes that recovers by itself.

use std::fmt::Debug;
use std::time::Duration;

use futures::{Stream, StreamExt, future, stream};
use kube::api::{Api, Resource};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use kube::runtime::{WatchStreamExt, watcher};
use serde::de::DeserializeOwned;

/// Load balancers cut connections that were quiet for 240 s; a watch ends by itself before that and is resumed.
const WATCH_SECONDS: u32 = 200;

/// A step of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change<K> {
    /// Everything there is, in place of all that was known.
    Listed(Vec<K>),
    /// An object was made or changed.
    Applied(K),
    /// An object is gone.
    Deleted(K),
}

/// Watches the objects of `api` until dropped. `strip` removes what is not used before an object is kept.
///
/// After an error the next attempt waits, longer each time, up to half a minute.
pub(super) fn changes<K>(
    api: Api<K>,
    strip: fn(&mut K),
) -> impl Stream<Item = watcher::Result<Change<K>>> + Send + 'static
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    let begin = move || watcher(api.clone(), config.clone()).modify(strip).boxed();
    whole_lists(restart_when_forbidden(begin)).backoff(BackoffWithoutReset(DefaultBackoff::default()))
}

/// Restarts a watch after each refusal, so that its first event once it has the right again is a whole list.
///
/// The watcher by itself would resume where it was, and an API server says nothing on a watch of a quiet namespace:
/// the operator would not notice that the right is back.
fn restart_when_forbidden<S, T>(mut begin: impl FnMut() -> S) -> impl Stream<Item = watcher::Result<T>>
where
    S: Stream<Item = watcher::Result<T>> + Unpin,
{
    let first = begin();
    stream::unfold((begin, first), |(mut begin, mut events)| async {
        let event = events.next().await?;
        if event.as_ref().is_err_and(|error| Cause::of(error) == Cause::Forbidden) {
            events = begin();
        }
        Some((event, (begin, events)))
    })
}

/// Delays that grow with every error, until there was none for two minutes.
///
/// A right to list without one to watch gives a good list before each refusal: that must not reset the delays.
struct BackoffWithoutReset(DefaultBackoff);

impl Iterator for BackoffWithoutReset {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for BackoffWithoutReset {
    fn reset(&mut self) {}
}

/// Puts the pieces of a list together.
///
/// The watcher announces every attempt to list by an event that is not an error. The backoff must come after this function,
/// which drops the announcement, or a list that keeps failing would reset it each time.
fn whole_lists<K>(
    events: impl Stream<Item = watcher::Result<watcher::Event<K>>>,
) -> impl Stream<Item = watcher::Result<Change<K>>> {
    events
        .scan(Vec::new(), |list, event| {
            let change = match event {
                Ok(watcher::Event::Init) => {
                    list.clear();
                    None
                }
                Ok(watcher::Event::InitApply(object)) => {
                    list.push(object);
                    None
                }
                Ok(watcher::Event::InitDone) => Some(Ok(Change::Listed(std::mem::take(list)))),
                Ok(watcher::Event::Apply(object)) => Some(Ok(Change::Applied(object))),
                Ok(watcher::Event::Delete(object)) => Some(Ok(Change::Deleted(object))),
                Err(error) => Some(Err(error)),
            };
            future::ready(Some(change))
        })
        .filter_map(future::ready)
}

/// Why a watch failed: a metric label, and what decides whether the operator has a right to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// 401 or 403.
    Forbidden,
    /// 410: the watch was away for too long and lists again.
    Expired,
    /// No answer of the API server, or a broken one.
    Unreachable,
    /// Anything else, such as a kind that the server does not know.
    Other,
}

impl Cause {
    pub(super) fn of(error: &watcher::Error) -> Self {
        use watcher::Error::{
            InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed,
        };
        let status = match error {
            InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => match error {
                kube::Error::Api(status) => status,
                _ => return Self::Unreachable,
            },
            WatchError(status) => status,
            NoResourceVersion => return Self::Other,
        };
        match status.code {
            401 | 403 => Self::Forbidden,
            410 => Self::Expired,
            500.. => Self::Unreachable,
            _ => Self::Other,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Expired => "expired",
            Self::Unreachable => "unreachable",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use kube::core::Status;
    use kube::runtime::watcher::Event;

    use super::*;

    fn refused() -> watcher::Error {
        watcher::Error::InitialListFailed(kube::Error::Api(
            Status::failure("no", "Forbidden").with_code(403).boxed(),
        ))
    }

    #[tokio::test]
    async fn a_list_arrives_whole_and_a_broken_one_not_at_all() {
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(1)),
            Err(refused()),
            Ok(Event::Init),
            Ok(Event::InitApply(1)),
            Ok(Event::InitApply(2)),
            Ok(Event::InitDone),
            Ok(Event::Apply(3)),
            Ok(Event::Delete(1)),
        ];
        let changes: Vec<_> = whole_lists(stream::iter(events)).map(Result::ok).collect().await;
        let expected =
            [None, Some(Change::Listed(vec![1, 2])), Some(Change::Applied(3)), Some(Change::Deleted(1))];
        assert_eq!(changes, expected);
    }

    /// Waits for nothing and counts how often it was reset.
    #[derive(Default)]
    struct Counting {
        waits: u32,
        resets: Arc<AtomicU32>,
    }

    impl Iterator for Counting {
        type Item = Duration;

        fn next(&mut self) -> Option<Duration> {
            self.waits += 1;
            (self.waits <= 5).then_some(Duration::ZERO)
        }
    }

    impl Backoff for Counting {
        fn reset(&mut self) {
            self.resets.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn a_first_list_that_keeps_failing_never_resets_the_backoff() {
        let attempts =
            stream::iter([0; 8]).flat_map(|_| stream::iter([Ok(Event::<u8>::Init), Err(refused())]));
        let backoff = Counting::default();
        let resets = Arc::clone(&backoff.resets);
        let failures = whole_lists(attempts).backoff(backoff).take(5).count().await;
        assert_eq!((failures, resets.load(Ordering::Relaxed)), (5, 0));
    }

    #[test]
    fn a_good_list_between_two_errors_does_not_reset_the_delays() {
        let mut backoff = BackoffWithoutReset(DefaultBackoff::default());
        let delays: Vec<_> = (0..6)
            .map_while(|_| {
                backoff.reset();
                backoff.next()
            })
            .collect();
        assert!(delays[5] > 4 * delays[0], "{delays:?}");
    }

    #[tokio::test]
    async fn a_watch_that_was_refused_begins_with_a_whole_list_and_one_that_broke_off_resumes() {
        let broke_off = || {
            watcher::Error::WatchStartFailed(kube::Error::Api(Status::failure("", "").with_code(503).boxed()))
        };
        let mut begun = vec![
            vec![Ok(Event::Init), Ok(Event::InitApply(1)), Ok(Event::InitDone)],
            vec![
                Ok(Event::Init),
                Ok(Event::InitApply(1)),
                Ok(Event::InitDone),
                Err(broke_off()),
                Ok(Event::Apply(2)),
                Err(refused()),
            ],
        ];
        let events = restart_when_forbidden(move || stream::iter(begun.pop().unwrap_or_default()));
        let changes: Vec<_> = whole_lists(events).map(Result::ok).collect().await;
        let list = Some(Change::Listed(vec![1]));
        assert_eq!(changes, [list.clone(), None, Some(Change::Applied(2)), None, list]);
    }

    #[test]
    fn only_a_refusal_means_that_the_right_is_missing() {
        let failed = |code| {
            let status = Status::failure("", "").with_code(code);
            Cause::of(&watcher::Error::WatchStartFailed(kube::Error::Api(status.boxed())))
        };
        assert_eq!(failed(401), Cause::Forbidden);
        assert_eq!(failed(403), Cause::Forbidden);
        assert_eq!(failed(404), Cause::Other);
        assert_eq!(failed(410), Cause::Expired);
        assert_eq!(failed(429), Cause::Other);
        assert_eq!(failed(503), Cause::Unreachable);
        assert_eq!(Cause::of(&watcher::Error::NoResourceVersion), Cause::Other);
    }
}
