//! What was asked: numbers and an ordered log, without queries, headers or bodies, so that no secret can be in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};

/// How many requests the log remembers; the numbers forget nothing.
pub const LOG_LENGTH: usize = 10_000;

/// Which of the two services was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// ConnectWise PSA.
    ConnectWise,
    /// Petra Security.
    Petra,
}

/// One request, as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Number of the request since the start or the last reset, from 0.
    pub sequence: u64,
    /// Milliseconds from the start to its arrival.
    pub at_ms: u64,
    /// The service.
    pub service: Service,
    /// HTTP method.
    pub method: String,
    /// Host it was sent to, without port.
    pub host: String,
    /// Route with placeholders, as `/service/boards/{parentId}/teams`; `other` where there is no such route.
    pub route: String,
    /// The company it was about, in lower case, where the request tells.
    pub company: Option<String>,
    /// Product name of the `User-Agent`: tells Petra's own calls to ConnectWise from those of the client under test.
    pub agent: Option<String>,
    /// Status of the answer; absent while, or because, there was none.
    pub status: Option<u16>,
}

/// What is known of a request when it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) service: Service,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) route: String,
    pub(crate) company: Option<String>,
    pub(crate) agent: Option<String>,
}

/// Which requests to count; an absent field means any.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// The service.
    pub service: Option<Service>,
    /// HTTP method.
    pub method: Option<String>,
    /// Route with placeholders.
    pub route: Option<String>,
    /// Company, in lower case.
    pub company: Option<String>,
    /// Product name of the `User-Agent`.
    pub agent: Option<String>,
    /// Status of the answer.
    pub status: Option<u16>,
}

impl Filter {
    fn admits(&self, key: &Key) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, actual: Option<&T>) -> bool {
            wanted.is_none() || wanted == actual
        }
        fits(self.service.as_ref(), Some(&key.service))
            && fits(self.method.as_ref(), Some(&key.method))
            && fits(self.route.as_ref(), Some(&key.route))
            && fits(self.company.as_ref(), key.company.as_ref())
            && fits(self.agent.as_ref(), key.agent.as_ref())
            && fits(self.status.as_ref(), key.status.as_ref())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    service: Service,
    method: String,
    route: String,
    company: Option<String>,
    agent: Option<String>,
    status: Option<u16>,
}

/// A line of the numbers: this many requests that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    #[serde(flatten)]
    key: Key,
    /// How many.
    pub requests: u64,
}

/// The numbers, as the admin port gives them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Requests that the filter admits.
    pub total: u64,
    /// The most ConnectWise requests that were under way at once.
    pub peak_connectwise: usize,
    /// The most Petra requests that were under way at once.
    pub peak_petra: usize,
    /// The numbers behind `total`.
    pub lines: Vec<Line>,
}

/// The counters of a run.
#[derive(Debug, Clone)]
pub struct Counts {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    epoch: u64,
    next: u64,
    numbers: BTreeMap<Key, u64>,
    log: VecDeque<Entry>,
    under_way: BTreeMap<Service, usize>,
    peak: BTreeMap<Service, usize>,
}

