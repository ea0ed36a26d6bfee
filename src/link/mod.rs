//! The reconcile of one link: observe, decide, act, record.
//!
//! [`mod@decide`] is pure and holds every rule; [`visit`] drives it. A visit goes round until it is settled: a question is
//! answered by [`observe`], a change is made by [`act`], and a status is written by [`record`].

mod act;
pub(crate) mod client_id;
pub(crate) mod config;
pub(crate) mod decide;
pub(crate) mod facts;
mod fleet;
pub mod intervals;
pub mod message;
mod observe;
mod operator_keys;
pub(crate) mod origin;
mod pace;
pub(crate) mod plan;
pub mod reason_class;
mod record;
pub(crate) mod secret;
pub(crate) mod state;
pub(crate) mod status_builder;
pub(crate) mod subject;
mod unreadable;
pub(crate) mod visit;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::admin::Metrics;
use crate::clock::{Clock, Now};
use crate::connectwise::ClientIdVersion;
use crate::connectwise::client::ConnectWise;
use crate::crd::{ConnectWiseLink, LinkRef, LinkStatus};
use crate::kubernetes::{Events, Link, Links, SecretVersions, Wake};
use crate::petra::client::{Fence, PetraClient};
use crate::petra::poll::Poll;
use crate::secret_file::SecretFile;
use crate::upstream::hosts::HostPort;
use client_id::{AcceptedClientId, ClientIdView};
use config::Config;
use facts::Facts;
use fleet::Fleet;
use origin::Origin;
use plan::{Answer, Change, Outcome, Question, Written};
use subject::Subject;
use visit::{Effects, End, MAX_STEPS, Visit};

/// How long a visit that found the watch behind waits for it. The watch's event normally comes first.
const CATCH_UP: Duration = Duration::from_secs(1);

/// When to visit a link again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextVisit {
    /// After this long, or at a change.
    In(Duration),
    /// At a change.
    OnChange,
    /// Nothing was done, or nothing could be stored: after this long. What failed before still counts.
    NotYet(Duration),
}

/// What is done for one link.
pub(crate) trait Reconcile: Send + Sync + 'static {
    /// Error of a reconcile. An invalid spec and rejected API keys are results, not errors.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Reconciles one link, and returns when to visit it again. Never runs twice at once for one link. A failure is
    /// logged and retried after a growing delay.
    fn reconcile(&self, link: Arc<Link>) -> impl Future<Output = Result<NextVisit, Self::Error>> + Send;

    /// The ConnectWise server that a reconcile of this link may have to wait for; `None` if it asks none.
    fn server(&self, link: &Link) -> Option<HostPort>;

    /// Discards the state of a deleted link. No reconcile of it may be running. A new link of the same name may come
    /// without this call, with another uid.
    fn forget(&self, link: &LinkRef);
}

/// What the reconciler needs of Kubernetes and of the admin port. Every part is cheap to clone.
#[derive(Clone)]
pub(crate) struct Deps {
    /// The API server, with a timeout on every answer and no hidden retries.
    pub client: kube::Client,
    /// Versions of Secrets; their content is read live.
    pub secrets: SecretVersions,
    /// All other links.
    pub links: Links,
    /// Wakes other links.
    pub wake: Wake,
    /// Publishes events.
    pub events: Events,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

/// Why a visit ended early. Faults of links, ConnectWise and Petra are results, not errors.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server did not take a write or did not answer.
    #[error("failed to {doing}")]
    Kubernetes {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: kube::Error,
    },
    /// The API server did not answer a change in time for this replica to be the leader still.
    #[error("failed to {doing}: the API server did not answer within {limit:?}")]
    TimedOut {
        /// What was being done.
        doing: &'static str,
        /// How long it may take.
        limit: Duration,
    },
    /// The rules did not settle within `MAX_STEPS`. This is a bug.
    #[error("failed to settle within {MAX_STEPS} steps; this is a bug")]
    Endless,
    /// The rules repeated a question or a change to which there can be no other answer. This is a bug.
    #[error("failed to settle: the rules repeat a question or a change; this is a bug")]
    Repeated,
}

/// Petra's side, where a server is configured.
pub(crate) struct PetraSide {
    /// The client.
    pub client: Arc<PetraClient>,
    /// The file of the operator's key.
    pub key: SecretFile,
    /// The shared poll.
    pub poll: Arc<Poll>,
    /// Whether this replica may change anything there.
    pub fence: Box<dyn Fence>,
}

/// Looks at links, one visit at a time for each.
pub(crate) struct Reconciler {
    config: Config,
    clock: Clock,
    connectwise: ConnectWise,
    client_id: SecretFile,
    /// The ConnectWise servers that have accepted the clientId.
    accepted_client_id: watch::Sender<AcceptedClientId>,
    petra: Option<PetraSide>,
    deps: Deps,
    fleet: Fleet,
}

