//! cwlink links ConnectWise PSA with Petra Security from Kubernetes.
//!
//! The modules, highest first. A module uses only modules further down the list; the test `modules` in `tests/docs.rs`
//! checks that.
//!
//! - [`operator`]: builds everything below from the settings, runs it, and shuts it down.
//! - [`cli`]: the command line, and the settings that are checked at start.
//! - [`controller`]: the work queue, workers and retries: from requests to reconciles, one at a time for a link.
//! - [`link`]: the reconcile: observe, decide, act, record. All rules are in `link::decide`, which is pure.
//! - [`kubernetes`]: the client, the watches of links and Secrets, events, and leader election.
//! - [`admin`]: `/livez`, `/readyz`, `/metrics`.
//! - [`petra`]: the link contract, the one shared poll, the account check.
//! - [`connectwise`]: finds a tenant's API, checks keys, role and board; only GET.
//! - [`upstream`]: the HTTP guard that both clients go through: hosts, addresses, TLS, limits, timeouts.
//! - [`crd`]: the `ConnectWiseLink` as people write and read it, with every reason.
//! - [`dns_name`]: which names Kubernetes and DNS allow.
//! - [`secret_file`]: the operator's own secrets, read again when their files change.
//! - [`logging`]: the form of the log.
//! - [`watch_scope`]: which namespaces are watched.
//! - [`timings`]: every period, so that tests can scale them.
//! - [`clock`]: the one source of time.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[macro_use]
pub mod testing;

pub mod admin;
pub mod cli;
pub(crate) mod clock;
pub mod connectwise;
mod controller;
pub mod crd;
mod dns_name;
mod kubernetes;
pub mod link;
mod logging;
pub mod operator;
pub mod petra;
mod secret_file;
pub mod timings;
pub mod upstream;
mod watch_scope;
