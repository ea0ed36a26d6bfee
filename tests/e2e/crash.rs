//! The operator dies at any change that it makes, and is started again with empty memory: it ends as if nothing had been.
//!
//! Every change to the API server and to Petra is numbered. Each workload runs once for each moment of each change, and
//! the operator is killed right there. The end must be that of the run without a crash.
//!
//! - [`workload`]: what people do; [`scene`]: where; [`api`]: how they talk to the API server;
//! - [`life`]: the operator, killed and started; [`run`]: one run with one crash;
//! - [`oracle`]: what must be the same; [`sweep`]: all of them.

pub mod life;
pub mod oracle;
pub mod run;
pub mod scene;
pub mod sweep;
pub mod workload;

use harness::Result;

use self::life::Body;
use self::sweep::{all_cases, sweep};
use crate::stage::is_soak;

/// Runs at once: they wait more than they work.
const SLOTS: usize = 12;
/// Processes at once.
const PROCESSES: usize = 6;
/// Of so many crashes one kills a real process, where time is short. It shares no factor with the number of moments, so
/// that each of them has its turn.
const SHARE: usize = 9;

#[test]
fn a_crash_at_any_change_leads_to_the_end_that_comes_without_one() -> Result<()> {
    sweep(Body::Thread, SLOTS, &all_cases())
}

#[test]
fn a_killed_process_leads_to_the_end_that_comes_without_one() -> Result<()> {
    let mut cases = all_cases();
    if !is_soak() {
        cases = cases.into_iter().step_by(SHARE).collect();
    }
    sweep(Body::Process, PROCESSES, &cases)
}
