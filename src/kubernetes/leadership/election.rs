//! Takes the Lease, keeps it, and gives it back: the rules of client-go's leader election.
//!
//! Every write carries the `resourceVersion` that was read, so that of two candidates one fails. No wall clock
//! decides: a candidate takes over when it has seen the Lease unchanged for the holder's whole duration on its own
//! monotonic clock (<https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>). Stricter than there: a leader that finds
//! the Lease in any hands but its own has lost it, also when those hands gave it back since.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::super::errors::describe_error;
use super::Leadership;
use crate::admin::{Gate, Metrics};
use crate::timings::LeaseTerms;

/// Why this replica leads no longer. The process has to end: what it remembers may be out of date.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeadershipLost {
    /// Another replica holds the Lease, or it is gone.
    #[error(
        "lost the Lease {0}: another replica acquired it, or it was deleted; the process exits and restarts"
    )]
    Taken(String),
    /// The API server took no renewal for so long that another replica may take over soon.
    #[error("lost the Lease {0}: it was not renewed in time; the process exits and restarts")]
    NotRenewed(String),
}

/// One replica's part in the election.
pub struct Election {
    api: Api<Lease>,
    namespace: String,
    name: String,
    identity: String,
    terms: LeaseTerms,
    leadership: Leadership,
    gate: Gate,
    metrics: Arc<Metrics>,
    /// The Lease as this replica last wrote it; `None` when it does not hold it or is not sure.
    held: Option<Lease>,
    sighting: Option<Sighting>,
}

/// Which version of the Lease was seen, and since when it has not changed.
#[derive(Debug)]
struct Sighting {
    version: String,
    since: Instant,
}

/// What came of one try to take or renew the Lease.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    /// This replica holds it, by a write that was sent at this moment.
    Holds(Instant),
    /// Another one holds it, or did a moment ago.
    HeldByOther,
    /// Another writer changed it in between: nothing is known.
    Raced,
}

