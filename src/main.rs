//! The `cwlink` binary: reads the command line, runs, and says in one sentence why it could not.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use cwlink::cli::{Cli, Command, Environment, Settings};
use cwlink::{crd, operator};

/// As clap exits for flags that it cannot read.
const BAD_FLAGS: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Crd => io::stdout()
            .write_all(crd::crd_yaml().as_bytes())
            .map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS),
        Command::Run(args) => match Settings::check(*args, Environment::of_this_process()) {
            Err(problems) => fail(&problems, BAD_FLAGS),
            Ok(settings) => {
                operator::run(settings).await.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
            }
        },
    }
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    // Where nobody can read it, the code says enough.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::from(code)
}
