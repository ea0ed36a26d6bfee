//! cwlink links ConnectWise PSA with Petra Security from Kubernetes.
//!
//! The modules, in the order in which a link flows through them:
//!
//! - [`cli`]: the command line, checked at start; `cwlink run` builds everything below once.
//! - [`runtime`]: watches links and Secrets, keeps the queue, runs one reconcile a link at a time.
//! - [`crd`]: the `ConnectWiseLink` as people write it and read it; every reason stands here once.
//! - [`link`]: the reconcile: observe, decide, act, record. All rules are in `link::decide`, which is pure.
//! - [`connectwise`]: finds a tenant's API, checks keys, role and board; only GET.
//! - [`petra`]: the link contract, the one shared poll, the account check.
//! - [`upstream`]: the HTTP guard that both clients go through: hosts, addresses, TLS, limits, timeouts.
//! - [`admin`]: `/livez`, `/readyz`, `/metrics`.
//! - [`clock`] and [`timings`]: the one source of time and every period, so that tests can scale them.

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[macro_use]
pub mod testing;

pub mod admin;
pub mod cli;
pub(crate) mod clock;
pub mod connectwise;
pub mod crd;
pub mod link;
pub mod petra;
pub mod runtime;
pub mod timings;
pub mod upstream;
