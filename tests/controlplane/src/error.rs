//! Everything that can keep a control plane from being built, started or asked.

use std::io;
use std::path::{Path, PathBuf};

/// Why a control plane could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `KUBEBUILDER_ASSETS` is set, but binaries that cannot be done without are not there.
    #[error(
        "KUBEBUILDER_ASSETS points to {}, which lacks {}: add them, or unset it to build them",
        folder.display(),
        missing.join(", ")
    )]
    MissingAssets {
        /// The folder that `KUBEBUILDER_ASSETS` names.
        folder: PathBuf,
        /// File names of the missing binaries.
        missing: Vec<&'static str>,
    },

    /// None of the variables that name a cache folder is set.
    #[error("no folder to keep the control plane's binaries in: set CWLINK_CACHE, XDG_CACHE_HOME or HOME")]
    NoCacheFolder,

    /// The Go toolchain is not installed.
    #[error(
        "{program} cannot be run, but is needed to build {binaries}: install Go {required} or newer \
         (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder that has all binaries"
    )]
    GoMissing {
        /// How the toolchain was called.
        program: String,
        /// The binaries that wait to be built.
        binaries: String,
        /// The version `go.mod` asks for.
        required: &'static str,
        /// Why it cannot be run.
        source: io::Error,
    },

    /// The Go toolchain is older than `go.mod` allows.
    #[error("Go {found} is too old to build Kubernetes: install Go {required} or newer (https://go.dev/dl)")]
    GoTooOld {
        /// The installed version.
        found: String,
        /// The version `go.mod` asks for.
        required: &'static str,
    },

    /// `go build` failed.
    #[error("go build of {binary} failed, its last lines were:\n{output}")]
    GoBuild {
        /// The binary that was to be built.
        binary: &'static str,
        /// The last lines that the toolchain wrote.
        output: String,
    },

    /// A certificate could not be made.
    #[error("making a certificate for {subject} failed")]
    Certificate {
        /// Whom the certificate was for.
        subject: String,
        /// rcgen's reason.
        source: rcgen::Error,
    },

    /// A server ended, though nobody asked it to.
    #[error("{server} ended by itself, the last lines of its log were:\n{log}")]
    ServerEnded {
        /// The server's name.
        server: &'static str,
        /// The last lines of its log.
        log: String,
    },

    /// The API server did not become ready in time.
    #[error(
        "{server} was not ready after {seconds} s ({waiting_for}), the last lines of its log were:\n{log}"
    )]
    NotReady {
        /// The server's name.
        server: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// What kubectl last said.
        waiting_for: String,
        /// The last lines of the server's log.
        log: String,
    },

    /// kubectl answered with an error.
    #[error("kubectl {arguments} failed: {stderr}")]
    Kubectl {
        /// The arguments, separated by spaces.
        arguments: String,
        /// What kubectl wrote to standard error.
        stderr: String,
    },

    /// A file or process operation failed.
    #[error("{action} {} failed", path.display())]
    Io {
        /// What was tried, such as `writing`.
        action: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl Error {
    /// Adapts an [`io::Error`] in `map_err`, saying what was done to which path.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether another process took a port between its choice and its use, so that a new attempt may succeed.
    pub(crate) fn is_port_taken(&self) -> bool {
        matches!(self, Self::ServerEnded { log, .. } if log.contains("address already in use"))
    }
}

/// The last `count` lines of `text`.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
