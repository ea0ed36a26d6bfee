//! Candidates, and an API server of a few lines.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::client::{Body, DynBody};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower::BoxError;

use super::super::*;
use crate::admin::{Gates, Metrics};
use crate::timings::{LeaseTerms, Timings};

/// Longer than any wait within the terms of a Lease.
pub(super) const A_WHILE: Duration = Duration::from_secs(30);

/// Later than most answers, and in time for an attempt.
pub(super) const LATE: Duration = Duration::from_millis(4_900);

/// How the way between one candidate and the API server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Open,
    /// No request arrives, and no answer comes.
    Cut,
    /// Writes arrive, their answers do not.
    WritesUnanswered,
    /// Another writer writes between any read and the write after it.
    Raced,
    /// Writes arrive at once, and are answered [`LATE`].
    AnsweredLate,
    /// Every write is refused, as by an API server that has lost its store.
    Failing,
}

/// One Lease, with versions as etcd counts them.
#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) lease: Arc<Mutex<Option<Lease>>>,
    pub(super) version: Arc<AtomicU64>,
    pub(super) writes: Arc<AtomicU64>,
}

impl Server {
    pub(super) fn lease(&self) -> Option<Lease> {
        self.lease.lock().clone()
    }

    pub(super) fn holder(&self) -> Option<String> {
        self.lease()?.spec?.holder_identity
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Stores a Lease, by whomever.
    pub(super) fn store(&self, mut lease: Lease) -> Lease {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        lease.metadata.resource_version = Some(version.to_string());
        *self.lease.lock() = Some(lease.clone());
        lease
    }

    /// A Lease that another replica holds, renewed at this time by that one's clock.
    pub(super) fn held_by(&self, holder: &str, seconds: i32, renewed: &str) {
        let mut lease = self.lease().unwrap_or_default();
        lease.metadata.name = Some("cwlink".to_owned());
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(holder.to_owned());
        spec.lease_duration_seconds = Some(seconds);
        spec.renew_time = Some(MicroTime(renewed.parse::<Timestamp>().expect("a time")));
        self.store(lease);
    }

    pub(super) fn answer(&self, method: &Method, body: &[u8], way: Way) -> (StatusCode, serde_json::Value) {
        let refused = |code: StatusCode| {
            let reason = if code == StatusCode::NOT_FOUND { "NotFound" } else { "Conflict" };
            let status =
                json!({"kind": "Status", "status": "Failure", "code": code.as_u16(), "reason": reason});
            (code, status)
        };
        let shown = |lease: &Lease| (StatusCode::OK, serde_json::to_value(lease).expect("json"));
        if *method == Method::GET {
            return self.lease().map_or_else(|| refused(StatusCode::NOT_FOUND), |lease| shown(&lease));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        if way == Way::Raced {
            let other = self.lease().unwrap_or_default();
            self.store(other);
        }
        if way == Way::Failing {
            return refused(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let sent: Lease = serde_json::from_slice(body).expect("a lease");
        let stored = self.lease();
        let stored_version = stored.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        match (method == Method::POST, stored) {
            (true, None) if sent.metadata.name.as_deref() != Some("cwlink") => {
                refused(StatusCode::UNPROCESSABLE_ENTITY)
            }
            (true, None) => shown(&self.store(sent)),
            (false, None) => refused(StatusCode::NOT_FOUND),
            (false, Some(_)) if sent.metadata.resource_version == stored_version => shown(&self.store(sent)),
            _ => refused(StatusCode::CONFLICT),
        }
    }

    /// A client whose way to this server can be disturbed.
    pub(super) fn client(&self, way: Arc<Mutex<Way>>) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, way) = (server.clone(), Arc::clone(&way));
            async move {
                let now = *way.lock();
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                if now == Way::Cut {
                    std::future::pending::<()>().await;
                }
                let (status, answer) = server.answer(&parts.method, &body, now);
                if now == Way::WritesUnanswered && parts.method != Method::GET {
                    std::future::pending::<()>().await;
                }
                if now == Way::AnsweredLate && parts.method != Method::GET {
                    sleep(LATE).await;
                }
                let body = Full::new(Bytes::from(answer.to_string())).map_err(BoxError::from);
                let answer = Response::builder().status(status).body(Box::new(body) as Box<DynBody>)?;
                Ok::<_, BoxError>(answer)
            }
        });
        kube::Client::new(service, "default")
    }
}

/// A replica that campaigns.
pub(super) struct Candidate {
    pub(super) leadership: Leadership,
    pub(super) way: Arc<Mutex<Way>>,
    pub(super) stop: CancellationToken,
    pub(super) drained: CancellationToken,
    pub(super) gates: Gates,
    pub(super) task: JoinHandle<Result<(), LeadershipLost>>,
}

impl Candidate {
    pub(super) fn start(server: &Server, instance: &str) -> Self {
        let way = Arc::new(Mutex::default());
        let gates = Gates::default();
        let gate = gates.gate("lease-read", "no answer yet");
        let metrics = Arc::new(Metrics::new());
        let client = server.client(Arc::clone(&way));
        let (election, leadership) =
            Election::new(client, ("cwlink-system", "cwlink"), instance, terms(), gate, metrics);
        let (stop, drained) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(election.run(stop.clone(), drained.clone()));
        Self { leadership, way, stop, drained, gates, task }
    }

    pub(super) fn way(&self, way: Way) {
        *self.way.lock() = way;
    }

    /// Whether it may send a change that takes this long.
    pub(super) fn may_act(&self, seconds: u64) -> bool {
        self.leadership.outlives(Duration::from_secs(seconds))
    }

    pub(super) async fn lost(self) -> LeadershipLost {
        self.task.await.expect("no panic").expect_err("lost")
    }

    /// Ends it as SIGTERM does.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.drained.cancel();
        self.task.await.expect("no panic").expect("not lost");
    }
}

pub(super) fn terms() -> LeaseTerms {
    Timings::default().lease
}

/// Lets candidates go on until this one leads, and says how many seconds that took.
pub(super) async fn until_begun(candidate: &Candidate) -> f64 {
    let from = Instant::now();
    tokio::time::timeout(10 * A_WHILE, candidate.leadership.begun()).await.expect("leads in the end");
    from.elapsed().as_secs_f64()
}
