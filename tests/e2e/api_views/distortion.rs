//! Ways in which the operator's view of the API server can be wrong.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use harness::gate::{Events, Retelling, Tell, View};
use http::{Request, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use tokio::time::timeout;

/// By how many versions a late watch lags.
const LAG: usize = 2;
/// No view is late for longer than this: what changed last is seen in the end.
const LATEST: Duration = Duration::from_secs(1);
/// How often a view that ends watches does so on each path: the operator waits longer after each.
const ENDS: usize = 3;
/// How many requests for Secrets are refused before the right is back.
const REFUSALS: usize = 6;
/// For how long no watch lasts, where none does.
const NO_WATCH: Duration = Duration::from_secs(5);

/// A wrong view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distortion {
    /// Watches tell each version when two later ones are there, and a list is the one before.
    Late,
    /// Watches lose every second event, and are told that they are too old a second later.
    Gaps,
    /// Watches tell the last three events again after each.
    Repeated,
    /// Watches tell only the last version of what changed within a second.
    Merged,
    /// Watches are too old after two events, by an event or by their own answer.
    Expired,
    /// Connections of watches break in the midst of the second event.
    Cut,
    /// Watches end well, with nothing told.
    Ended,
    /// The right to Secrets is taken away for a while, and no other.
    SecretsForbidden,
}

impl Distortion {
    pub const ALL: [Self; 8] = [
        Self::Late,
        Self::Gaps,
        Self::Repeated,
        Self::Merged,
        Self::Expired,
        Self::Cut,
        Self::Ended,
        Self::SecretsForbidden,
    ];

    /// The view, from now on.
    pub fn view(self) -> Arc<dyn View> {
        Arc::new(Distorted { what: self, since: Instant::now(), paths: Mutex::default() })
    }
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Late => "late",
            Self::Gaps => "gaps",
            Self::Repeated => "repeated",
            Self::Merged => "merged",
            Self::Expired => "expired",
            Self::Cut => "cut",
            Self::Ended => "ended",
            Self::SecretsForbidden => "secrets-forbidden",
        })
    }
}

struct Distorted {
    what: Distortion,
    since: Instant,
    paths: Mutex<BTreeMap<String, Path>>,
}

/// What was done to one path.
#[derive(Default)]
struct Path {
    /// The last list.
    list: Option<Bytes>,
    /// Watches that were ended, and requests that were refused.
    disturbed: usize,
}

impl Distorted {
    fn paths(&self) -> MutexGuard<'_, BTreeMap<String, Path>> {
        self.paths.lock()
    }

    /// Whether one more may be disturbed, of so many.
    fn may_disturb(&self, path: &str, at_most: usize) -> bool {
        let mut paths = self.paths();
        let path = paths.entry(path.to_owned()).or_default();
        path.disturbed += 1;
        path.disturbed <= at_most
    }
}

impl View for Distorted {
    fn refusal(&self, request: &Request<Bytes>) -> Option<StatusCode> {
        let path = request.uri().path();
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        match self.what {
            Distortion::SecretsForbidden => (path.contains("/secrets")
                && self.may_disturb("secrets", REFUSALS))
            .then_some(StatusCode::FORBIDDEN),
            Distortion::Expired => {
                (is_watch && self.may_disturb(&format!("start of {path}"), 1)).then_some(StatusCode::GONE)
            }
            _ => None,
        }
    }

    fn list(&self, path: &str, list: Bytes) -> Bytes {
        if self.what != Distortion::Late {
            return list;
        }
        let before = self.paths().entry(path.to_owned()).or_default().list.replace(list.clone());
        before.unwrap_or(list)
    }

