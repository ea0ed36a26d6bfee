//! The operator's lives: within this process, or as the built binary.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use clap::Parser as _;
use cwlink::cli::{Cli, Command, Environment, Settings};
use cwlink::operator::operate;
use harness::{Error, Installation, Operator, OperatorOptions, Result, Sims};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::stage::binary;

/// How the operator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// On a thread of this process, with a runtime of its own: dropping that takes its memory and its sockets.
    Thread,
    /// As the built binary, ended by SIGKILL.
    Process,
}

/// An operator that can be killed and started again.
pub enum Life {
    Thread(Threaded),
    Process(Box<Operator>),
}

impl Life {
    pub fn prepare(
        body: Body,
        installation: &Installation,
        sims: &Sims,
        options: &OperatorOptions,
    ) -> Result<Self> {
        Ok(match body {
            Body::Thread => Self::Thread(Threaded {
                arguments: installation.arguments(sims, options)?,
                namespace: options.namespace.clone(),
                log: Log::default(),
                running: None,
            }),
            Body::Process => {
                let operator = Operator::prepare(binary(), installation.clone(), sims, options)?;
                Self::Process(Box::new(operator))
            }
        })
    }

    /// Starts it with empty memory.
    pub fn start(&mut self) -> Result<()> {
        match self {
            Self::Thread(threaded) => threaded.start(),
            Self::Process(operator) => operator.begin(),
        }
    }

    /// Ends it as a crash of its machine does.
    pub fn kill(&mut self) -> Result<()> {
        match self {
            Self::Thread(threaded) => threaded.kill(),
            Self::Process(operator) => {
                operator.kill();
                Ok(())
            }
        }
    }

    /// Everything that it has logged in all its lives.
    pub fn log(&self) -> String {
        match self {
            Self::Thread(threaded) => threaded.log.text(),
            Self::Process(operator) => operator.log(),
        }
    }
}

pub struct Threaded {
    arguments: Vec<String>,
    namespace: String,
    log: Log,
    running: Option<(CancellationToken, JoinHandle<std::result::Result<(), String>>)>,
}

impl Threaded {
    fn start(&mut self) -> Result<()> {
        let unreadable =
            |problem: String| Error::Unreadable { what: "the operator's flags".to_owned(), problem };
        let cli = Cli::try_parse_from(std::iter::once("cwlink".to_owned()).chain(self.arguments.clone()));
        let Command::Run(args) = cli.map_err(|error| unreadable(error.to_string()))?.command else {
            return Err(unreadable("they are not those of run".to_owned()));
        };
        let environment = Environment {
            pod_namespace: Some(self.namespace.clone()),
            pod_name: Some("cwlink".to_owned()),
            pod_uid: None,
            service_account_namespace: None,
        };
        let settings = Settings::check(*args, environment).map_err(|error| unreadable(error.to_string()))?;
        let killed = CancellationToken::new();
        let thread = std::thread::spawn({
            let (killed, log) = (killed.clone(), self.log.clone());
            move || {
                let filter = EnvFilter::new(&settings.log_level);
                let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
                tracing::subscriber::with_default(subscriber.with_writer(log).finish(), || {
                    live(settings, &killed)
                })
            }
        });
        self.running = Some((killed, thread));
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        let Some((killed, thread)) = self.running.take() else { return Ok(()) };
        killed.cancel();
        let ended = thread.join().unwrap_or_else(|_| Err("it panicked".to_owned()));
        ended.map_err(|status| Error::OperatorEnded { status, log: self.log.text() })
    }
}

/// Until it is killed. One thread alone, so that what the operator logs is told from what others here do.
fn live(settings: Settings, killed: &CancellationToken) -> std::result::Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    // It is never told to stop: a crash tells nobody.
    let operating = operate(settings, CancellationToken::new());
    match runtime.block_on(killed.run_until_cancelled(operating)) {
        None => Ok(()),
        Some(Ok(())) => Err("without being told to".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
    }
}

/// What one operator logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
