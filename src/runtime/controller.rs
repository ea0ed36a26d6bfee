//! From requests to reconciles: one at a time for a link, a bounded number in all, each in a task of its own.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, Stream, StreamExt};
use kube::runtime::controller::{self, Action, ReconcileRequest, applier};
use kube::runtime::reflector::{self, ObjectRef, Store, store::Writer};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, error, info_span, warn};

use super::events::Events;
use super::explain::explain_own;
use super::leadership::Leadership;
use super::link_index::LinkIndex;
use super::links::{Link, LinkRef, Links};
use super::listing::Listing;
use super::reach::WatchNamespaces;
use super::retries::Retries;
use super::secret_versions::SecretVersions;
use super::wake::Wake;
use super::watches::Watches;
use super::work_queue::WorkQueue;
use crate::admin::{Gates, Liveness, Metrics, ReconcileResult};
use crate::link::Next;
use crate::timings::Timings;

/// How long running reconciles may take to finish after the operator was told to stop.
const GRACE: Duration = Duration::from_secs(20);

/// What is done for one link.
pub trait Reconcile: Send + Sync + 'static {
    /// Why it failed. A wrong spec or refused keys are no failures but results.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Looks at a link, does what is needed, and says when to look again. Never runs twice at once for one link. A failure
    /// is logged and tried again after a growing delay.
    fn reconcile(&self, link: Arc<Link>) -> impl Future<Output = Result<Next, Self::Error>> + Send;

    /// The link no longer exists here, and no reconcile of it runs: whatever is remembered of it can go. A link of the same
    /// name that is made right afterwards may come without this call, with another uid.
    fn forget(&self, link: &LinkRef);
}

/// What the controller is built from.
pub struct Options<'a> {
    /// `--watch-namespaces`.
    pub namespaces: &'a WatchNamespaces,
    /// `--watch-secrets`.
    pub watch_secrets: bool,
    /// `--concurrency`.
    pub concurrency: u16,
    /// The periods.
    pub timings: &'a Timings,
    /// The gates `links-listed` and `secrets-listed` are added here.
    pub gates: &'a Gates,
    /// Told of waiting and completed work.
    pub liveness: Arc<Liveness>,
    /// Told of reconciles and watches, and of the fleet at each scrape.
    pub metrics: Arc<Metrics>,
}

/// What a reconcile needs of this module. Every part is cheap to clone.
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
    /// Tells people.
    pub events: Events,
    /// Counts.
    pub metrics: Arc<Metrics>,
}

/// Watches, queue and workers, before they run.
pub struct Controller {
    watches: Watches,
    writer: Writer<Link>,
    woken: mpsc::UnboundedReceiver<LinkRef>,
    queue: Arc<WorkQueue>,
    retries: Retries,
    liveness: Arc<Liveness>,
    concurrency: u16,
}

impl Controller {
    /// Prepares the controller, and what reconciles need of it. Nothing is watched before [`Controller::run`].
    #[must_use]
    pub fn new(client: kube::Client, events: Events, options: Options<'_>) -> (Self, Deps) {
        let Options { namespaces, watch_secrets, concurrency, timings, gates, liveness, metrics } = options;
        let (store, writer) = reflector::store();
        let (wake, woken) = Wake::new();
        let reaches = namespaces.reaches();
        let listing = |gate| Arc::new(Listing::new(&reaches, gates.gate(gate, "no answer yet")));
        let links_listing = listing("links-listed");
        let secret_listing = watch_secrets.then(|| listing("secrets-listed"));
        let secrets = SecretVersions::new(secret_listing.clone());
        let links = Links::new(store.clone(), Arc::clone(&links_listing));
        let queue =
            WorkQueue::new(concurrency, namespaces.are_several(), wake.clone(), Arc::clone(&liveness));
        metrics.scrape_from({
            let (links, queue) = (links.clone(), Arc::clone(&queue));
            move || {
                let mut snapshot = crate::admin::Snapshot::default();
                (snapshot.queued, snapshot.active) = queue.counts();
                links.count_into(&mut snapshot);
                snapshot
            }
        });
        let watches = Watches {
            client: client.clone(),
            reaches,
            store,
            index: Arc::new(LinkIndex::default()),
            links: links_listing,
            secrets: secrets.clone(),
            secret_listing,
            metrics: Arc::clone(&metrics),
            wake: wake.clone(),
        };
        let retries = Retries::new(timings);
        let deps = Deps { client, secrets, links, wake, events, metrics };
        (Self { watches, writer, woken, queue, retries, liveness, concurrency }, deps)
    }

