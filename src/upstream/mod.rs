//! The HTTP guard: the only way out of this process to ConnectWise and Petra.
//!
//! It decides which hosts may be called at all ([`hosts`], [`allow`]), resolves their names itself and connects to the
//! very address that it checked ([`resolve`], [`address`]), trusts what the operator was told to ([`tls`]), and bounds
//! every call: timeout, bytes, redirects, rate ([`guard`], [`limits`]). What a call is, [`request`] says; what of an
//! answer's headers is read, [`reply`]; its JSON is read within a bound of memory by `json`.

pub mod address;
pub mod allow;
mod answer;
mod cloud;
pub mod guard;
pub mod hosts;
pub(crate) mod json;
pub mod limits;
mod observer;
pub mod reply;
pub mod request;
pub mod resolve;
mod service;
pub mod tls;

pub use answer::{Answer, Fault};
pub use observer::Observer;
pub use service::Service;
