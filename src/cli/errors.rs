//! What is wrong with the settings.

use std::fmt;

/// Everything that is wrong with the flags, so that a person can fix all of it at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SettingsErrors(Vec<String>);

impl SettingsErrors {
    pub(super) fn add(&mut self, flag: &str, problem: impl fmt::Display) {
        self.0.push(format!("{flag}: {problem}"));
    }

    /// The value, or `None` when an error was added.
    pub(super) fn take<T, E: fmt::Display>(&mut self, flag: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.add(flag, problem)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::error::Error for SettingsErrors {}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cwlink cannot start:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}
