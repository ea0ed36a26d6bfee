//! What a link costs while nothing happens to it.

use harness::{OperatorOptions, Result};
use serde_json::Value;

use crate::ledger::{LINK, LIST, MY_SECURITY};
use crate::stage::Stage;

/// An hour passes in a quarter of a minute.
const SPEED: f64 = 240.0;

/// Checks in an hour at the default interval of 30 minutes.
const CHECKS: usize = 2;

/// The resource without what a routine check may change.
fn without_time(link: &Value) -> Value {
    let mut link = link.clone();
    for (part, field) in
        [("metadata", "resourceVersion"), ("metadata", "managedFields"), ("status", "lastValidatedTime")]
    {
        link[part][field].take();
    }
    link["status"]["operator"]["renewTime"].take();
    link
}

#[test]
fn in_an_idle_hour_each_check_is_one_request_and_one_write_of_its_time() -> Result<()> {
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace("idle") };
    let mut stage = Stage::set_with(options)?;
    let names = ["acme", "bravo", "delta"];
    for name in names {
        stage.linked(name, |link| link)?;
    }
    // Counted between two ends of the operator, so that nothing is half done at either end.
    stage.operator.stop()?;
    let moment = stage.moment()?;
    let mut histories = Vec::new();
    for name in names {
        histories.push(stage.follow(name)?);
    }
    stage.operator.restart()?;
    for history in &mut histories {
        for _ in 0..CHECKS {
            history.until("the next check", |_| true)?;
        }
    }
    stage.operator.stop()?;
    let span = stage.since(&moment)?;

    for history in &histories {
        let (first, later) = history.states().split_first().expect("there is a first state");
        for state in later {
            assert_ne!(state["status"]["lastValidatedTime"], first["status"]["lastValidatedTime"]);
            assert_eq!(without_time(state), without_time(first));
        }
    }
    for name in names {
        let secret = format!("{name}-keys");
        let checks = span.secrets_read().iter().filter(|read| **read == secret).count();
        assert!(checks >= CHECKS, "{name}: {checks}");
        assert_eq!(span.connectwise_at(MY_SECURITY, name).len(), checks, "{name}");
        // Once after a start: a host that the status names gets no keys before companyinfo names it too.
        assert_eq!(span.connectwise(Some(name)).len(), checks + 1, "{name}: and nothing else is asked");
        let write = format!("update connectwiselinks/status {name}");
        assert_eq!(span.writes().iter().filter(|it| **it == write).count(), checks, "{name}");
    }
    let checks = span.secrets_read().len();
    assert_eq!(span.writes().len(), checks, "nothing else is written: {:?}", span.writes());
    assert_eq!(span.petra("PUT", LINK).len(), 0);
    assert_eq!(span.petra_about_links().len(), 0);
    // One list at start, then one every quarter of an hour: two for each check of one link. A poll that waits for
    // something comes 90 times as often.
    let polls = span.petra("GET", LIST).len();
    assert!((1..=2 * checks).contains(&polls), "{polls} list calls beside {checks} checks");
    Ok(())
}
