//! Records what happened, and prints it for Prometheus.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};
use prometheus_client::registry::Registry;

use super::catalogue::{self as names, Metric};
use super::labels::{CONTROLLER, Labels, labels};
use super::scrape::{Scrape, Snapshot, Source};
use crate::upstream::{Observer, Service};

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// Nothing to do until something changes.
    Success,
    /// Done for now; it looks again later.
    RequeueAfter,
    /// Failed; it is tried again.
    Error,
    /// Panicked; it is tried again.
    Panic,
}

/// All metrics of the process. Cheap to share; every method may be called from anywhere.
pub struct Metrics {
    source: Arc<OnceLock<Source>>,
    reconciles: Counters<2>,
    reconcile_seconds: Timers<1>,
    panics: Counters<1>,
    watch_errors: Counters<2>,
    requests: Counters<3>,
    request_seconds: Timers<2>,
    limiter_seconds: Timers<2>,
    held_verdicts: Counters<1>,
    fleet_hold: Gauge,
    petra_orphans: Gauge,
    petra_account: Family<Labels<0>, Gauge>,
    status_writes: Counter,
    link_writes_refused: Counters<1>,
    secret_reads: Counter,
    events: Counters<1>,
    secret_files: Counters<2>,
    leader: Gauge,
    registry: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let build: Family<Labels<1>, Gauge> = gauge(&mut registry, &names::BUILD);
        build.get_or_create(&labels(&names::BUILD, [env!("CARGO_PKG_VERSION")])).set(1);
        let source = Arc::new(OnceLock::new());
        registry.register_collector(Box::new(Scrape::new(Arc::clone(&source))));
        Self {
            source,
            reconciles: Counters::registered(&mut registry, &names::RECONCILES),
            reconcile_seconds: Timers::registered(&mut registry, &names::RECONCILE_SECONDS),
            panics: Counters::registered(&mut registry, &names::RECONCILE_PANICS),
            watch_errors: Counters::registered(&mut registry, &names::WATCH_ERRORS),
            requests: Counters::registered(&mut registry, &names::REQUESTS),
            request_seconds: Timers::registered(&mut registry, &names::REQUEST_SECONDS),
            limiter_seconds: Timers::registered(&mut registry, &names::LIMITER_SECONDS),
            held_verdicts: Counters::registered(&mut registry, &names::HELD_VERDICTS),
            fleet_hold: gauge(&mut registry, &names::FLEET_HOLD),
            petra_orphans: gauge(&mut registry, &names::PETRA_ORPHANS),
            petra_account: gauge(&mut registry, &names::PETRA_ACCOUNT),
            status_writes: counter(&mut registry, &names::STATUS_WRITES),
            link_writes_refused: Counters::registered(&mut registry, &names::LINK_WRITES_REFUSED),
            secret_reads: counter(&mut registry, &names::SECRET_READS),
            events: Counters::registered(&mut registry, &names::EVENTS),
            secret_files: Counters::registered(&mut registry, &names::SECRET_FILES),
            leader: gauge(&mut registry, &names::LEADER),
            registry,
        }
    }

    /// Where the state of the fleet is read at each scrape. The first source stays.
    pub(crate) fn scrape_from(&self, source: impl Fn() -> Snapshot + Send + Sync + 'static) {
        // A process has one controller, so there is no second source that could be lost here.
        let _ = self.source.set(Box::new(source));
    }

    /// The exposition, in the text format of `OpenMetrics`.
    ///
    /// # Errors
    ///
    /// Never in practice: writing to a `String` does not fail.
    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// A reconcile ended after `took`.
    pub(crate) fn reconciled(&self, result: ReconcileResult, took: Duration) {
        let result = match result {
            ReconcileResult::Success => "success",
            ReconcileResult::RequeueAfter => "requeue_after",
            ReconcileResult::Error => "error",
            ReconcileResult::Panic => {
                self.panics.inc([CONTROLLER]);
                "panic"
            }
        };
        self.reconciles.inc([CONTROLLER, result]);
        self.reconcile_seconds.observe([CONTROLLER], took);
    }

    /// A watch of `resource` (its plural) failed for `cause` and is tried again.
    pub(crate) fn watch_failed(&self, resource: &'static str, cause: &'static str) {
        self.watch_errors.inc([resource, cause]);
    }

    /// A round ended without changing a verdict, for `cause`.
    pub(crate) fn verdict_held(&self, cause: &'static str) {
        self.held_verdicts.inc([cause]);
    }

    /// Whether accusations are held across the fleet.
    pub(crate) fn fleet_hold(&self, held: bool) {
        self.fleet_hold.set(held.into());
    }

    /// How many links at Petra have this installation as their owner, but no resource.
    pub(crate) fn petra_orphans(&self, count: usize) {
        self.petra_orphans.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether Petra accepted the operator's key at the last proof that was answered.
    pub(crate) fn petra_account_proved(&self, accepted: bool) {
        self.petra_account.get_or_create(&[]).set(accepted.into());
    }

    /// A status was written.
    pub(crate) fn status_written(&self) {
        self.status_writes.inc();
    }

    /// The API server refused a write to a link.
    pub(crate) fn link_write_refused(&self, write: &'static str) {
        self.link_writes_refused.inc([write]);
    }

    /// A Secret's content was read.
    pub(crate) fn secret_read(&self) {
        self.secret_reads.inc();
    }

    /// What became of an event for people.
    pub(crate) fn event(&self, outcome: &'static str) {
        self.events.inc([outcome]);
    }

    /// Whether this replica leads.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// A mounted secret file changed; `loaded` unless its new content could not be used.
    pub(crate) fn secret_file_changed(&self, file: &'static str, loaded: bool) {
        self.secret_files.inc([file, if loaded { "loaded" } else { "refused" }]);
    }
}

