//! The command line. Everything is checked before anything starts, and every complaint names its flag.

mod args;
pub(crate) mod files;
mod settings;

pub use args::{Cli, Command, RunArgs};
pub use settings::{InstallationId, LeaseName, Petra, Problems, Settings, Surroundings};
