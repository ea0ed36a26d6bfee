//! The operator's own face: `/livez`, `/readyz` and `/metrics` on one port, without authentication and without a word of
//! any customer's data.

mod catalogue;
mod connections;
mod gates;
mod labels;
mod liveness;
mod metrics;
mod scrape;
mod server;

pub use catalogue::{CATALOGUE, Kind, Metric};
pub(crate) use gates::{Gate, Gates};
pub(crate) use liveness::Liveness;
pub(crate) use metrics::{Metrics, ReconcileResult};
pub(crate) use scrape::Snapshot;
pub(crate) use server::Admin;