/// Result of `begin`.
enum Begun {
    /// The visit can start.
    Visit(Box<Visit>),
    /// The watch has not caught up with this process's own last write; its event will come.
    Stale,
    /// The stored object does not fit its types, and it is not this operator's turn to delete it.
    Unreadable,
}

impl Reconciler {
    /// A reconciler that remembers nothing yet.
    #[must_use]
    pub(crate) fn new(
        config: Config,
        clock: Clock,
        connectwise: ConnectWise,
        client_id: SecretFile,
        petra: Option<PetraSide>,
        deps: Deps,
    ) -> Self {
        let (accepted_client_id, fleet) = (watch::Sender::default(), Fleet::default());
        Self { config, clock, connectwise, client_id, accepted_client_id, petra, deps, fleet }
    }
}

impl Reconciler {
    async fn begin(&self, link: &Link) -> Result<Begun, Error> {
        match &link.0 {
            Ok(link) => Ok(self.begin_readable(link.clone())),
            Err(invalid) => self.begin_unreadable(invalid.metadata.clone()).await,
        }
    }

    /// Gathers what is known without any call.
    fn begin_readable(&self, link: ConnectWiseLink) -> Begun {
        let subject = Subject::read(&link, &self.config);
        if self.fleet.knows_former(&subject) {
            self.forget_link(&subject.key);
        }
        let secret = &subject.spec.credentials_secret_ref.name;
        let now = self.clock.now();
        let mut facts = Facts::at_start(
            self.deps.secrets.get(&subject.key.namespace, secret),
            self.poll_view(&subject),
            self.client_id_view(),
            subject.finalizer,
            now,
        );
        if let Some(petra) = &self.petra {
            facts.leads_since = now.up.saturating_sub(petra.fence.led_for());
        }
        let state = self.fleet.recall(&subject);
        Visit::begin(link, subject, state, facts).map_or(Begun::Stale, |visit| Begun::Visit(Box::new(visit)))
    }

    fn client_id_view(&self) -> ClientIdView {
        self.accepted_client_id.borrow().view(self.client_id_version())
    }

    fn client_id_version(&self) -> ClientIdVersion {
        ClientIdVersion::of(&self.client_id.current())
    }

    /// Records that a server accepted this clientId. One that is no longer in use says nothing about its successor.
    fn client_id_accepted(&self, version: ClientIdVersion, server: Origin) {
        if version == self.client_id_version() {
            self.accepted_client_id.send_if_modified(|accepted| accepted.accept(version, server));
        }
    }
}

impl Effects for &Reconciler {
    fn now(&self) -> Now {
        self.clock.now()
    }

    async fn observe(&mut self, visit: &Visit, question: Question) -> Result<Answer, Error> {
        Reconciler::observe(self, visit, question).await
    }

    async fn act(&mut self, visit: &Visit, change: Change) -> Result<Outcome, Error> {
        Reconciler::act(self, visit, change).await
    }

    async fn write_status(&mut self, visit: &Visit, status: LinkStatus) -> Result<Written, Error> {
        self.put_status(&visit.link, status).await
    }
}

impl Reconcile for Reconciler {
    type Error = Error;

    async fn reconcile(&self, link: Arc<Link>) -> Result<NextVisit, Error> {
        let mut visit = match self.begin(&link).await? {
            Begun::Visit(visit) => visit,
            Begun::Stale => return Ok(NextVisit::In(CATCH_UP)),
            Begun::Unreadable => return Ok(NextVisit::OnChange),
        };
        let end = visit.run(&self.config, &mut &*self).await;
        if let Ok(End::Settled(settlement)) = end {
            return Ok(self.record(&visit, *settlement));
        }
        // Whatever ends a visit early, floor and backoff count from what it asked and did.
        self.fleet.broken_off(&visit, &self.config.timings, self.clock.now());
        Ok(match end? {
            End::Settled(_) | End::Outdated => NextVisit::In(CATCH_UP),
            End::NotYet(wait) => NextVisit::NotYet(wait),
            End::Refused(refusal, wait) => {
                self.report_refusal(&visit, &refusal);
                NextVisit::NotYet(wait)
            }
        })
    }

    fn server(&self, link: &Link) -> Option<HostPort> {
        let key = LinkRef::of(link);
        let link = link.0.as_ref().ok()?;
        if link.metadata.deletion_timestamp.is_some() || link.spec.suspended() {
            return None;
        }
        let server = self.fleet.api_host(&key).or_else(|| HostPort::parse_site(&link.spec.site_url).ok());
        server.map(|server| server.site_key())
    }

    fn forget(&self, link: &LinkRef) {
        self.forget_link(link);
    }
}
