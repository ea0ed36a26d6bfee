//! How often each service may be asked, and in which order those who wait are served.
//!
//! Calls wait in lanes: one for each ConnectWise host, one for each method and route of Petra. In a lane every
//! namespace forms a queue of its own, and only the head of each queue waits in the lane: however many calls wait, the
//! namespaces take turns, so that one with a thousand links delays another's single call by one call. Nobody's rate is
//! cut for that: a namespace alone has the whole lane.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::answer::Fault;
use super::hosts::HostPort;
use crate::timings::Timings;

/// No call of a link waits longer for its turn: it holds a reconcile, of which there are few, and is rejected
/// instead. The operator's own calls hold nothing up and wait as long as it takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Idle lanes and queues are dropped when there are more than this many.
const SWEEP_ABOVE: usize = 256;
/// How many ConnectWise calls may leave at once after a rest: one round of one link.
const CONNECTWISE_BURST: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");

/// Calls a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// For each ConnectWise host. The vendor's limit lies at about 1,000 (facts, section 7).
    pub connectwise: NonZeroU32,
    /// For each method and route of Petra, whose own limit is 10. They leave evenly spaced, without a burst, so that no
    /// window of a minute, wherever it begins, holds more than one above this.
    pub petra: NonZeroU32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            connectwise: NonZeroU32::new(600).expect("600 is not zero"),
            petra: NonZeroU32::new(9).expect("nine is not zero"),
        }
    }
}

/// What has a rate of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A ConnectWise host.
    Host(HostPort),
    /// A method and route of Petra, by the operation's name.
    Route(&'static str),
}

/// A lane, or the part of it of one share or of one company.
type Place = (Lane, Option<Box<str>>);
type Rate = RateLimiter<Lane, governor::state::keyed::HashMapStateStore<Lane>, DefaultClock>;

/// All lanes.
pub struct Limits {
    connectwise: Rate,
    petra: Rate,
    queues: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>,
    pauses: Mutex<HashMap<Place, Instant>>,
    timings: Timings,
}

impl Limits {
    /// Limits at these rates, sped up as the timetable is.
    ///
    /// # Panics
    ///
    /// Never: no period is zero.
    #[must_use]
    pub(crate) fn new(rates: Rates, timings: Timings) -> Self {
        let quota = |a_minute: NonZeroU32, burst| {
            let period = timings.scale(Duration::from_mins(1) / a_minute.get()).max(Duration::from_nanos(1));
            Quota::with_period(period).expect("the period is not zero").allow_burst(burst)
        };
        Self {
            connectwise: RateLimiter::hashmap(quota(rates.connectwise, CONNECTWISE_BURST)),
            petra: RateLimiter::hashmap(quota(rates.petra, NonZeroU32::MIN)),
            queues: Mutex::default(),
            pauses: Mutex::default(),
            timings,
        }
    }

    /// Waits for a turn in the lane among all shares, and takes it. A caller that stops waiting takes nothing.
    ///
    /// # Errors
    ///
    /// [`Fault::RateLimited`] at once while the lane is paused for this company, and when no turn comes in time.
    pub(crate) async fn turn(
        &self,
        lane: &Lane,
        share: Option<&str>,
        company: Option<&str>,
    ) -> Result<(), Fault> {
        self.unless_paused(lane, company)?;
        if share.is_some() {
            let patience = self.timings.scale(PATIENCE);
            let turn = tokio::time::timeout(patience, self.queue_up(lane, share));
            turn.await.map_err(|_| Fault::RateLimited(None))?;
        } else {
            self.queue_up(lane, share).await;
        }
        self.unless_paused(lane, company)
    }