    /// Runs until `stop`; then lets running reconciles finish, for a while. Watches from the start, and reconciles once
    /// this replica leads: all links then, whatever was reported before.
    pub async fn run<R: Reconcile>(
        self,
        reconciler: Arc<R>,
        leadership: Leadership,
        stop: CancellationToken,
    ) {
        let Self { watches, writer, woken, queue, retries, liveness, concurrency } = self;
        let requests = stream::select_all([
            watches.link_requests(writer),
            watches.secret_requests(),
            woken_requests(woken),
        ]);
        let leads = leadership.clone();
        let requests = requests.filter(move |_| std::future::ready(leads.has_begun()));
        let requests = stream::select(requests, first_requests(leadership, watches.store.clone()));
        let requests = requests
            .inspect({
                let queue = Arc::clone(&queue);
                move |link| queue.triggered(link.into())
            })
            .map(|link| Ok::<_, Infallible>(ReconcileRequest::from(link)))
            .take_until(stop.clone().cancelled_owned());
        let store = watches.store.clone();
        let workers = Arc::new(Workers { reconciler, watches, queue, retries });
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
                _ = turn.tick() => liveness.turned(),
                () = &mut too_late => {
                    warn!("some reconciles did not finish in time and are canceled");
                    break;
                }
            }
        }
    }
}

fn woken_requests(woken: mpsc::UnboundedReceiver<LinkRef>) -> BoxStream<'static, ObjectRef<Link>> {
    let links = stream::unfold(woken, |mut woken| async { woken.recv().await.map(|link| (link, woken)) });
    links.map(|link| ObjectRef::from(&link)).boxed()
}

/// Every link that is known when this replica begins to lead: their own requests were dropped before.
fn first_requests(leadership: Leadership, store: Store<Link>) -> impl Stream<Item = ObjectRef<Link>> + Send {
    let known = async move {
        leadership.begun().await;
        let links: Vec<_> = store.state().iter().map(|link| ObjectRef::from(&LinkRef::of(link))).collect();
        stream::iter(links)
    };
    stream::once(known).flatten()
}

struct Workers<R> {
    reconciler: Arc<R>,
    watches: Watches,
    queue: Arc<WorkQueue>,
    retries: Retries,
}

impl<R: Reconcile> Workers<R> {
    /// Runs one reconcile to its end, whatever happens in it, and says when to look again.
    async fn visit(&self, link: Arc<Link>) -> Action {
        let at = LinkRef::of(&link);
        if self.watches.links.is_coming() || self.watches.secrets.is_coming(&at.namespace) {
            // The watch that is to answer first wakes the link then.
            self.queue.leave(&at);
            return Action::await_change();
        }
        let Some(slot) = self.queue.start(&at) else { return Action::await_change() };
        let started = Instant::now();
        let reconciler = Arc::clone(&self.reconciler);
        let span = info_span!("reconcile", link = %at);
        let task = tokio::spawn(async move { reconciler.reconcile(link).await }.instrument(span));
        let outcome = AbortOnDropHandle::new(task).await;
        drop(slot);
        let (result, action) = match outcome {
            Ok(Ok(next)) => {
                self.retries.clear(&at);
                match next {
                    Next::In(delay) => (ReconcileResult::RequeueAfter, Action::requeue(delay)),
                    Next::OnChange => (ReconcileResult::Success, Action::await_change()),
                }
            }
            Ok(Err(error)) => {
                let delay = self.retries.failed(&at);
                warn!(link = %at, error = explain_own(&error), retry_in = ?delay, "the reconcile failed");
                (ReconcileResult::Error, Action::requeue(delay))
            }
            Err(_panic) => {
                let delay = self.retries.failed(&at);
                error!(link = %at, retry_in = ?delay, "the reconcile panicked; this is a bug");
                (ReconcileResult::Panic, Action::requeue(delay))
            }
        };
        self.watches.metrics.reconciled(result, started.elapsed());
        action
    }

    fn gone(&self, link: &LinkRef) {
        self.queue.leave(link);
        self.retries.clear(link);
        self.reconciler.forget(link);
    }
}

#[cfg(test)]
mod tests;
