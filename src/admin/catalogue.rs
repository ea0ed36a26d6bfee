//! Every metric with its name, kind, labels and meaning. A test checks `docs/metrics.md` against this table.

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution of seconds, or of another unit that the name ends in.
    Histogram,
}

/// One metric as it is exposed. No label ever holds a name of an object, a host, or anything else that users choose.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in the exposition.
    pub name: &'static str,
    /// What it measures.
    pub kind: Kind,
    /// The labels, in the order in which values are recorded.
    pub labels: &'static [&'static str],
    /// What it means, without a full stop (the exposition adds one).
    pub help: &'static str,
}

macro_rules! catalogue {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            pub(super) const $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+

        /// All metrics, in the order of the documentation.
        pub const CATALOGUE: &[Metric] = &[$($constant,)+];
    };
}

catalogue! {
    RECONCILES = Counter "controller_runtime_reconcile_total" ["controller", "result"]
        "Finished reconciles, by result: success, requeue_after, error or panic";
    RECONCILE_SECONDS = Histogram "controller_runtime_reconcile_time_seconds" ["controller"]
        "Duration of a reconcile, including waits for rate limits";
    RECONCILE_PANICS = Counter "controller_runtime_reconcile_panics_total" ["controller"]
        "Reconciles that panicked; a panic affects one link only";
    ACTIVE_WORKERS = Gauge "controller_runtime_active_workers" ["controller"]
        "Reconciles that are running";
    QUEUE_DEPTH = Gauge "workqueue_depth" ["name"]
        "Links that are waiting for a reconcile";
    WATCH_ERRORS = Counter "cwlink_watch_errors_total" ["resource", "cause"]
        "Failed watches, which the operator retries, by cause: forbidden, expired, unreachable or other";
    REQUESTS = Counter "cwlink_requests_total" ["service", "operation", "outcome"]
        "Calls to ConnectWise and Petra, by status class or by the cause of a missing response";
    REQUEST_SECONDS = Histogram "cwlink_request_duration_seconds" ["service", "operation"]
        "Duration of a call to ConnectWise or Petra";
    LIMITER_SECONDS = Histogram "cwlink_limiter_wait_seconds" ["service", "operation"]
        "Time that a call waited for a rate limit before it was sent";
    LINKS = Gauge "cwlink_links" ["condition", "status", "reason"]
        "Links by condition, status and reason; a link without a status counts as Unknown, Pending";
    LINKS_UNREADABLE = Gauge "cwlink_links_unreadable" []
        "Links that do not match the schema and are ignored";
    LINKS_ELSEWHERE = Gauge "cwlink_links_of_other_operators" []
        "Links that this operator watches and another operator serves, by status.operator";
    HELD_VERDICTS = Counter "cwlink_held_verdicts_total" ["cause"]
        "Reconciles that kept the earlier result, by cause: inconclusive, debounce, fleet or petra";
    FLEET_HOLD = Gauge "cwlink_fleet_hold" []
        "1 while failures are held back because the operator itself may be the cause, otherwise 0";
    PETRA_ORPHANS = Gauge "cwlink_petra_orphans" []
        "Links at Petra that belong to this installation and whose resource does not exist or links another company";
    PETRA_ACCOUNT = Gauge "cwlink_petra_account_proved" []
        "1 if Petra accepted the operator's API key at the last check, 0 if Petra rejected it, absent before the first check";
    STATUS_WRITES = Counter "cwlink_status_writes_total" []
        "Status writes; an idle link causes none";
    LINK_WRITES_REFUSED = Counter "cwlink_link_writes_refused_total" ["write"]
        "Writes to links that the API server refused, because of an admission policy, a webhook or a missing permission, by write: status or finalizer";
    SECRET_READS = Counter "cwlink_secret_reads_total" []
        "Reads of Secret content; an unchanged Secret causes none";
    EVENTS = Counter "cwlink_events_total" ["outcome"]
        "Kubernetes events, by outcome: published, failed, repeated (within the window) or dropped (over the limit)";
    SECRET_FILES = Counter "cwlink_secret_file_reloads_total" ["file", "outcome"]
        "Changes of mounted secret files, by outcome: loaded, or refused (the previous content stays in use)";
    LEADER = Gauge "cwlink_leader" []
        "1 while this replica is the leader, 0 while it is on standby";
    BUILD = Gauge "cwlink_build_info" ["version"]
        "Always 1; the label has the version";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_conventions_of_prometheus() {
        let names: BTreeSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for metric in CATALOGUE {
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
            assert_eq!(metric.name.ends_with("_seconds"), metric.kind == Kind::Histogram, "{}", metric.name);
            assert!(!metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
