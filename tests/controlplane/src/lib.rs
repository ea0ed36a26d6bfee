//! A real Kubernetes control plane for cwlink's tests and demo: etcd, kube-apiserver and
//! kube-controller-manager on loopback ports, without a container engine and without nodes (pods stay
//! `Pending`).
//!
//! In the order in which data flows:
//!
//! - [`Assets`] finds the four binaries, or builds them from the Go modules pinned in this crate's `go.mod`.
//! - `pki` makes throwaway certificate authorities and the keys they sign.
//! - `data_dir` holds every file of one control plane, and removes them however the caller ends.
//! - `flags` are the command lines of the three servers.
//! - `server` runs one server under a watchdog that outlives the caller just long enough to kill it.
//! - `kubeconfig` writes what a client needs to get in.
//! - `audit` reads back who asked the API server for what.
//! - [`ControlPlane`] starts and stops the whole.
//!
//! ```no_run
//! use controlplane::{Assets, ControlPlane};
//!
//! # fn main() -> Result<(), controlplane::Error> {
//! let assets = Assets::locate_or_build(&mut |line| eprintln!("{line}"))?;
//! let plane = ControlPlane::start(&assets)?;
//! plane.run_kubectl(&["create", "namespace", "demo"])?;
//! let jane = plane.kubeconfig("jane", None)?;
//! # Ok(())
//! # }
//! ```

mod assets;
mod audit;
mod data_dir;
mod error;
mod flags;
mod kubeconfig;
mod pki;
mod plane;
mod server;

pub use assets::Assets;
pub use audit::AuditEvent;
pub use error::Error;
pub use plane::ControlPlane;
pub use server::tethered;
