//! Who is informed of calls.

use std::time::Duration;

use super::service::Service;

/// Is informed of every call that was sent or refused, and of every wait for a limiter. Implemented by the metrics.
pub trait Observer: Send + Sync + 'static {
    /// One call ended: `operation` is a closed name such as `mySecurity`, `outcome` an HTTP status class (`2xx`, `4xx`, …)
    /// or a [`Fault`](super::Fault)'s name.
    fn called(&self, service: Service, operation: &'static str, outcome: &'static str, took: Duration);
    /// A call waited this long for a rate limiter before it was sent.
    fn waited(&self, service: Service, operation: &'static str, wait: Duration);
}