impl Election {
    /// A candidate for the Lease of this name, and what the rest of the operator sees of it. `instance` is for people; the
    /// identity is made unique, because two processes with one identity would both believe that they hold the Lease. `gate`
    /// opens when the Lease was read or written for the first time.
    #[must_use]
    pub fn new(
        client: Client,
        (namespace, name): (&str, &str),
        instance: &str,
        terms: LeaseTerms,
        gate: Gate,
        metrics: Arc<Metrics>,
    ) -> (Self, Leadership) {
        let leadership = Leadership::not_leading();
        let election = Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: format!("{instance}_{:016x}", RandomState::new().hash_one(instance)),
            terms,
            leadership: leadership.clone(),
            gate,
            metrics,
            held: None,
            sighting: None,
        };
        (election, leadership)
    }

    /// Campaigns, and leads. Stops campaigning at `stop`; gives the Lease back when `drained`, which is when this
    /// replica has stopped acting, and returns then.
    ///
    /// # Errors
    ///
    /// The Lease was lost.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        drained: CancellationToken,
    ) -> Result<(), LeadershipLost> {
        if let Some(taken) = stop.run_until_cancelled(self.campaign()).await {
            self.metrics.leads(true);
            info!(lease = %self.lease(), identity = %self.identity, "became the leader");
            let lost = drained.run_until_cancelled(self.lead(taken)).await;
            self.leadership.end();
            self.metrics.leads(false);
            if let Some(lost) = lost {
                return Err(lost);
            }
        }
        drained.cancelled().await;
        self.release().await;
        Ok(())
    }

    /// Tries until it holds the Lease, and says when the write was sent by which it does.
    async fn campaign(&mut self) -> Instant {
        let mut logged = String::new();
        loop {
            let waits_for = match self.attempt_within(self.terms.renew_within / 2).await {
                Ok(Attempt::Holds(sent)) => return sent,
                Ok(Attempt::HeldByOther | Attempt::Raced) => "another replica leads".to_owned(),
                Err(problem) => problem,
            };
            if logged != waits_for {
                info!(lease = %self.lease(), "on standby: {waits_for}");
                logged = waits_for;
            }
            sleep(between_tries(self.terms)).await;
        }
    }

    /// Renews the Lease until it is lost. Others count from when a renewal was stored, so that this counts from when it was
    /// sent, however late its answer comes.
    async fn lead(&mut self, taken: Instant) -> LeadershipLost {
        let mut renewed = taken;
        loop {
            sleep(self.terms.retry).await;
            let left = self.terms.renew_within.saturating_sub(renewed.elapsed());
            match self.attempt_within(left.min(self.terms.renew_within / 2)).await {
                Ok(Attempt::Holds(sent)) => renewed = sent,
                Ok(Attempt::HeldByOther) => return LeadershipLost::Taken(self.lease()),
                Ok(Attempt::Raced) => {}
                Err(problem) => warn!(lease = %self.lease(), "failed to renew the Lease: {problem}"),
            }
            if renewed.elapsed() >= self.terms.renew_within {
                return LeadershipLost::NotRenewed(self.lease());
            }
        }
    }

    /// One attempt, given up after `limit`: early enough for another one before the leadership is lost.
    async fn attempt_within(&mut self, limit: Duration) -> Result<Attempt, String> {
        match timeout(limit, self.attempt()).await {
            Ok(Ok(attempt)) => {
                self.gate.open(String::new());
                Ok(attempt)
            }
            Ok(Err(error)) => {
                let problem = describe_error(&error);
                // Which Lease, and why, only the log says: anyone who reaches the admin port can read this.
                self.gate.wait_for("the operator cannot use its Lease".to_owned());
                Err(problem)
            }
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }

    async fn attempt(&mut self) -> Result<Attempt, kube::Error> {
        // Taken, not borrowed: whatever breaks this attempt off, the next one reads what is there.
        let current = match self.held.take() {
            Some(lease) => Some(lease),
            None => self.api.get_opt(&self.name).await?,
        };
        let leading = self.leadership.has_begun();
        let claim = match current {
            None if leading => return Ok(Attempt::HeldByOther),
            None => self.claim(Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: None,
            }),
            Some(lease) if holder(&lease) == Some(&self.identity) => self.claim(lease),
            Some(lease) if !leading && self.may_take(&lease) => self.claim(lease),
            Some(_) => return Ok(Attempt::HeldByOther),
        };
        // From here on another candidate may see the new version, and counts the duration from then.
        let sent = Instant::now();
        let params = PostParams::default();
        let written = if claim.metadata.resource_version.is_some() {
            self.api.replace(&self.name, &params, &claim).await
        } else {
            self.api.create(&params, &claim).await
        };
        match written {
            Ok(lease) => {
                self.held = Some(lease);
                self.leadership.extend(sent + self.terms.duration);
                Ok(Attempt::Holds(sent))
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Attempt::Raced),
            Err(error) => Err(error),
        }
    }

    /// Whether the Lease has no holder, or has not changed for the whole duration that its holder wrote. Any change starts
    /// that over, even of a holder whose clock has stopped.
    fn may_take(&mut self, lease: &Lease) -> bool {
        let version = lease.resource_version().unwrap_or_default();
        let now = Instant::now();
        if self.sighting.as_ref().is_none_or(|sighting| sighting.version != version) {
            self.sighting = Some(Sighting { version, since: now });
        }
        let since = self.sighting.as_ref().map_or(now, |sighting| sighting.since);
        holder(lease).is_none() || now.duration_since(since) >= self.duration_of(lease)
    }

    fn duration_of(&self, lease: &Lease) -> Duration {
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.terms.duration, Duration::from_secs)
    }

    /// The Lease as it shall be; what others wrote to its metadata stays.
    fn claim(&self, lease: Lease) -> Lease {
        let now = Some(MicroTime(Timestamp::now()));
        let former = lease.spec.unwrap_or_default();
        let renewal = former.holder_identity.as_deref() == Some(&self.identity);
        let first = lease.metadata.resource_version.is_none();
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.terms.duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: if renewal { former.acquire_time } else { now.clone() },
            renew_time: now,
            lease_transitions: Some(
                former.lease_transitions.unwrap_or(0).saturating_add(i32::from(!renewal && !first)),
            ),
            ..former
        };
        Lease { metadata: lease.metadata, spec: Some(spec) }
    }

    /// Gives the Lease back, so that the next replica need not wait for its end.
    async fn release(&mut self) {
        let lease = self.lease();
        match timeout(self.terms.renew_within / 2, self.clear_holder()).await {
            Ok(Ok(true)) => info!(%lease, "released the Lease"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => {
                warn!(%lease, "failed to release the Lease, which now expires: {}", describe_error(&error));
            }
            Err(_) => {
                warn!(%lease, "failed to release the Lease, which now expires: the API server did not answer in time");
            }
        }
    }

    /// Whether there was something to give back.
    async fn clear_holder(&mut self) -> Result<bool, kube::Error> {
        let current = match self.held.take() {
            Some(lease) => Some(lease),
            // A renewal was broken off: it may have been written.
            None => self.api.get_opt(&self.name).await?,
        };
        let Some(lease) = current.filter(|lease| holder(lease) == Some(&self.identity)) else {
            return Ok(false);
        };
        let spec = LeaseSpec {
            holder_identity: None,
            lease_duration_seconds: Some(1),
            ..lease.spec.unwrap_or_default()
        };
        let free = Lease { metadata: lease.metadata, spec: Some(spec) };
        self.api.replace(&self.name, &PostParams::default(), &free).await?;
        Ok(true)
    }

    fn lease(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// How long a candidate waits until it tries again: up to a fifth longer at random, or candidates would collide for ever.
pub(super) fn between_tries(terms: LeaseTerms) -> Duration {
    terms.retry.mul_f64(1.0 + 0.2 * fastrand::f64())
}

/// Who holds the Lease. An empty name is how client-go gives one back.
fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref().filter(|identity| !identity.is_empty())
}
