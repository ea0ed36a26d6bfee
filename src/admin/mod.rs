//! The operator's own face: `/livez`, `/readyz` and `/metrics` on one port, without authentication and without a word of
//! any customer's data.

mod catalogue;
mod gates;
mod labels;
mod liveness;
mod metrics;
mod scrape;
mod server;

pub use catalogue::{CATALOGUE, Kind, Metric};
pub use gates::{Gate, Gates};
pub use liveness::Liveness;
pub use metrics::{Metrics, ReconcileResult};
pub use scrape::Snapshot;
pub use server::Admin;
