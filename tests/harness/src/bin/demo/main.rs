//! `make demo`: the real operator, from six broken links to six good ones, told as a story.
//!
//! The exit status is 0 only if everything that the story says was seen. In the order in which they are needed:
//!
//! - `stage`: the control plane, both simulators and the operator.
//! - `page`: what goes to the terminal.
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

/// The cwlink demo: a real Kubernetes API server, ConnectWise and Petra played on this machine, and the real operator
#[derive(Parser)]
struct Arguments {
    /// Leave the broken links as they are, keep everything running, and say how to play with it
    #[arg(long)]
    up: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut page = Page::of_this_terminal();
    let told = Stage::build(&mut page).and_then(|stage| {
        if arguments.up { play::up(&stage, &mut page) } else { story::tell(&stage, &mut page) }
    });
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ndemo: {error:?}");
            ExitCode::FAILURE
        }
    }
}