impl Observer for Metrics {
    fn called(&self, service: Service, operation: &'static str, outcome: &'static str, took: Duration) {
        self.requests.inc([service.as_str(), operation, outcome]);
        self.request_seconds.observe([service.as_str(), operation], took);
    }

    fn waited(&self, service: Service, operation: &'static str, wait: Duration) {
        self.limiter_seconds.observe([service.as_str(), operation], wait);
    }
}

/// A counter for each combination of label values.
struct Counters<const N: usize> {
    metric: &'static Metric,
    family: Family<Labels<N>, Counter>,
}

impl<const N: usize> Counters<N> {
    fn registered(registry: &mut Registry, metric: &'static Metric) -> Self {
        Self { metric, family: counter(registry, metric) }
    }

    fn inc(&self, values: [&'static str; N]) {
        self.family.get_or_create(&labels(self.metric, values)).inc();
    }
}

/// A histogram of seconds for each combination of label values.
struct Timers<const N: usize> {
    metric: &'static Metric,
    family: Family<Labels<N>, Histogram, fn() -> Histogram>,
}

impl<const N: usize> Timers<N> {
    /// From a cached answer to the longest timeout and the longest waits for a rate limit.
    const BUCKETS: [f64; 12] = [0.005, 0.02, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

    fn registered(registry: &mut Registry, metric: &'static Metric) -> Self {
        let family: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(Self::BUCKETS));
        registry.register(metric.name, metric.help, family.clone());
        Self { metric, family }
    }

    fn observe(&self, values: [&'static str; N], took: Duration) {
        self.family.get_or_create(&labels(self.metric, values)).observe(took.as_secs_f64());
    }
}

fn counter<M>(registry: &mut Registry, metric: &'static Metric) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let counter = M::default();
    // The encoder adds `_total` to a counter's name by itself.
    registry.register(metric.name.trim_end_matches("_total"), metric.help, counter.clone());
    counter
}

fn gauge<M>(registry: &mut Registry, metric: &'static Metric) -> M
where
    M: prometheus_client::registry::Metric + Clone + Default,
{
    let gauge = M::default();
    registry.register(metric.name, metric.help, gauge.clone());
    gauge
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::crd::{ConditionStatus, ConditionType, Reason};

    #[test]
    fn the_exposition_holds_exactly_the_catalogue() {
        let metrics = Metrics::new();
        metrics.reconciled(ReconcileResult::Panic, Duration::ZERO);
        metrics.watch_failed("secrets", "forbidden");
        metrics.verdict_held("debounce");
        metrics.fleet_hold(false);
        metrics.petra_orphans(0);
        metrics.petra_account_proved(true);
        metrics.status_written();
        metrics.link_write_refused("status");
        metrics.secret_read();
        metrics.event("published");
        metrics.secret_file_changed("petra-key", true);
        metrics.leads(true);
        metrics.called(Service::Petra, "list", "2xx", Duration::ZERO);
        metrics.waited(Service::Petra, "list", Duration::ZERO);
        let text = metrics.render().expect("text");
        let exposed: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.rsplit_once(' '))
            .map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.to_owned() })
            .collect();
        let listed: BTreeSet<String> = names::CATALOGUE.iter().map(|metric| metric.name.to_owned()).collect();
        assert_eq!(exposed, listed);
    }

    #[test]
    fn what_is_recorded_is_exposed_under_the_names_of_the_catalogue() {
        let metrics = Metrics::new();
        metrics.reconciled(ReconcileResult::Panic, Duration::from_millis(3));
        metrics.called(Service::ConnectWise, "mySecurity", "2xx", Duration::from_secs(1));
        metrics.waited(Service::Petra, "list", Duration::ZERO);
        metrics.petra_account_proved(true);
        metrics.status_written();
        metrics.scrape_from(|| {
            let mut snapshot = Snapshot { queued: 2, active: 1, unreadable: 3, ..Snapshot::default() };
            snapshot.links.insert((ConditionType::Ready, ConditionStatus::True, Some(Reason::Linked)), 7);
            snapshot
        });
        let text = metrics.render().expect("text");
        for line in [
            r#"controller_runtime_reconcile_total{controller="connectwiselink",result="panic"} 1"#,
            r#"controller_runtime_reconcile_panics_total{controller="connectwiselink"} 1"#,
            r#"controller_runtime_active_workers{controller="connectwiselink"} 1"#,
            r#"workqueue_depth{name="connectwiselink"} 2"#,
            r#"cwlink_requests_total{service="connectwise",operation="mySecurity",outcome="2xx"} 1"#,
            r#"cwlink_limiter_wait_seconds_count{service="petra",operation="list"} 1"#,
            r#"cwlink_links{condition="Ready",status="True",reason="Linked"} 7"#,
            "cwlink_links_unreadable 3",
            "cwlink_petra_account_proved{} 1",
            "cwlink_status_writes_total 1",
            concat!("cwlink_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|exposed| exposed == line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn the_account_is_neither_proved_nor_refused_before_petra_answered() {
        let text = Metrics::new().render().expect("text");
        assert!(!text.lines().any(|line| line.starts_with("cwlink_petra_account_proved")));
    }
}
