//! How many histories are generated, and how a failing one is kept.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

/// Multiplies the number of histories: `make soak` sets it.
const SOAK: &str = "CWLINK_SOAK";
/// Histories of a long run for each of a short one.
const LONGER: u32 = 120;

/// Runs a test on generated histories and prints how many it saw; the test returns the steps that it took. A failing history
/// is shrunk, and kept beside `source` under `proptest-regressions`, from where it is run first ever after.
pub(super) fn histories<S: Strategy>(
    (name, source): (&'static str, &'static str),
    histories: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> u64,
) {
    let longer = if std::env::var_os(SOAK).is_some_and(|set| set == "1") { LONGER } else { 1 };
    let config = Config {
        cases: histories * longer,
        source_file: Some(source),
        test_name: Some(name),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let (facts, steps) = (Cell::new(0_u64), Cell::new(0_u64));
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(strategy, |history| {
        steps.set(steps.get() + test(history));
        facts.set(facts.get() + 1);
        Ok(())
    });
    println!("{name}: {} histories, {} steps", facts.get(), steps.get());
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, history)) => panic!("{why}\nby this history: {history:#?}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