    async fn queue_up(&self, lane: &Lane, share: Option<&str>) {
        // tokio's mutex is fair: both queues are first in, first out.
        let _head_of_share =
            self.queue((lane.clone(), Some(share.unwrap_or_default().into()))).lock_owned().await;
        let _head_of_lane = self.queue((lane.clone(), None)).lock_owned().await;
        let rate = match lane {
            Lane::Host(_) => &self.connectwise,
            Lane::Route(_) => &self.petra,
        };
        if rate.len() > SWEEP_ABOVE {
            rate.retain_recent();
        }
        while let Err(not_until) = rate.check_key(lane) {
            tokio::time::sleep(not_until.wait_time_from(DefaultClock::default().now())).await;
        }
    }

    fn queue(&self, place: Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.queues.lock();
        if queues.len() > SWEEP_ABOVE {
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        }
        Arc::clone(queues.entry(place).or_default())
    }

    /// Obeys a `Retry-After`, up to the longest that is honoured. At Petra it counts for everybody, since Petra counts by
    /// route; at ConnectWise only for this company: many tenants have one cloud host, and one whose member is throttled, by
    /// other integrations of its own perhaps, must not stop the others.
    pub(crate) fn pause(&self, lane: &Lane, company: Option<&str>, retry_after: Duration) {
        let pause = self.timings.scale(retry_after.min(self.timings.retry_after_max));
        let now = Instant::now();
        let mut pauses = self.pauses.lock();
        pauses.retain(|_, until| *until > now);
        let until = pauses.entry(pause_place(lane, company)).or_insert(now);
        *until = (*until).max(now + pause);
    }

    fn unless_paused(&self, lane: &Lane, company: Option<&str>) -> Result<(), Fault> {
        let pauses = self.pauses.lock();
        let until = pauses.get(&pause_place(lane, company)).copied();
        let left = until
            .and_then(|until| until.checked_duration_since(Instant::now()))
            .filter(|left| !left.is_zero());
        match left {
            Some(left) => Err(Fault::RateLimited(Some(left.mul_f64(self.timings.speed)))),
            None => Ok(()),
        }
    }
}

