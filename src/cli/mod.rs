//! The command line. Everything is checked before anything starts, and every error names its flag.

mod args;
mod environment;
mod errors;
pub(crate) mod files;
mod settings;

pub use args::{Cli, Command, RunArgs};
pub use environment::Environment;
pub use errors::SettingsErrors;
pub use settings::{InstallationId, LeaseName, Petra, Settings};
