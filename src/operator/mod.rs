//! Builds the operator from its settings, runs it, and shuts it down. The only module that may know all others.

mod run;
mod services;
mod shutdown;

pub use run::{RunError, operate, run};
