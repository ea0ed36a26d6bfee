//! Servers whose answers take long or take much: a check ends in time, and all checks together within the memory of the pod.

use std::collections::BTreeMap;

use harness::Result;
use harness::simulators::{Bulk, Effect, Rule, Service};
use serde_json::json;

use super::{NEIGHBOURS, POD_LIMIT, apply, set};
use crate::ledger::{COMPANYINFO, MY_SECURITY};
use crate::stage::Stage;

const NOTHING: (&str, &str, &str) = ("Ready", "Unknown", "ConnectWiseUnavailable");

/// How many pages of one list a check follows, if it has the time.
const MOST_PAGES: usize = 20;

fn order(stage: &Stage, slug: &str, rules: impl IntoIterator<Item = Rule>) {
    for rule in rules {
        let rule = rule.company(slug).path_contains("mySecurity");
        stage.sims.faults().add(rule).expect("the rules can be carried out");
    }
}

fn rule(effect: Effect) -> Rule {
    Rule::on(Service::ConnectWise, effect)
}

#[test]
fn a_role_of_slow_pages_without_end_leaves_its_neighbour_alone() -> Result<()> {
    const SLOW: &str = "slow-pages";
    let stage = set("hostile-slow", &[SLOW])?;
    order(&stage, SLOW, [rule(Effect::Latency(1500)), rule(Effect::Pages(json!([{"id": 1}])))]);
    let moment = stage.moment()?;
    apply(&stage, &[SLOW], |link| link.field("serviceBoard", json!("Help Desk")))?;
    stage.wait_for(SLOW, NOTHING)?;

    // What the first check asked for: the next one begins with the company again.
    let span = stage.since(&moment)?;
    let first: Vec<_> =
        span.connectwise(Some(SLOW)).into_iter().map(|request| request.route.as_str()).collect();
    assert_eq!(first[0], COMPANYINFO, "{first:?}");
    let first: Vec<_> = first.iter().skip(1).take_while(|route| **route != COMPANYINFO).collect();
    let pages = first.iter().filter(|route| ***route == MY_SECURITY).count();
    assert!((2..MOST_PAGES).contains(&pages), "it was given up before the list was: {first:?}");
    assert!(!first.iter().any(|route| route.contains("boards")), "and nothing else was begun: {first:?}");

    for name in NEIGHBOURS {
        stage.wait_for_checks(name, 2)?;
        assert!(stage.status(name)?.is("Ready", "True", "Linked"), "{name}: {}", stage.status(name)?);
    }
    assert!(stage.operator.livez()?.starts_with("alive"));
    Ok(())
}

/// A page of values that take much memory and few bytes, which names another one.
fn first_page() -> Effect {
    let next = "</v4_6_release/apis/3.0/system/mySecurity?page=2>; rel=\"next\"";
    let headers = BTreeMap::from([("link".to_owned(), next.to_owned())]);
    let [begin, part, end] = ["[", r#"{"":0},"#, r#"{"":0}]"#].map(str::to_owned);
    Effect::Bulk(Bulk { headers, begin, part, times: 9_900, end, ..Bulk::default() })
}

/// Nearly as many bytes as are read of a page, and then no end.
fn second_page() -> Effect {
    let begin = format!("[{}", " ".repeat(3_900_000));
    Effect::Bulk(Bulk { begin, part: " ".to_owned(), times: usize::MAX, pause_ms: 100, ..Bulk::default() })
}

#[test]
fn checks_with_large_answers_stay_within_the_memory_of_the_pod() -> Result<()> {
    let slugs: Vec<String> = (0..24).map(|nth| format!("large-{nth}")).collect();
    let slugs: Vec<&str> = slugs.iter().map(String::as_str).collect();
    let stage = set("hostile-large", &slugs)?;
    let before = stage.operator.memory()?;
    for slug in &slugs {
        order(&stage, slug, [rule(first_page()).times(1), Rule { after: 1, ..rule(second_page()) }]);
    }
    apply(&stage, &slugs, |link| link)?;
    for slug in &slugs {
        stage.wait_for(slug, NOTHING)?;
    }
    let after = stage.operator.memory()?;
    println!("memory: {} MiB before, at most {} MiB", before.resident >> 20, after.peak >> 20);
    // Two thirds of the limit: the rest is for a machine with more cores.
    assert!(after.peak < POD_LIMIT / 3 * 2, "{before:?} {after:?}");
    for name in NEIGHBOURS {
        assert!(stage.status(name)?.is("Ready", "True", "Linked"), "{name}: {}", stage.status(name)?);
    }
    Ok(())
}
