//! Everything between the Kubernetes API server and one reconcile.
//!
//! [`run()`] builds the operator. Watches ([`WatchNamespaces`], one stream and one backoff each) feed a store of links and
//! a table of Secret versions; what they report, and [`Wake`], become requests; the [`Controller`] turns requests into
//! reconciles, each in a task of its own.

mod changes;
mod client;
mod controller;
mod events;
mod explain;
mod leadership;
mod link_index;
mod links;
mod listing;
mod logging;
mod reach;
mod retries;
mod run;
pub(crate) mod secret_file;
mod secret_versions;
mod services;
mod shutdown;
mod wake;
mod watch;
mod watches;
mod work_queue;

pub use changes::changes;
pub use client::{ConnectError, connect};
pub use controller::{Controller, Deps, Options, Reconcile};
pub use events::{Events, Publisher};
pub use leadership::{Election, Leadership, LeadershipLost};
pub use links::{Link, LinkRef, Links};
pub use logging::LogFormat;
pub use reach::{Reach, WatchNamespaces};
pub use run::{RunError, operate, run};
pub use secret_file::{SecretFile, SecretFileError};
pub use secret_versions::{SecretLookup, SecretVersion, SecretVersions};
pub use wake::Wake;
pub(crate) use watches::wipe_annotations;
