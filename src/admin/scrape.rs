//! Metrics that are not counted as things happen, but looked up when somebody asks.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::{MetricType, gauge::ConstGauge};

use super::catalogue::{self as names, Metric};
use super::labels::{CONTROLLER, Labels, labels};
use crate::crd::{ConditionStatus, ConditionType, Reason};

/// The fleet at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Links that wait for a reconcile.
    pub queued: usize,
    /// Reconciles that run.
    pub active: usize,
    /// Links that do not fit the schema.
    pub unreadable: usize,
    /// Links that another operator serves.
    pub elsewhere: usize,
    /// Links by condition, its status and its reason; `None` is a reason that this operator does not know.
    pub links: HashMap<(ConditionType, ConditionStatus, Option<Reason>), usize>,
}

/// Returns the state of the fleet at the moment of a scrape.
pub(super) type Source = Box<dyn Fn() -> Snapshot + Send + Sync>;

/// Reads a [`Snapshot`] at each scrape.
pub(super) struct Scrape {
    source: Arc<OnceLock<Source>>,
}

impl Scrape {
    pub(super) fn new(source: Arc<OnceLock<Source>>) -> Self {
        Self { source }
    }
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").finish_non_exhaustive()
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = self.source.get().map(|read| read()).unwrap_or_default();
        gauges(&mut encoder, &names::ACTIVE_WORKERS, [([CONTROLLER], snapshot.active)])?;
        gauges(&mut encoder, &names::QUEUE_DEPTH, [([CONTROLLER], snapshot.queued)])?;
        single(&mut encoder, &names::LINKS_UNREADABLE, snapshot.unreadable)?;
        single(&mut encoder, &names::LINKS_ELSEWHERE, snapshot.elsewhere)?;
        let links = snapshot.links.into_iter().map(|((condition, status, reason), count)| {
            ([condition.as_str(), status.as_str(), reason.map_or("Other", Reason::as_str)], count)
        });
        gauges(&mut encoder, &names::LINKS, links)
    }
}

fn single(encoder: &mut DescriptorEncoder<'_>, metric: &'static Metric, count: usize) -> fmt::Result {
    let help = format!("{}.", metric.help);
    constant(count).encode(encoder.encode_descriptor(metric.name, &help, None, MetricType::Gauge)?)
}

fn gauges<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &'static Metric,
    values: impl IntoIterator<Item = ([&'static str; N], usize)>,
) -> fmt::Result {
    let help = format!("{}.", metric.help);
    let mut family = encoder.encode_descriptor(metric.name, &help, None, MetricType::Gauge)?;
    for (values, count) in values {
        let labels: Labels<N> = labels(metric, values);
        constant(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn constant(count: usize) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX))
}