impl Default for Counts {
    fn default() -> Self {
        let state = State {
            started: Instant::now(),
            epoch: 0,
            next: 0,
            numbers: BTreeMap::new(),
            log: VecDeque::new(),
            under_way: BTreeMap::new(),
            peak: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl Counts {
    /// How many requests the filter admits.
    #[must_use]
    pub fn total(&self, filter: &Filter) -> u64 {
        self.lock().numbers.iter().filter(|(key, _)| filter.admits(key)).map(|(_, requests)| requests).sum()
    }

    /// The numbers that the filter admits.
    #[must_use]
    pub fn summary(&self, filter: &Filter) -> Summary {
        let state = self.lock();
        let lines: Vec<_> = state
            .numbers
            .iter()
            .filter(|(key, _)| filter.admits(key))
            .map(|(key, requests)| Line { key: key.clone(), requests: *requests })
            .collect();
        Summary {
            total: lines.iter().map(|line| line.requests).sum(),
            peak_connectwise: state.peak.get(&Service::ConnectWise).copied().unwrap_or(0),
            peak_petra: state.peak.get(&Service::Petra).copied().unwrap_or(0),
            lines,
        }
    }

    /// The last [`LOG_LENGTH`] requests in the order of their arrival.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.iter().cloned().collect()
    }

    /// Forgets everything but the requests that are under way.
    pub fn reset(&self) {
        let mut state = self.lock();
        state.epoch += 1;
        state.next = 0;
        state.numbers.clear();
        state.log.clear();
        state.peak = state.under_way.clone();
    }

    /// Counts a request that has arrived. It is under way until the returned value is dropped.
    pub(crate) fn arrived(&self, arrival: Arrival) -> UnderWay {
        let mut state = self.lock();
        let under_way = state.under_way.entry(arrival.service).or_default();
        *under_way += 1;
        let now = *under_way;
        let peak = state.peak.entry(arrival.service).or_default();
        *peak = now.max(*peak);
        let sequence = state.next;
        state.next += 1;
        let at_ms = u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Arrival { service, method, host, route, company, agent } = arrival;
        let key = Key { service, method, route, company, agent, status: None };
        *state.numbers.entry(key.clone()).or_default() += 1;
        if state.log.len() == LOG_LENGTH {
            state.log.pop_front();
        }
        let Key { service, method, route, company, agent, status } = key.clone();
        state.log.push_back(Entry { sequence, at_ms, service, method, host, route, company, agent, status });
        UnderWay { counts: self.clone(), epoch: state.epoch, sequence, key }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// A request between its arrival and its end.
#[derive(Debug)]
pub(crate) struct UnderWay {
    counts: Counts,
    epoch: u64,
    sequence: u64,
    key: Key,
}

impl UnderWay {
    /// Notes the status of the answer.
    pub(crate) fn answered(&self, status: u16) {
        let mut state = self.counts.lock();
        if state.epoch != self.epoch {
            return;
        }
        if let Some(waiting) = state.numbers.get_mut(&self.key) {
            *waiting -= 1;
            if *waiting == 0 {
                state.numbers.remove(&self.key);
            }
        }
        *state.numbers.entry(Key { status: Some(status), ..self.key.clone() }).or_default() += 1;
        let oldest = state.log.front().map_or(0, |entry| entry.sequence);
        let place = self.sequence.checked_sub(oldest).and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| state.log.get_mut(place)) {
            entry.status = Some(status);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(under_way) = self.counts.lock().under_way.get_mut(&self.key.service) {
            *under_way -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(route: &str, company: &str) -> Arrival {
        Arrival {
            service: Service::ConnectWise,
            method: "GET".to_owned(),
            host: "na.localhost".to_owned(),
            route: route.to_owned(),
            company: Some(company.to_owned()),
            agent: None,
        }
    }

    #[test]
    fn a_request_counts_from_its_arrival_and_gets_its_status_later() {
        let counts = Counts::default();
        let request = counts.arrived(arrival("/system/info", "acme"));
        assert_eq!(counts.total(&Filter::default()), 1);
        assert_eq!(counts.log()[0].status, None);
        request.answered(200);
        assert_eq!(counts.total(&Filter { status: Some(200), ..Filter::default() }), 1);
        assert_eq!(counts.total(&Filter::default()), 1);
        assert_eq!(counts.log()[0].status, Some(200));
    }

    #[test]
    fn a_filter_admits_only_what_it_names() {
        let counts = Counts::default();
        counts.arrived(arrival("/system/info", "acme")).answered(200);
        counts.arrived(arrival("/system/info", "bravo")).answered(401);
        let of_bravo = Filter { company: Some("bravo".to_owned()), ..Filter::default() };
        assert_eq!(counts.summary(&of_bravo).total, 1);
    }

    #[test]
    fn the_peak_is_the_most_that_were_under_way_at_once() {
        let counts = Counts::default();
        let first = counts.arrived(arrival("/a", "acme"));
        let second = counts.arrived(arrival("/b", "acme"));
        drop((first, second));
        drop(counts.arrived(arrival("/c", "acme")));
        assert_eq!(counts.summary(&Filter::default()).peak_connectwise, 2);
    }

    #[test]
    fn an_answer_that_comes_after_a_reset_is_not_counted() {
        let counts = Counts::default();
        let request = counts.arrived(arrival("/a", "acme"));
        counts.reset();
        request.answered(200);
        assert_eq!(counts.total(&Filter::default()), 0);
    }

    #[test]
    fn the_log_forgets_the_oldest_and_still_finds_the_newest() {
        let counts = Counts::default();
        for _ in 0..LOG_LENGTH {
            drop(counts.arrived(arrival("/a", "acme")));
        }
        counts.arrived(arrival("/last", "acme")).answered(204);
        let log = counts.log();
        assert_eq!((log.len(), log[0].sequence), (LOG_LENGTH, 1));
        assert_eq!(log.last().and_then(|entry| entry.status), Some(204));
    }
}
