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
#[cfg(test)]
pub(crate) mod markdown;
pub mod properties;
#[cfg(test)]
pub(crate) mod tls_server;

use crate::connectwise::profile::Profiles;
use crate::crd::{OperatorName, RegistrationMode};
use crate::link::config::Config;
use crate::timings::Timings;
use crate::upstream::allow::AllowList;

/// An operator named `here` that registers links with Petra itself, and that a Lease elected.
pub(crate) fn config(timings: Timings) -> Config {
    Config {
        timings,
        profiles: Profiles::builtin(),
        allow: AllowList::default(),
        companies: None,
        default_mode: RegistrationMode::Api,
        petra_configured: true,
        installation: "here".to_owned(),
        operator: OperatorName::new(Some("cwlink-system"), "cwlink"),
        elected: true,
    }
}