fn pause_place(lane: &Lane, company: Option<&str>) -> Place {
    let company = match lane {
        Lane::Host(_) => company.map(|company| company.to_ascii_lowercase().into()),
        Lane::Route(_) => None,
    };
    (lane.clone(), company)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Lane {
        Lane::Host(name.parse().expect("a host"))
    }

    fn limits(connectwise: u32, petra: u32, speed: f64) -> Limits {
        let rate = |n| NonZeroU32::new(n).expect("a rate");
        Limits::new(Rates { connectwise: rate(connectwise), petra: rate(petra) }, Timings::scaled(speed))
    }

    /// Takes turns until `Fault::RateLimited`; how many there were.
    async fn at_once(limits: &Limits, lane: &Lane) -> usize {
        let mut taken = 0;
        while tokio::time::timeout(Duration::from_millis(1), limits.turn(lane, None, None)).await.is_ok() {
            taken += 1;
        }
        taken
    }

    #[tokio::test]
    async fn each_host_and_each_route_has_a_rate_of_its_own() {
        let limits = limits(1, 1, 1.0);
        assert_eq!(at_once(&limits, &host("na.myconnectwise.net")).await, 10);
        assert_eq!(at_once(&limits, &host("eu.myconnectwise.net")).await, 10);
        assert_eq!(at_once(&limits, &Lane::Route("listLinks")).await, 1);
        assert_eq!(at_once(&limits, &Lane::Route("putLink")).await, 1);
    }

    #[tokio::test]
    async fn namespaces_that_wait_take_turns_however_many_calls_each_has() {
        let limits = Arc::new(limits(600, 600, 60.0));
        let order = Arc::new(Mutex::new(Vec::new()));
        let crowd = std::iter::repeat_n("crowd", 6).chain(["alone"]);
        let waiting: Vec<_> = crowd
            .map(|share| {
                let (limits, order) = (Arc::clone(&limits), Arc::clone(&order));
                tokio::spawn(async move {
                    limits.turn(&Lane::Route("putLink"), Some(share), None).await.expect("a turn");
                    order.lock().push(share);
                })
            })
            .collect();
        for turn in waiting {
            turn.await.expect("no panic");
        }
        let place = order.lock().iter().position(|share| *share == "alone");
        assert!(place.is_some_and(|place| place <= 2), "served at place {place:?}");
    }

    #[tokio::test]
    async fn a_links_call_is_sent_away_when_its_turn_does_not_come_and_the_operators_own_waits() {
        let limits = limits(1, 1, 1000.0);
        let lane = Lane::Route("putLink");
        let held = limits.queue((lane.clone(), None)).lock_owned().await;
        assert_eq!(limits.turn(&lane, Some("team"), None).await, Err(Fault::RateLimited(None)));
        let mut own = Box::pin(limits.turn(&lane, None, None));
        let patience = limits.timings.scale(PATIENCE);
        assert!(tokio::time::timeout(patience * 2, &mut own).await.is_err(), "it waits on");
        drop(held);
        assert_eq!(own.await, Ok(()));
    }

    #[tokio::test]
    async fn a_caller_that_stops_waiting_takes_no_turn() {
        let limits = limits(1, 60, 60.0);
        let lane = Lane::Route("putLink");
        limits.turn(&lane, None, None).await.expect("the first turn");
        for _ in 0..50 {
            let waiting = limits.turn(&lane, Some("gone"), None);
            assert!(futures::FutureExt::now_or_never(waiting).is_none());
        }
        limits.turn(&lane, Some("team"), None).await.expect("the second turn, not the fifty-second");
    }

    fn is_paused(turn: Result<(), Fault>, at_most: Duration) -> bool {
        matches!(turn, Err(Fault::RateLimited(Some(left))) if left <= at_most)
    }

    #[tokio::test]
    async fn a_pause_at_connectwise_is_the_companys_own_and_at_petra_everybodys() {
        let limits = limits(600, 600, 1.0);
        let (na, put) = (host("na.myconnectwise.net"), Lane::Route("putLink"));
        let wait = Duration::from_mins(10);
        limits.pause(&na, Some("a"), wait);
        limits.pause(&put, Some("a"), wait);

        let turn = async |lane: &Lane, company| limits.turn(lane, Some("team"), company).await;
        assert!(is_paused(turn(&na, Some("A")).await, wait), "a company has no case");
        assert_eq!(turn(&na, Some("b")).await, Ok(()), "of the same namespace");
        assert_eq!(turn(&host("eu.myconnectwise.net"), Some("a")).await, Ok(()));
        assert!(is_paused(turn(&put, None).await, wait));
        assert_eq!(turn(&Lane::Route("listLinks"), None).await, Ok(()));
    }

    #[tokio::test]
    async fn a_pause_is_bounded_and_a_shorter_one_does_not_cut_it() {
        let limits = limits(600, 600, 1.0);
        let put = Lane::Route("putLink");
        limits.pause(&put, None, Duration::from_hours(24));
        limits.pause(&put, None, Duration::ZERO);
        assert!(is_paused(limits.turn(&put, None, None).await, Timings::default().retry_after_max));
    }

    #[tokio::test]
    async fn a_pause_ends_at_the_speed_of_the_timetable() {
        let limits = limits(600, 600, 1000.0);
        let put = Lane::Route("putLink");
        limits.pause(&put, None, Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(limits.turn(&put, None, None).await, Ok(()));
    }

    #[tokio::test]
    async fn idle_lanes_and_queues_are_forgotten() {
        let limits = limits(600_000, 600, 1000.0);
        for n in 0..3 * SWEEP_ABOVE {
            limits
                .turn(&host(&format!("h{n}.example.com")), Some(&n.to_string()), None)
                .await
                .expect("a turn");
        }
        assert!(limits.connectwise.len() <= SWEEP_ABOVE + 1);
        assert!(limits.queues.lock().len() <= SWEEP_ABOVE + 2);
    }
}
