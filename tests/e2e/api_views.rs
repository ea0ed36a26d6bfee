//! What the operator sees of the API server is late, has gaps, comes twice, breaks off or is refused: it ends as if it had
//! seen everything, other links are served meanwhile, and nobody is asked much more often.
//!
//! - [`distortion`]: what is wrong with the view; [`run`]: a workload of the sweep of crashes under one;
//! - [`restored`]: an older state comes back.

mod distortion;
mod restored;
mod run;

use std::fmt::Write as _;
use std::io::Write as _;

use harness::{Installation, Result};

use self::distortion::Distortion;
use self::run::{Outcome, run_under};
use crate::crash::run::Run;
use crate::crash::sweep::side_by_side;
use crate::crash::workload::{Workload, chosen};
use crate::stage::is_soak;

/// Workloads in which a wrong view could do harm: nothing is there, other keys come, two want the same, the link goes, all
/// goes, a person has the last word.
const CHOSEN: [&str; 7] = [
    "create",
    "rotate-keys",
    "rename-the-secret",
    "conflict",
    "delete-unlink",
    "delete-the-namespace",
    "acknowledge-in-portal",
];

/// Runs at once: they wait more than they work.
const SLOTS: usize = 8;
/// Where time is short, every so manieth case is run. It shares no factor with the number of workloads, so that each of
/// them, and each view, has its turn.
const SHARE: usize = 2;

#[test]
fn a_wrong_view_of_the_api_server_leads_to_the_end_that_comes_without_one() -> Result<()> {
    let chosen = chosen(&CHOSEN);
    let run = |workload: &Workload, view: Option<Distortion>, end: Option<&Outcome>, place: &Installation| {
        let view_name = view.map_or_else(|| "true".to_owned(), |view| view.to_string());
        let namespace = format!("view-{view_name}-{}", workload.name);
        let Run { outcome, log } = run_under(workload, &namespace, place, view, end);
        outcome.map_err(|error| format!("{view_name}, {}: {error}\n{log}", workload.name))
    };
    let truly = side_by_side("view-true", SLOTS, &chosen, |workload, place| {
        run(workload, None, None, place).unwrap_or_else(|error| panic!("{error}"))
    })?;

    let mut cases: Vec<_> = Distortion::ALL
        .iter()
        .flat_map(|view| chosen.iter().zip(&truly).map(move |it| (*view, it)))
        .collect();
    if !is_soak() {
        cases = cases.into_iter().step_by(SHARE).collect();
    }
    let outcomes = side_by_side("view-wrong", SLOTS, &cases, |(view, (workload, truly)), place| {
        run(workload, Some(*view), Some(truly), place)
    })?;

    let mut table = "\nview, workload: requests to the API server, ConnectWise, Petra\n".to_owned();
    let mut row = |view: &str, workload: &Workload, outcome: &Outcome| {
        let requests = &outcome.requests;
        writeln!(table, "{view:>17} {:<17} {requests}", workload.name).expect("a text takes everything");
    };
    for (workload, outcome) in chosen.iter().zip(&truly) {
        row("-", workload, outcome);
    }
    let mut problems = Vec::new();
    for ((view, (workload, truly)), outcome) in cases.iter().zip(outcomes) {
        match outcome {
            Err(error) => problems.push(error),
            Ok(outcome) => {
                row(&view.to_string(), workload, &outcome);
                let found = outcome.differences(truly, workload);
                problems.extend(found.into_iter().map(|found| format!("{view}, {}: {found}", workload.name)));
            }
        }
    }
    // Not by `eprintln!`, which shows nothing of a test that passes; where nobody can read it, nobody misses it.
    let _ = std::io::stderr().write_all(table.as_bytes());
    assert!(problems.is_empty(), "{} of {} runs:\n{}", problems.len(), cases.len(), problems.join("\n\n"));
    Ok(())
}
