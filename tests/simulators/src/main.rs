//! `simulators run`: both services on loopback until it is told to end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use simulators::scenario::ScenarioError;
use simulators::{Options, Scenario, Simulators, StartError};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

/// ConnectWise PSA and Petra Security, played on loopback over real TLS.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start both services; prints one JSON line with the ports when they answer.
    Run(Run),
}

#[derive(Args)]
struct Run {
    /// Scenario file; absent: the demo scenario.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Port of every ConnectWise host; 0 takes any that is free.
    #[arg(long, default_value_t = 0)]
    connectwise_port: u16,
    /// Port of Petra.
    #[arg(long, default_value_t = 0)]
    petra_port: u16,
    /// Port of the admin routes (plain HTTP).
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
    /// Where to write the certificate authority.
    #[arg(long, value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// An API key that Petra accepts; may be given several times.
    #[arg(long = "petra-key", value_name = "TEXT", default_value = "petra_CANARY-operator-key")]
    petra_keys: Vec<String>,
    /// From a link's registration to its confirmation: `2s`, `500ms`, `1m`.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    confirm_after: Duration,
    /// Requests a minute for each of Petra's routes; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 10)]
    petra_rate_limit: u32,
    /// Requests a minute for each company at ConnectWise; absent: as the scenario says.
    #[arg(long, value_name = "N")]
    connectwise_rate_limit: Option<u32>,
    /// How much later than at once ConnectWise answers.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    connectwise_latency: Duration,
    /// Where to write the JSON line, too.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// End when standard input is closed: with the process that holds it.
    #[arg(long)]
    until_stdin_closes: bool,
}

#[derive(Debug, Error)]
enum RunError {
    #[error("failed to {doing} {path}: {source}")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("failed to watch for signals: {0}")]
    Signal(#[source] io::Error),
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    Duration::try_from(span).map_err(|_| "must not be negative".to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let Command::Run(run) = Cli::parse().command;
    match run.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl Run {
    async fn run(self) -> Result<(), RunError> {
        let scenario = match &self.scenario {
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|source| file_error("read", path, source))?;
                Scenario::from_yaml(&text)?
            }
            None => Scenario::demo(),
        };
        let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signal)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signal)?;
        let simulators = Simulators::start(scenario, self.options()).await?;
        if let Some(path) = &self.ca_out {
            write(path, simulators.ca_pem())?;
        }
        let ready = json!({
            "connectwisePort": simulators.connectwise_port(),
            "petraPort": simulators.petra_port(),
            "adminPort": simulators.admin_port(),
        });
        println!("{ready}");
        if let Some(path) = &self.ready_file {
            write(path, &ready.to_string())?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = stdin_closed(), if self.until_stdin_closes => {}
        }
        simulators.shutdown().await;
        Ok(())
    }

    fn options(&self) -> Options {
        Options {
            connectwise_port: self.connectwise_port,
            petra_port: self.petra_port,
            admin_port: self.admin_port,
            petra_keys: self.petra_keys.clone(),
            confirm_after: self.confirm_after,
            petra_rate_limit: Some(self.petra_rate_limit).filter(|limit| *limit > 0),
            connectwise_rate_limit: self.connectwise_rate_limit,
            connectwise_latency: self.connectwise_latency,
            ..Options::default()
        }
    }
}

/// Writes a file under another name first, so that whoever waits for it never reads half of it.
fn write(path: &Path, text: &str) -> Result<(), RunError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|source| file_error("write", path, source))
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> RunError {
    RunError::File { doing, path: path.to_owned(), source }
}

/// Waits in a thread of its own: one of the runtime's would keep the process alive until standard input ends.
async fn stdin_closed() {
    let (closed, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let read = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Gone already where a signal came first.
        let _ = closed.send(read);
    });
    let _ = end.await;
}