    fn watch(&self, path: &str, events: Events, tell: Tell) -> Retelling {
        match self.what {
            Distortion::Late => Box::pin(late(events, tell, self.may_disturb(path, ENDS))),
            Distortion::Gaps => Box::pin(with_gaps(events, tell, self.may_disturb(path, ENDS))),
            Distortion::Repeated => Box::pin(repeated(events, tell)),
            Distortion::Merged => Box::pin(merged(events, tell)),
            Distortion::Expired if self.may_disturb(path, ENDS) => Box::pin(expired(events, tell)),
            Distortion::Cut if self.may_disturb(path, ENDS) => Box::pin(cut(events, tell)),
            Distortion::Ended if self.since.elapsed() < NO_WATCH => Box::pin(async {}),
            Distortion::Expired | Distortion::Cut | Distortion::Ended | Distortion::SecretsForbidden => {
                Box::pin(faithful(events, tell))
            }
        }
    }
}

async fn faithful(mut events: Events, tell: Tell) {
    while let Some(event) = events.next().await {
        tell.event(event).await;
    }
}

/// Where it ends, it does so behind the version that lies so far back: the list that follows is old, too.
async fn late(mut events: Events, tell: Tell, ends: bool) {
    let mut held = VecDeque::new();
    let mut told = 0;
    loop {
        let ready = match timeout(LATEST, events.next()).await {
            Ok(Some(event)) => {
                held.push_back(event);
                if held.len() > LAG { held.pop_front() } else { None }
            }
            Ok(None) => break,
            Err(_) => held.pop_front(),
        };
        if let Some(event) = ready {
            tell.event(event).await;
            told += 1;
        }
        if ends && told > 2 * LAG {
            return tell.expired().await;
        }
    }
    for event in held {
        tell.event(event).await;
    }
}

/// A loss is followed by the word that the watch is too old: nothing else could ever mend it.
async fn with_gaps(mut events: Events, tell: Tell, loses: bool) {
    let mut nth = 0;
    let mut until: Option<tokio::time::Instant> = None;
    loop {
        let next = match until {
            Some(until) => match tokio::time::timeout_at(until, events.next()).await {
                Ok(next) => next,
                Err(_) => return tell.expired().await,
            },
            None => events.next().await,
        };
        let Some(event) = next else { return };
        nth += 1;
        if loses && nth % 2 == 1 {
            until.get_or_insert_with(|| tokio::time::Instant::now() + LATEST);
        } else {
            tell.event(event).await;
        }
    }
}

async fn repeated(mut events: Events, tell: Tell) {
    let mut last = VecDeque::new();
    while let Some(event) = events.next().await {
        last.push_back(event.clone());
        if last.len() > 3 {
            last.pop_front();
        }
        tell.event(event).await;
        for again in &last {
            tell.event(again.clone()).await;
        }
    }
}

async fn merged(mut events: Events, tell: Tell) {
    let mut newest: Vec<(String, Bytes)> = Vec::new();
    loop {
        let next = if newest.is_empty() { events.next().await } else { None };
        let Some(first) = next else { return };
        newest.push((object(&first), first));
        let until = tokio::time::Instant::now() + LATEST;
        while let Ok(Some(event)) = tokio::time::timeout_at(until, events.next()).await {
            let object = object(&event);
            newest.retain(|(other, _)| *other != object);
            newest.push((object, event));
        }
        for (_, event) in newest.drain(..) {
            tell.event(event).await;
        }
    }
}

/// Whose event it is.
fn object(event: &Bytes) -> String {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    event["object"]["metadata"]["name"].to_string()
}

async fn expired(mut events: Events, tell: Tell) {
    for _ in 0..2 {
        match timeout(LATEST, events.next()).await {
            Ok(Some(event)) => tell.event(event).await,
            Ok(None) => return,
            Err(_) => break,
        }
    }
    tell.expired().await;
}

async fn cut(mut events: Events, tell: Tell) {
    if let Some(event) = events.next().await {
        tell.event(event).await;
    }
    if let Some(event) = events.next().await {
        tell.event(event.slice(..event.len() / 2)).await;
    }
    tell.cut().await;
}
