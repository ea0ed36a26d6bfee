//! Log lines: text for people at a terminal, JSON for everything else.

use std::io::{self, IsTerminal as _, Stderr, Write, stderr};
use std::panic::{self, PanicHookInfo};

use tracing::{Level, Metadata, Subscriber, error};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Drops what cannot be written. The reader of the log may have closed it (`cwlink run 2>&1 | head`); the operator goes on,
/// and must not panic over a line that nobody reads.
struct Dropping<W>(W);

impl<W: Write> Write for Dropping<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // What is left of a line that could be written in part is dropped with it.
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

fn dropping_stderr() -> Dropping<Stderr> {
    Dropping(stderr())
}

/// Sends what `level` selects to stderr, and panics too. `level` was checked when the flags were read.
///
/// A panic's message is left out: it may quote what was being worked on, and that may be a key or remote text. Its place
/// in the source is enough to find it.
pub(crate) fn init(format: LogFormat, level: &str) {
    let terminal = stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    if text {
        text_lines(level, terminal, dropping_stderr).init();
    } else {
        json_lines(level, dropping_stderr).init();
    }
    panic::set_hook(Box::new(log_panic));
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    error!(place, "a task panicked");
}

fn text_lines<W>(level: &str, colours: bool, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt().with_env_filter(EnvFilter::new(level)).with_writer(writer).log_internal_errors(false);
    lines.with_ansi(colours).finish().with(filter_fn(is_logged))
}

fn json_lines<W>(level: &str, writer: W) -> impl Subscriber + Send + Sync + 'static
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt().with_env_filter(EnvFilter::new(level)).with_writer(writer).log_internal_errors(false);
    lines.json().flatten_event(true).finish().with(filter_fn(is_logged))
}

/// Whatever `--log-level` says, the libraries speak of errors alone. Below that they print what passes through them:
/// kube warns with the whole body of an answer that it cannot read, which may be a Secret, and hyper traces headers.
/// Whatever of theirs people need to know, this operator says in its own words.
fn is_logged(metadata: &Metadata<'_>) -> bool {
    let own = metadata
        .target()
        .strip_prefix("cwlink")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    own || *metadata.level() == Level::ERROR
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8_lossy(&self.0.lock()).into_owned()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn log_from_everywhere() {
        tracing::warn!(target: "kube_client::client", "a body");
        tracing::trace!(target: "hyper::proto", "a header");
        tracing::debug!(target: "cwlinker", "a namesake");
        tracing::error!(target: "kube_client::client", "a failure");
        tracing::trace!(target: "cwlink::link", "a step");
    }

    #[test]
    fn no_level_lets_a_library_print_what_passes_through_it() {
        for level in ["trace", "info,kube_client=trace,hyper::proto=trace,cwlinker=trace,cwlink=trace"] {
            for json in [false, true] {
                let lines = Lines::default();
                if json {
                    with_default(json_lines(level, lines.clone()), log_from_everywhere);
                } else {
                    with_default(text_lines(level, false, lines.clone()), log_from_everywhere);
                }
                let text = lines.text();
                assert_eq!(text.lines().count(), 2, "{text}");
                assert!(text.contains("a failure") && text.contains("a step"), "{text}");
            }
        }
    }

    #[test]
    fn a_panic_is_logged_with_its_place_and_without_its_message() {
        let lines = Lines::default();
        let former = panic::take_hook();
        panic::set_hook(Box::new(log_panic));
        let ended = with_default(json_lines("trace", lines.clone()), || {
            panic::catch_unwind(|| panic!("what was worked on: {}", "CANARY"))
        });
        panic::set_hook(former);
        assert!(ended.is_err());
        let text = lines.text();
        assert!(text.contains("a task panicked") && text.contains(file!()), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }

    /// What the operator itself would print, from its own set-up on.
    #[test]
    #[ignore = "sets the panic hook of its process: `a_panic_is_logged_by_the_hook_of_the_operator_alone` starts it in its own"]
    fn panics_with_the_operators_own_hook() {
        init(LogFormat::Json, "trace");
        assert!(std::thread::spawn(|| panic!("what was worked on: {}", "CANARY")).join().is_err());
    }

    #[test]
    fn a_panic_is_logged_by_the_hook_of_the_operator_alone() {
        let own = std::env::current_exe().expect("this test");
        let child = std::process::Command::new(own)
            .args(["--exact", "logging::tests::panics_with_the_operators_own_hook"])
            .args(["--include-ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "full")
            .output()
            .expect("it runs");
        let output =
            [child.stdout, child.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        assert!(output.contains("a task panicked") && output.contains(file!()), "{output}");
        assert!(!output.contains("CANARY"), "{output}");
    }

    /// A log that nobody reads any more.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_log_line_that_cannot_be_written_is_dropped() {
        let mut log = Dropping(Closed);
        assert_eq!(log.write(b"a line\n").expect("dropped"), 7);
        log.flush().expect("dropped");
        with_default(text_lines("trace", false, || Dropping(Closed)), log_from_everywhere);
        with_default(json_lines("trace", || Dropping(Closed)), log_from_everywhere);
    }

    #[test]
    fn the_level_still_selects_among_the_operators_own_lines() {
        let lines = Lines::default();
        with_default(text_lines("info", false, lines.clone()), log_from_everywhere);
        assert_eq!(lines.text().lines().count(), 1, "{}", lines.text());
    }
}
