//! The HTTP guard: the only way out of this process to ConnectWise and Petra.
//!
//! It decides which hosts may be called at all ([`hosts`], [`allow`]), resolves their names itself and connects to the
//! very address that it checked ([`resolve`], [`address`]), trusts the configured certificates ([`tls`]), and bounds
//! every call: timeout, bytes, redirects, rate ([`guard`], [`limits`]). What a call is, [`request`] says; what of an
//! answer's headers is read, [`reply`]; its JSON is read within a bound of memory by `json`, and what the answers of all
//! checks take together is bounded by [`memory`].

pub(crate) mod address;
pub(crate) mod allow;
mod answer;
mod cloud;
pub(crate) mod guard;
pub(crate) mod hosts;
pub(crate) mod json;
pub mod limits;
pub(crate) mod memory;
mod observer;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod resolve;
mod service;
pub(crate) mod tls;

pub(crate) use answer::{Answer, Fault};
pub(crate) use observer::Observer;
pub(crate) use service::Service;
