//! Log lines: text for people at a terminal, JSON for everything else.

use std::io::{IsTerminal as _, stderr};
use std::panic;

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// One line of text each.
    Text,
    /// One JSON object each.
    Json,
}

/// Sends what `level` selects to stderr, and panics too. `level` was checked when the flags were read.
///
/// A panic's message is left out: it may quote what was being worked on, and that may be a key or remote text. Its place
/// in the source is enough to find it.
pub(super) fn init(format: LogFormat, level: &str) {
    // kube warns of forbidden watches and marks every line of a reconcile; this operator does both in its own words.
    let filter = EnvFilter::new(format!("kube_runtime=error,{level}"));
    let terminal = stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let lines = fmt().with_env_filter(filter).with_writer(stderr);
    if text {
        lines.with_ansi(terminal).init();
    } else {
        lines.json().flatten_event(true).init();
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "a task panicked");
    }));
}
