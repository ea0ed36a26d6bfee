//! The real operator against a real control plane and simulated services, for end-to-end tests and the demo.
//!
//! - [`Cluster`]: a Kubernetes API server of the test's own with the CRD installed; kubectl, waiting, who wrote what.
//! - [`Sims`]: ConnectWise and Petra, behind blocking calls: what was asked, what Petra holds, bad days to order.
//! - [`Operator`]: the built binary with exactly the shipped rights; started, stopped, killed, started again.
//! - [`gate`]: places in front of both servers, where a test sees, holds and loses what the operator sends.
//! - [`Link`] and [`credentials`]: the YAML that people would write.
//! - [`Status`]: a link's status as a test asks about it.
//!
//! One cluster is enough for a test binary: keep it in a `static OnceLock`, and give each test namespaces, an operator
//! and simulators of its own. Everything ends with the process, however it ends. Errors print as sentences, so tests
//! return [`Result`] and use `?`.
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//! use harness::{Cluster, Link, Operator, OperatorOptions, Sims, credentials};
//!
//! # fn main() -> harness::Result<()> {
//! let cluster = Cluster::start(&mut |line| eprintln!("{line}"))?;
//! let sims = Sims::start_demo()?;
//! cluster.create_namespace("good")?;
//! let options = OperatorOptions { time_speed: 20.0, ..OperatorOptions::in_namespace("good") };
//! // In a test of the root package: env!("CARGO_BIN_EXE_cwlink").
//! let mut operator = Operator::start(Path::new("target/debug/cwlink"), &cluster, &sims, &options)?;
//!
//! cluster.apply("good", &credentials("acme-keys", "acme-public", "CANARY-acme-private"))?;
//! cluster.apply("good", &Link::new("acme", &sims).secret("acme-keys").yaml())?;
//! cluster.wait_until("good", "acme", "Ready is True", |status| status.is("Ready", "True", "Linked"))?;
//! assert_eq!(sims.petra().links()?.len(), 1);
//! let writes = cluster.writes_by(operator.user())?;
//! assert!(writes.iter().all(|write| write.namespace == "good"));
//! assert!(operator.stop()?.success());
//! # Ok(())
//! # }
//! ```

pub mod admin_api;
mod cluster;
mod error;
pub mod gate;
mod http;
mod install;
mod installation;
mod manifests;
mod operator;
mod petra;
mod process;
mod sims;
mod status;
mod waiting;
mod watch;

pub use cluster::{Cluster, Output};
pub use controlplane::AuditEvent;
pub use error::{Error, Result};
pub use install::{CRD, Rights};
pub use installation::{Installation, OperatorOptions};
pub use manifests::{Link, credentials};
pub use operator::Operator;
pub use petra::PetraBooks;
pub use process::Memory;
pub use sims::Sims;
pub use simulators;
pub use status::Status;
pub use waiting::{PATIENCE, wait_for};
pub use watch::LinkWatch;
