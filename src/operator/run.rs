//! Builds the operator from its settings, once.

use std::io;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::services::{self, Orphans, Services};
use super::shutdown;
use crate::admin::{Admin, Gates, Liveness, Metrics};
use crate::cli::Settings;
use crate::clock::Clock;
use crate::controller::{Controller, Options};
use crate::kubernetes::{
    ConnectError, Election, Events, Leadership, LeadershipLost, WatchOptions, Watches, connect,
};
use crate::link::{Deps, Reconciler};
use crate::logging;
use crate::secret_file::SecretFile;
use crate::upstream::guard::GuardError;

/// Why the operator could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No connection to a cluster was configured.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The admin port cannot be opened.
    #[error("--admin-address: cannot listen on {address}: {error}")]
    AdminPort {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The clients cannot be built.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Signals cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    /// Another replica may lead now.
    #[error(transparent)]
    LeadershipLost(#[from] LeadershipLost),
    /// The queue ended without a signal to stop.
    #[error("the queue of links ended unexpectedly; this is a bug")]
    QueueEnded,
}

/// Runs the operator until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start: every error names what to change.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    logging::init(settings.log_format, &settings.log_level);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        registration = settings.registration.as_str(),
        "starting cwlink"
    );
    info!(
        connectwise = settings.allow.hosts_for_keys().join(", "),
        petra = settings.petra.as_ref().map(|petra| petra.host.to_string()),
        "API keys may be sent to these hosts"
    );
    let stop = shutdown::on_signal().map_err(RunError::Signals)?;
    operate(settings, stop).await
}

/// Runs the operator until `stop` is cancelled, within a process that has a log and handles its signals itself.
///
/// # Errors
///
/// When it cannot start: every error names what to change.
pub async fn operate(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    // Where the process has a provider already, that is the one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let clock = Clock::start();
    let (metrics, gates, liveness) =
        (Arc::new(Metrics::new()), Gates::default(), Arc::new(Liveness::new(clock)));
    let kubernetes = connect(settings.kubeconfig.as_deref(), settings.timings.timeouts.kubernetes).await?;
    let drained = CancellationToken::new();
    let ends = (stop.clone(), drained.clone());
    let (leadership, mut campaign) = join_election(&settings, kubernetes.clone(), &gates, &metrics, ends);
    let (events, publisher) = Events::new(
        kubernetes.clone(),
        settings.instance.clone(),
        settings.namespace.clone(),
        settings.pod_uid.clone(),
        Arc::clone(&metrics),
    );
    let options = WatchOptions {
        namespaces: &settings.watch_namespaces,
        watch_secrets: settings.watch_secrets,
        gates: &gates,
        metrics: Arc::clone(&metrics),
    };
    let watches = Watches::new(kubernetes.clone(), options);
    let deps = Deps {
        client: kubernetes,
        secrets: watches.secrets(),
        links: watches.links(),
        wake: watches.wake(),
        events,
        metrics: Arc::clone(&metrics),
    };
    let options = Options {
        namespaces: &settings.watch_namespaces,
        concurrency: settings.concurrency,
        timings: &settings.timings,
        operator: &settings.operator,
        liveness: Arc::clone(&liveness),
        metrics: Arc::clone(&metrics),
    };
    let controller = Controller::new(watches, options);

    let address = settings.admin_address;
    let listener = Admin::listen(address).await.map_err(|error| RunError::AdminPort { address, error })?;
    let address = listener.local_addr().unwrap_or(address);
    info!(%address, "the admin port is open");
    let ended = CancellationToken::new();
    tokio::spawn(Admin { liveness, gates, metrics: Arc::clone(&metrics) }.serve(listener, ended.clone()));
    tokio::spawn(publisher.run());
    for file in settings.petra_key.iter().chain([&settings.connectwise_client_id]) {
        let period = settings.timings.scale(SecretFile::PERIOD);
        let metrics = Arc::clone(&metrics);
        let report = move |flag, usable| metrics.secret_file_changed(flag, usable);
        tokio::spawn(file.clone().follow(period, report, stop.clone()));
    }

    let config = services::config(&settings);
    let services = Services::build(&settings, clock, &metrics)?;
    if let Some((petra, poll, _)) = &services.petra {
        let installation = config.installation.clone();
        let orphans = Orphans {
            installation: installation.clone(),
            links: deps.links.clone(),
            metrics: Arc::clone(&metrics),
            events: deps.events.clone(),
            poll: Arc::clone(poll),
        };
        tokio::spawn(leadership.clone().then(orphans.report(settings.timings.poll_idle, stop.clone())));
        let wake = deps.wake.clone();
        let on_change = move |changed: &_| services::wake_changed(changed, &installation, &wake);
        let polling = Arc::clone(poll).run(Arc::clone(petra), clock, stop.clone(), on_change);
        tokio::spawn(leadership.clone().then(polling));
    }
    if let Some((account, key)) = services.account.as_ref().zip(settings.petra_key.clone()) {
        let timings = settings.timings.clone();
        let proving =
            services::verify_account(Arc::clone(account), key, Arc::clone(&metrics), timings, stop.clone());
        tokio::spawn(leadership.clone().then(proving));
    }
    let petra = services.petra_side(&leadership);
    let client_id = settings.connectwise_client_id.clone();
    let reconciler = Arc::new(Reconciler::new(config, clock, services.connectwise, client_id, petra, deps));
    tokio::spawn(Arc::clone(&reconciler).follow_operator_keys(stop.clone()));
    tokio::select! {
        () = controller.run(reconciler, leadership, stop.clone()) => {}
        // Stop immediately without finishing running work. Another replica may act now.
        Err(lost) = &mut campaign => return Err(lost.into()),
    }
    drained.cancel();
    campaign.await?;
    ended.cancel();
    if stop.is_cancelled() { Ok(()) } else { Err(RunError::QueueEnded) }
}

/// Joins the election in a task of its own, so that nothing else delays a renewal. Without a Lease in the settings this
/// replica leads at once. The returned future ends when the Lease is lost or given back.
fn join_election(
    settings: &Settings,
    client: kube::Client,
    gates: &Gates,
    metrics: &Arc<Metrics>,
    (stop, drained): (CancellationToken, CancellationToken),
) -> (Leadership, BoxFuture<'static, Result<(), LeadershipLost>>) {
    let Some(lease) = &settings.lease else {
        metrics.leads(true);
        let none = async move {
            drained.cancelled().await;
            Ok(())
        };
        return (Leadership::alone(), none.boxed());
    };
    let gate = gates.gate("lease-read", "no answer yet");
    let (election, leadership) = Election::new(
        client,
        (&lease.namespace, &lease.name),
        &settings.instance,
        settings.timings.lease,
        gate,
        Arc::clone(metrics),
    );
    let campaign = AbortOnDropHandle::new(tokio::spawn(election.run(stop, drained)));
    let campaign =
        async { campaign.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) };
    (leadership, campaign.boxed())
}
