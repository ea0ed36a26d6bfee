//! The reconcile of one link: observe, decide, act, record.
//!
//! [`mod@decide`] is pure and holds every rule; the rest does what it says. A visit goes round until it is settled: a question
//! is answered by [`observe`], a change is made by [`act`], a status is written by [`record`].

mod act;
pub mod decide;
pub mod draft;
pub mod memory;
pub mod message;
mod observe;
mod own_keys;
mod record;
mod registry;
pub(crate) mod secret;
pub mod seen;
pub mod subject;
pub mod timetable;
mod unreadable;
mod visiting;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::admin::Metrics;
use crate::clock::Clock;
use crate::connectwise::client::ConnectWise;
use crate::crd::LinkRef;
use crate::kubernetes::{Events, Link, Links, SecretVersions, Wake};
use crate::petra::client::{Fence, PetraClient};
use crate::petra::poll::Poll;
use crate::secret_file::SecretFile;
use decide::{Plan, Settlement, decide};
use registry::Registry;
use subject::Rules;
use visiting::{Begun, Visiting};

/// When a link wants to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextVisit {
    /// After this long, or at a change.
    In(Duration),
    /// At a change.
    OnChange,
}

/// What is done for one link.
pub trait Reconcile: Send + Sync + 'static {
    /// Why it failed. A wrong spec or refused keys are no failures but results.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Looks at a link, does what is needed, and says when to look again. Never runs twice at once for one link. A failure
    /// is logged and tried again after a growing delay.
    fn reconcile(&self, link: Arc<Link>) -> impl Future<Output = Result<NextVisit, Self::Error>> + Send;

    /// The link no longer exists here, and no reconcile of it runs: whatever is remembered of it can go. A link of the same
    /// name that is made right afterwards may come without this call, with another uid.
    fn forget(&self, link: &LinkRef);
}

/// What the reconciler needs of Kubernetes and of the admin port. Every part is cheap to clone.
#[derive(Clone)]
pub struct Deps {
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

/// Why a visit broke off. Faults of links, of ConnectWise and of Petra are no errors but results.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not take a write or did not answer.
    #[error("failed to {doing}")]
    Kubernetes {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: kube::Error,
    },
    /// The rules did not come to an end: a bug, bounded.
    #[error("failed to settle within {MAX_STEPS} steps; this is a bug")]
    Endless,
}

/// A visit asks and does at most this much. The longest way through the rules is a dozen steps, and two more for each link
/// that a deleted resource left at Petra.
const MAX_STEPS: usize = 64;

/// Petra's side, where a server is configured.
pub struct PetraSide {
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
pub struct Reconciler {
    rules: Rules,
    clock: Clock,
    connectwise: ConnectWise,
    client_id: SecretFile,
    /// Newest generation of the clientId file that has worked for somebody.
    client_id_worked: watch::Sender<Option<u64>>,
    petra: Option<PetraSide>,
    deps: Deps,
    registry: Registry,
}

impl Reconciler {
    /// A reconciler that remembers nothing yet.
    #[must_use]
    pub fn new(
        rules: Rules,
        clock: Clock,
        connectwise: ConnectWise,
        client_id: SecretFile,
        petra: Option<PetraSide>,
        deps: Deps,
    ) -> Self {
        let registry = Registry::default();
        Self {
            rules,
            clock,
            connectwise,
            client_id,
            client_id_worked: watch::Sender::new(None),
            petra,
            deps,
            registry,
        }
    }
}

impl Reconciler {
    /// Asks and does what the rules say until they are done. `None`: somebody else wrote to the resource in between.
    async fn visit(&self, visiting: &mut Visiting) -> Result<Option<Box<Settlement>>, Error> {
        for _ in 0..MAX_STEPS {
            let plan = decide(&visiting.view(&self.rules, self.clock.now()));
            let written = match plan {
                Plan::Ask(question) => self.observe(visiting, question).await?,
                Plan::Change(change) => self.act(visiting, change).await?,
                Plan::Publish(status, memory) => self.publish(visiting, *status, *memory).await?,
                Plan::Settle(settlement) => return Ok(Some(settlement)),
            };
            if !written.is_current() {
                return Ok(None);
            }
        }
        Err(Error::Endless)
    }
}

impl Reconcile for Reconciler {
    type Error = Error;

    async fn reconcile(&self, link: Arc<Link>) -> Result<NextVisit, Error> {
        let begun = match self.begin(&link) {
            Begun::Unreadable(metadata) => self.begin_unreadable(*metadata).await?,
            begun => begun,
        };
        let mut visiting = match begun {
            Begun::Visit(visiting) => *visiting,
            Begun::Stale => return Ok(NextVisit::In(Visiting::CATCH_UP)),
            Begun::Unreadable(_) => return Ok(NextVisit::OnChange),
        };
        match self.visit(&mut visiting).await {
            Ok(Some(settlement)) => self.settle(visiting, *settlement).await,
            // Whatever breaks a visit off, what it asked and did is remembered: floor and backoff count from it.
            Ok(None) => {
                self.remember_broken_off(&visiting);
                Ok(NextVisit::In(Visiting::CATCH_UP))
            }
            Err(error) => {
                self.remember_broken_off(&visiting);
                Err(error)
            }
        }
    }

    fn forget(&self, link: &LinkRef) {
        self.depart(link);
    }
}
