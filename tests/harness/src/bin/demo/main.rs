//! `make demo`: the real operator fixes six links, step by step.
//!
//! The exit status is only 0 if every step gave the expected result. The modules, in the order of use:
//!
//! - `stage`: the control plane, both simulators and the operator.
//! - `page`: the output to the terminal.
//! - `table`: `kubectl get cwlinks --watch`, shown while it changes.
//! - `story`: the steps.
//! - `play`: `make demo-up`, which leaves everything running.

mod page;
mod play;
mod stage;
mod story;
mod table;

use std::process::ExitCode;

use clap::Parser;

use page::Page;
use stage::Stage;

/// The cwlink demo: a real Kubernetes API server, simulators of ConnectWise and Petra, and the real operator
#[derive(Parser)]
struct Arguments {
    /// Keep the links with problems and the servers running, and show commands to try
    #[arg(long)]
    up: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut page = Page::of_this_terminal();
    let result = Stage::build(&mut page).and_then(|stage| {
        if arguments.up { play::up(&stage, &mut page) } else { story::run(&stage, &mut page) }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo: {error:?}");
            ExitCode::FAILURE
        }
    }
}
