//! A Petra that means harm: who is linked stays so, who waits goes on waiting, and nobody is accused.

use std::collections::BTreeMap;

use harness::simulators::{Bulk, Effect, Rule, Service};
use harness::{OperatorOptions, Result, wait_for};
use serde_json::json;

use super::assert_unharmed;
use super::cases::{bulk, status};
use super::trap::Trap;
use crate::conditions::LINKED;
use crate::linked::RARELY;
use crate::stage::{SPEED, Stage};

/// A link that Petra had before.
const KEPT: &str = "acme";
/// A link that Petra is to be given.
const WAITING: &str = "bravo";

/// More than is read of a list.
const HUGE: usize = 16 << 20;
/// Less than is read of a list.
const PAGE: usize = 1 << 20;

/// What Petra answers, and the reason of the waiting link's `Ready` then.
struct Case {
    name: &'static str,
    rule: Rule,
    ready: &'static str,
}

/// A link of somebody else at Petra.
const FOREIGN: &str = r#"{"linkId":"cw-foreign","companyId":"golf","siteUrl":"https://psa.golf.localhost",
    "owner":"elsewhere/team/golf","state":"connected","credentialsVersion":"00","version":"1","confirmedAt":null},"#;

fn cases(trap: &Trap) -> Vec<Case> {
    let everywhere =
        |name, effect| Case { name, rule: Rule::on(Service::Petra, effect), ready: "PetraUnavailable" };
    let to_changes = |name, effect| {
        let case = everywhere(name, effect);
        Case { rule: Rule { method: Some("PUT".to_owned()), ..case.rule }, ..case }
    };
    let port = trap.port;
    let led_to = |to: &str| status(307, &[("location", to)], "");
    let inside = led_to(&format!("https://trap.localhost:{port}/v1/integrations/connectwise"));
    let inside_plain = led_to(&format!("http://127.0.0.1:{port}/latest/meta-data/"));
    let drip = Bulk {
        begin: r#"{"links":["#.to_owned(),
        part: " ".to_owned(),
        times: usize::MAX,
        pause_ms: 100,
        ..Bulk::default()
    };
    let bomb = Bulk {
        begin: r#"{"links":["#.to_owned(),
        part: " ".to_owned(),
        times: 1 << 30,
        end: r#"],"next":null}"#.to_owned(),
        gzip: true,
        ..Bulk::default()
    };
    let as_text = Bulk {
        headers: BTreeMap::from([("content-type".to_owned(), "text/html".to_owned())]),
        begin: r#"{"links":[],"next":null}"#.to_owned(),
        ..Bulk::default()
    };
    let list = |part: &str, bytes| bulk(r#"{"links":["#, part, bytes, r#"{}],"next":null}"#);
    let twice = r#"{"links":[],"links":[{"linkId":"cw-1","linkId":"cw-2"}],"next":"a","next":null}"#;
    let in_a_circle = json!({"links": [], "next": "again"});
    vec![
        everywhere("endless", Effect::Endless),
        everywhere("slow", Effect::Bulk(drip)),
        everywhere("links-without-end", list(FOREIGN, HUGE)),
        everywhere("links-of-others", list(FOREIGN, PAGE)),
        everywhere("growing", list(r#"{"":0},"#, PAGE)),
        everywhere("deep", bulk(r#"{"links":"#, "[", PAGE, "")),
        everywhere("cursor-in-a-circle", Effect::Json(in_a_circle)),
        everywhere("keys-twice", status(200, &[("content-type", "application/json")], twice)),
        everywhere("empty-list-as-html", Effect::Bulk(as_text)),
        everywhere("bomb", Effect::Bulk(bomb)),
        everywhere("redirect", inside.clone()),
        everywhere("redirect-in-plain", inside_plain),
        to_changes("redirect-of-keys", inside),
        to_changes("endless-answer-to-keys", Effect::Endless),
        everywhere("reset", Effect::Reset),
        // The last one: it is obeyed for a quarter of an hour.
        Case {
            ready: "RateLimited",
            ..everywhere("absurd-wait", status(429, &[("retry-after", "99999999999999999999")], ""))
        },
    ]
}

#[test]
fn a_hostile_petra_unlinks_nobody_accuses_nobody_and_leads_nobody_astray() -> Result<()> {
    let trap = Trap::set();
    let stage = Stage::set_with(OperatorOptions {
        time_speed: SPEED,
        ..OperatorOptions::in_namespace("hostile-petra")
    })?;
    stage.linked(KEPT, |link| link.field("interval", json!(RARELY)))?;
    let before = stage.operator.memory()?;
    let mut kept = stage.follow(KEPT)?;
    let mut waiting = None;
    let mut former = None;
    for Case { name, rule, ready } in cases(&trap) {
        let is_change = rule.method.is_some();
        let faults = stage.sims.faults();
        let id = faults.add(rule).expect("the rules of the cases can be carried out");
        // At no moment does Petra mean well.
        if let Some(former) = former.replace(id) {
            assert!(faults.remove(former), "the case before {name} had a rule");
        }
        if waiting.is_none() {
            stage.apply_link(WAITING, |link| link.field("interval", json!(RARELY)))?;
            waiting = Some(stage.follow(WAITING)?);
        }
        let acted = || stage.sims.faults().list().iter().find(|rule| rule.id == id).map_or(0, |it| it.acted);
        wait_for(&format!("{name} is met"), || match acted() {
            0 => Err("nobody asked".to_owned()),
            _ => Ok(()),
        })?;
        for link in [KEPT, WAITING] {
            stage.check_now(link, name)?;
        }
        let is_judged = |status: &harness::Status| {
            status.text("/lastHandledReconcileAt") == name && status.state("Reconciling") == "True"
        };
        let history = waiting.as_mut().expect("it was made with the first case");
        let judged = history.until(&format!("looked at while Petra is {name}"), is_judged)?;
        println!("{name:<24}{}/{}", judged.state("Ready"), judged.reason("Ready"));
        assert!(judged.is("Ready", "Unknown", ready), "{name}: {judged}");
        kept.until("checked", |status| status.text("/lastHandledReconcileAt") == name)?;
        assert!(is_change || stage.sims.petra().links()?.len() == 1, "{name}: nothing reached Petra");
    }
    stage.sims.faults().clear();
    let mut waited = waiting.expect("there are cases");
    waited.until("Ready in the end", |status| status.is("Ready", LINKED[0].1, LINKED[0].2))?;
    for history in [&kept, &waited] {
        for (type_, value) in [("Ready", "False"), ("AuthFailed", "True"), ("PermissionDenied", "True")] {
            assert!(!history.was_ever(type_, value), "{type_}: {:?}", history.course(type_));
        }
    }
    assert_eq!(kept.course("Ready"), ["True Linked"]);
    assert_eq!(kept.course("Registered"), ["True Confirmed"]);
    assert_eq!(trap.visits(), 0, "somebody was led into the trap");
    let changes = stage.sims.petra().changes()?;
    let told: Vec<_> = changes.iter().map(|it| format!("{} {}", it["action"], it["companyId"])).collect();
    assert_eq!(told, [r#""created" "acme""#, r#""created" "bravo""#]);
    assert_unharmed(&stage, before)
}
