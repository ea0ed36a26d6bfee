//! The Kubernetes API server: the client, the watches of links and Secrets, events, and the election of a leader.
//!
//! [`Watches`] feed a store of links and a table of Secret versions; what they report, and every [`Wake`], is a request to
//! reconcile a link.

mod client;
mod errors;
mod events;
mod leadership;
mod refusal;
mod watch;

pub use client::{ConnectError, connect};
pub(crate) use errors::describe_own_error;
pub use events::Events;
pub use leadership::{Election, Leadership, LeadershipLost};
pub(crate) use refusal::{LinkWrite, RefusedBy, WriteRefusal};
pub(crate) use watch::wipe_annotations;
pub use watch::{Link, Links, SecretVersions, Wake, WatchOptions, Watches};
