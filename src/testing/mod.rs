//! What only tests and fuzz targets use: a fake ConnectWise, a TLS server, and the properties of all input from outside.
//!
//! The module exists in those builds alone (`cargo fuzz` sets `cfg(fuzzing)`), so that the product opens nothing for them.

#[cfg(test)]
#[macro_use]
mod trait_probe;

#[cfg(test)]
pub(crate) mod fake_connectwise;
#[cfg(test)]
mod hostile_connectwise;
pub mod properties;
#[cfg(test)]
pub(crate) mod tls_server;
