//! Every workload with a crash at every change, many side by side.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use harness::gate::{Moment, Point, Write};
use harness::{Installation, OperatorOptions, Result};
use parking_lot::{Condvar, Mutex};

use super::life::Body;
use super::oracle::Story;
use super::run::{Outcome, Run};
use super::workload::{WORKLOADS, Workload};
use crate::stage::cluster;

/// How much of a log is shown of a run that went wrong.
const SHOWN_LINES: usize = 80;
/// Of how many runs that went wrong a log is shown.
const SHOWN_LOGS: usize = 3;
/// How often a workload is run for a crash that does not come.
const ATTEMPTS: usize = 3;

/// A workload as it goes without a crash.
pub struct Undisturbed {
    workload: &'static Workload,
    writes: Vec<Write>,
    story: Story,
}

/// One crash in one workload.
pub struct Case {
    of: &'static Undisturbed,
    point: Point,
}

/// Every workload without a crash.
fn undisturbed() -> &'static [Undisturbed] {
    static ALL: OnceLock<Vec<Undisturbed>> = OnceLock::new();
    ALL.get_or_init(|| {
        let runs = side_by_side("calm", WORKLOADS.len(), WORKLOADS, |workload, installation| {
            let namespace = format!("calm-{}", workload.name);
            let run = Run::with_crash(workload, &namespace, (installation, Body::Thread), None, None);
            let Outcome { writes, story, violations, .. } =
                run.outcome.unwrap_or_else(|error| panic!("{}: {error}\n{}", workload.name, run.log));
            assert_eq!(violations, Vec::<String>::new(), "{}", workload.name);
            Undisturbed { workload, writes, story }
        });
        runs.expect("operators can be installed")
    })
}

/// Every crash: at each moment of each change of each workload.
pub fn all_cases() -> Vec<Case> {
    let of = |of: &'static Undisturbed| {
        let numbered = of.writes.iter().enumerate().map(|(before, write)| {
            let nth = 1 + of.writes[..before].iter().filter(|other| *other == write).count();
            (write.clone(), nth)
        });
        numbered.flat_map(move |(write, nth)| {
            Moment::ALL.map(|moment| Case { of, point: Point { write: write.clone(), nth, moment } })
        })
    };
    undisturbed().iter().flat_map(of).collect()
}

/// Runs these cases, and panics with all that went wrong.
pub fn sweep(body: Body, slots: usize, cases: &[Case]) -> Result<()> {
    report(body, cases);
    let name = format!("{body:?}").to_lowercase();
    let failures = side_by_side(&name, slots, cases, |case, installation| case.run(installation, body))?;
    let failures: Vec<_> = failures.into_iter().flatten().collect();
    let shown = failures.iter().take(SHOWN_LOGS).map(|failure| format!("{}\n{}", failure.what, failure.log));
    let more = failures.iter().skip(SHOWN_LOGS).map(|failure| failure.what.clone());
    let text: Vec<_> = shown.chain(more).collect();
    assert!(failures.is_empty(), "{} of {} crashes:\n{}", failures.len(), cases.len(), text.join("\n\n"));
    Ok(())
}

struct Failure {
    what: String,
    log: String,
}

impl Case {
    /// Runs the workload until the crash comes, a few times at most: on a busy machine the operator may come to a change by
    /// another way.
    fn run(&self, installation: &Installation, body: Body) -> Option<Failure> {
        for _ in 0..ATTEMPTS {
            let place = (installation, body);
            let end = &self.of.story.end;
            let run = Run::with_crash(
                self.of.workload,
                &self.namespace(body),
                place,
                Some(self.point.clone()),
                Some(end),
            );
            let problems = match &run.outcome {
                Err(error) => vec![error.to_string()],
                Ok(outcome) => {
                    let differences = outcome.story.differences(&self.of.story, self.of.workload);
                    outcome.violations.iter().cloned().chain(differences).collect()
                }
            };
            if !problems.is_empty() {
                return Some(self.failure(&problems, &run.log));
            }
            if run.outcome.is_ok_and(|outcome| outcome.crashed) {
                return None;
            }
        }
        Some(self.failure(&["the change was never made".to_owned()], ""))
    }

    fn failure(&self, problems: &[String], log: &str) -> Failure {
        let Point { write, nth, moment } = &self.point;
        let name = self.of.workload.name;
        let problems = problems.join("\n");
        let what = format!("{name}, crash {moment} of {write} (number {nth} of its kind):\n{problems}");
        let lines: Vec<_> = log.lines().collect();
        Failure { what, log: lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n") }
    }

    /// A namespace of this run's own.
    fn namespace(&self, body: Body) -> String {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        format!("{}-{made}-{body:?}", self.of.workload.name).to_lowercase()
    }
}

/// Tells people how many crashes there are.
fn report(body: Body, cases: &[Case]) {
    let line = |undisturbed: &Undisturbed| {
        let name = undisturbed.workload.name;
        let points = cases.iter().filter(|case| case.of.workload.name == name).count();
        format!("{points:>4}  {name}: {}\n", list(&undisturbed.writes))
    };
    let lines: String = undisturbed().iter().map(line).collect();
    print(&format!("\ncrashes of the operator ({body:?}): {}\n{lines}", cases.len()));
}

/// Not by `eprintln!`, which shows nothing of a test that passes.
fn print(text: &str) {
    // Where nobody can read it, nobody misses it.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn list(writes: &[Write]) -> String {
    writes.iter().map(Write::to_string).collect::<Vec<_>>().join(", ")
}

/// Does all jobs, so many at once, each slot with an operator's installation of its own. Results are in the jobs' order.
pub fn side_by_side<'a, J: Sync, R: Send>(
    name: &str,
    slots: usize,
    jobs: &'a [J],
    work: impl Fn(&'a J, &Installation) -> R + Sync,
) -> Result<Vec<R>> {
    // One kubectl at a time: many would starve whatever else runs on a small machine.
    let install = |slot| {
        let installation =
            Installation::make(cluster(), &OperatorOptions::in_namespace(&format!("crash-{name}-{slot}")))?;
        installation.allow_namespace_deletion(cluster())?;
        Ok(installation)
    };
    let installations: Vec<_> = (0..slots).map(install).collect::<Result<_>>()?;
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::default();
    thread::scope(|scope| {
        for installation in &installations {
            scope.spawn(|| {
                while let Some((nth, job)) = next_job(&next, jobs) {
                    let turn = Turn::take();
                    let result = work(job, installation);
                    drop(turn);
                    results.lock().push((nth, result));
                }
            });
        }
    });
    let mut results = results.into_inner();
    results.sort_by_key(|(nth, _)| *nth);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

fn next_job<'a, J>(next: &AtomicUsize, jobs: &'a [J]) -> Option<(usize, &'a J)> {
    let nth = next.fetch_add(1, Ordering::Relaxed);
    jobs.get(nth).map(|job| (nth, job))
}

/// One of the runs of all sweeps that may be under way: a sweep that waits for its last few runs leaves the others to go on.
struct Turn;

/// Runs of all sweeps at once. They wait more than they work. But the operators' time runs sixty times faster, and a machine
/// that cannot follow would be seen as servers that do not answer.
const AT_ONCE: usize = 16;
static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let mut taken = TAKEN.lock();
        GIVEN_BACK.wait_while(&mut taken, |taken| *taken >= AT_ONCE);
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock() -= 1;
        GIVEN_BACK.notify_one();
    }
}
