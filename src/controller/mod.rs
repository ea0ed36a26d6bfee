//! From requests to reconciles: one at a time for a link, a bounded number in all, each in a task of its own.

mod retries;
mod work_queue;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use kube::runtime::controller::{self, Action, ReconcileRequest, applier};
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, error, info_span, warn};

use self::retries::Retries;
use self::work_queue::WorkQueue;
use crate::admin::{Liveness, Metrics, ReconcileResult, Snapshot};
use crate::crd::{LinkRef, OperatorName};
use crate::kubernetes::{Leadership, Link, Links, SecretVersions, Watches, describe_own_error};
use crate::link::{NextVisit, Reconcile};
use crate::timings::Timings;
use crate::watch_scope::WatchNamespaces;

/// How long running reconciles may take to finish after the operator receives a signal to stop.
const GRACE: Duration = Duration::from_secs(20);

/// What the controller is built from.
pub struct Options<'a> {
    /// `--watch-namespaces`: where there are several, one of them takes half of the workers at most.
    pub namespaces: &'a WatchNamespaces,
    /// `--concurrency`.
    pub concurrency: u16,
    /// The periods.
    pub timings: &'a Timings,
    /// The name of this operator.
    pub operator: &'a OperatorName,
    /// Records that the queue turns.
    pub liveness: Arc<Liveness>,
    /// Counts reconciles, and reads the fleet at each scrape.
    pub metrics: Arc<Metrics>,
}

/// Queue and workers, before they run.
pub struct Controller {
    watches: Watches,
    links: Links,
    secrets: SecretVersions,
    queue: Arc<WorkQueue>,
    retries: Retries,
    liveness: Arc<Liveness>,
    metrics: Arc<Metrics>,
    concurrency: u16,
}

impl Controller {
    /// Prepares the controller. Nothing runs before [`Controller::run`].
    #[must_use]
    pub fn new(watches: Watches, options: Options<'_>) -> Self {
        let Options { namespaces, concurrency, timings, operator, liveness, metrics } = options;
        let (links, secrets) = (watches.links(), watches.secrets());
        let several = namespaces.are_several();
        let queue = WorkQueue::new(concurrency, several, watches.wake());
        metrics.scrape_from({
            let (links, queue, operator) = (links.clone(), Arc::clone(&queue), operator.clone());
            move || {
                let mut snapshot = Snapshot::default();
                (snapshot.queued, snapshot.active) = queue.counts();
                links.count_into(&operator, &mut snapshot);
                snapshot
            }
        });
        let retries = Retries::new(timings);
        Self { watches, links, secrets, queue, retries, liveness, metrics, concurrency }
    }

    /// Runs until `stop`; then lets running reconciles finish, for a while. Watches from the start, and reconciles once
    /// this replica leads: all links then, whatever was reported before.
    pub async fn run<R: Reconcile>(
        self,
        reconciler: Arc<R>,
        leadership: Leadership,
        stop: CancellationToken,
    ) {
        let Self { watches, links, secrets, queue, retries, liveness, metrics, concurrency } = self;
        let leads = leadership.clone();
        let requests = watches.requests().filter(move |_| std::future::ready(leads.has_begun()));
        let requests = stream::select(requests, first_requests(leadership, links.clone()));
        let requests = requests
            .inspect({
                let queue = Arc::clone(&queue);
                move |link| queue.enqueue(link.into())
            })
            .map(|link| Ok::<_, Infallible>(ReconcileRequest::from(link)))
            .take_until(stop.clone().cancelled_owned());
        let store = links.store();
        let workers = Arc::new(Workers { reconciler, links, secrets, queue, retries, metrics });
        let outcomes = applier(
            |link: Arc<Link>, workers: Arc<Workers<R>>| {
                Box::pin(async move { Ok(workers.visit(link).await) })
            },
            |_, never: &Infallible, _| match *never {},
            Arc::clone(&workers),
            store,
            requests,
            controller::Config::default().concurrency(concurrency),
        );
        let mut outcomes = pin!(outcomes);
        let mut turn = tokio::time::interval(Duration::from_secs(5));
        let mut too_late = pin!(async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        });
        loop {
            tokio::select! {
                outcome = outcomes.next() => match outcome {
                    None => break,
                    Some(Ok(_)) => {}
                    Some(Err(controller::Error::ObjectNotFound(link))) => {
                        workers.gone(&LinkRef::new(link.namespace.as_deref().unwrap_or_default(), &link.name));
                    }
                    Some(Err(error)) => error!(%error, "the queue failed"),
                },
                _ = turn.tick() => liveness.tick(),
                () = &mut too_late => {
                    warn!("some reconciles did not finish in time and are canceled");
                    break;
                }
            }
        }
    }
}

/// Every link that is known when this replica begins to lead: their own requests were dropped before.
fn first_requests(leadership: Leadership, links: Links) -> impl Stream<Item = ObjectRef<Link>> + Send {
    let known = async move {
        leadership.begun().await;
        let links: Vec<_> = links.all().iter().map(|link| ObjectRef::from(&LinkRef::of(link))).collect();
        stream::iter(links)
    };
    stream::once(known).flatten()
}

struct Workers<R> {
    reconciler: Arc<R>,
    links: Links,
    secrets: SecretVersions,
    queue: Arc<WorkQueue>,
    retries: Retries,
    metrics: Arc<Metrics>,
}

impl<R: Reconcile> Workers<R> {
    /// Runs one reconcile to its end, whatever happens in it, and says when to look again.
    async fn visit(&self, link: Arc<Link>) -> Action {
        let at = LinkRef::of(&link);
        if self.links.is_pending() || self.secrets.is_pending(&at.namespace) {
            // The watch that is to answer first wakes the link then.
            self.queue.remove(&at);
            return Action::await_change();
        }
        let server = self.reconciler.server(&link);
        let Some(slot) = self.queue.start(&at, server) else { return Action::await_change() };
        let started = Instant::now();
        let reconciler = Arc::clone(&self.reconciler);
        let span = info_span!("reconcile", link = %at);
        let task = tokio::spawn(async move { reconciler.reconcile(link).await }.instrument(span));
        let outcome = AbortOnDropHandle::new(task).await;
        drop(slot);
        let (result, action) = match outcome {
            Ok(Ok(NextVisit::NotYet(delay))) => (ReconcileResult::RequeueAfter, Action::requeue(delay)),
            Ok(Ok(NextVisit::In(delay))) => {
                self.retries.clear(&at);
                (ReconcileResult::RequeueAfter, Action::requeue(delay))
            }
            Ok(Ok(NextVisit::OnChange)) => {
                self.retries.clear(&at);
                (ReconcileResult::Success, Action::await_change())
            }
            Ok(Err(error)) => {
                let delay = self.retries.failed(&at);
                warn!(link = %at, error = describe_own_error(&error), retry_in = ?delay, "the reconcile failed");
                (ReconcileResult::Error, Action::requeue(delay))
            }
            Err(_panic) => {
                let delay = self.retries.failed(&at);
                error!(link = %at, retry_in = ?delay, "the reconcile panicked; this is a bug");
                (ReconcileResult::Panic, Action::requeue(delay))
            }
        };
        self.metrics.reconciled(result, started.elapsed());
        action
    }

    fn gone(&self, link: &LinkRef) {
        self.queue.remove(link);
        self.retries.clear(link);
        self.reconciler.forget(link);
    }
}

#[cfg(test)]
mod tests;
