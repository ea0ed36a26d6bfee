//! The labels of metrics.

use super::catalogue::Metric;

/// The value of the labels `controller` and `name` of metrics that are named like controller-runtime's.
pub(super) const CONTROLLER: &str = "connectwiselink";

/// Values are `'static`: text from outside cannot become a label.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Pairs the values with the catalogue's label names.
pub(super) fn labels<const N: usize>(metric: &Metric, values: [&'static str; N]) -> Labels<N> {
    std::array::from_fn(|i| (metric.labels[i], values[i]))
}
