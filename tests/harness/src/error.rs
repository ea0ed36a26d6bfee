//! Everything that can keep a test from being set up, or an expectation from being met.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything here; a test returns it.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be set up, asked or awaited. `Debug` prints the sentences of `Display`, because that is what a
/// test that returns an error shows.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The control plane did not start, or could not be asked.
    #[error(transparent)]
    ControlPlane(#[from] controlplane::Error),
    /// The simulators did not start.
    #[error(transparent)]
    Simulators(#[from] simulators::StartError),
    /// A tenant could not be changed.
    #[error(transparent)]
    Change(#[from] simulators::world::ChangeError),
    /// kubectl said no.
    #[error("kubectl {arguments} failed: {stderr}")]
    Kubectl {
        /// The arguments, separated by spaces.
        arguments: String,
        /// What kubectl wrote to standard error.
        stderr: String,
    },
    /// A text is not the YAML or JSON that it should be.
    #[error("{what} cannot be read: {problem}")]
    Unreadable {
        /// What it is.
        what: String,
        /// What is wrong.
        problem: String,
    },
    /// A port of the operator or of a simulator gave no good answer.
    #[error("{method} {url} failed: {problem}")]
    Http {
        /// The HTTP method.
        method: &'static str,
        /// The address.
        url: String,
        /// What happened instead.
        problem: String,
    },
    /// The operator ended, though nobody asked it to.
    #[error("the operator ended by itself ({status}), the last lines of its log were:\n{log}")]
    OperatorEnded {
        /// How it ended.
        status: String,
        /// The last lines of its log.
        log: String,
    },
    /// What was waited for did not come.
    #[error("waited {seconds} s in vain for: {what}\nlast seen: {last}")]
    NotInTime {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// What was there instead.
        last: String,
    },
    /// A step of the demo did not give the expected result.
    #[error("expected that {expected}, but found: {found}")]
    NotAsExpected {
        /// What the demo expected.
        expected: String,
        /// What it found.
        found: String,
    },
    /// A file or process operation failed.
    #[error("{action} {} failed: {source}", path.display())]
    Io {
        /// What was tried, such as `writing`.
        action: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error {
    /// Adapts an [`io::Error`] in `map_err`, saying what was done to which path.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Adapts the error of a parser in `map_err`, saying what was read.
    pub(crate) fn unreadable<E: fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |problem| Self::Unreadable { what, problem: problem.to_string() }
    }
}
