//! Bad days of ConnectWise and Petra, and what links make of them.

mod silence;

use std::time::Duration;

use harness::simulators::{Effect, Rule, Service};
use harness::{OperatorOptions, Result, Status};
use jiff::Timestamp;
use serde_json::json;

use crate::conditions::{LINKED, assert_conditions};
use crate::ledger::{COMPANYINFO, LINK};
use crate::linked::{History, OFTEN, RARELY};
use crate::stage::Stage;

/// Five minutes, the shortest interval, pass in two and a half seconds.
const SPEED: f64 = 120.0;

fn stage(namespace: &str) -> Result<Stage> {
    Stage::set_with(OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) })
}

fn fault(stage: &Stage, rule: Rule) -> u64 {
    stage.sims.faults().add(rule).expect("the rules of this file can be carried out")
}

/// How often a rule has acted.
fn acted(stage: &Stage, id: u64) -> u64 {
    stage.sims.faults().list().iter().find(|rule| rule.id == id).map_or(0, |rule| rule.acted)
}

fn wait_until_acted(stage: &Stage, id: u64, times: u64) -> Result<()> {
    harness::wait_for("the fault is met", || {
        let acted = acted(stage, id);
        if acted >= times { Ok(()) } else { Err(format!("{acted} times of {times}")) }
    })
}

/// From the last check in `heard` to the moment at which `silent` stopped being Ready, by the operator's own clock.
fn good_for(heard: &Status, silent: &Status) -> Duration {
    let time = |text: &str| text.parse::<Timestamp>().expect("times in a status are RFC 3339");
    let since = time(silent.condition("Ready")["lastTransitionTime"].as_str().unwrap_or_default());
    Duration::try_from(since.duration_since(time(heard.text("/lastValidatedTime")))).unwrap_or_default()
}

/// Three intervals, in whole seconds as the status holds them.
fn three_intervals() -> Duration {
    Duration::from_secs(Duration::from_mins(3 * 5).div_f64(SPEED).as_secs())
}

/// Neither of the two conditions that blame somebody was ever True, and Ready never False.
#[track_caller]
fn assert_nobody_was_accused(history: &History) {
    assert!(!history.was_ever("AuthFailed", "True"), "{:?}", history.course("AuthFailed"));
    assert!(!history.was_ever("PermissionDenied", "True"), "{:?}", history.course("PermissionDenied"));
    assert!(!history.was_ever("Ready", "False"), "{:?}", history.course("Ready"));
}

#[test]
fn an_outage_of_petra_changes_nothing_about_a_ready_link() -> Result<()> {
    let stage = stage("outage-petra")?;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let mut history = stage.follow("acme")?;
    let days = [Effect::Html { status: 503 }, Effect::Reset, Effect::Json(json!({"error": "none of these"}))];
    for (day, effect) in days.into_iter().enumerate() {
        let id = fault(&stage, Rule::on(Service::Petra, effect));
        wait_until_acted(&stage, id, 2)?;
        let requested = format!("requestedAt={day}");
        stage.check_now("acme", &requested)?;
        history.until("checked", |status| status.text("/lastHandledReconcileAt") == requested)?;
        stage.sims.faults().clear();
    }
    for status in history.statuses() {
        for field in ["/conditions", "/link", "/inputs", "/permissions", "/observedGeneration"] {
            assert_eq!(status.field(field), before.field(field));
        }
    }
    Ok(())
}

#[test]
fn an_outage_of_petra_for_three_intervals_changes_only_ready() -> Result<()> {
    let stage = stage("outage-petra-long")?;
    stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    let mut history = stage.follow("acme")?;
    let heard = stage.status("acme")?;
    fault(&stage, Rule::on(Service::Petra, Effect::Html { status: 503 }));
    let silent = history.until("stale", |status| status.state("Ready") != "True")?;
    assert_conditions(
        &silent,
        1,
        &[
            ("Ready", "Unknown", "ValidationStale"),
            LINKED[1],
            LINKED[2],
            LINKED[3],
            ("Reconciling", "True", "ValidationStale"),
        ],
    );
    assert!(good_for(&heard, &silent) >= three_intervals());
    stage.sims.faults().clear();
    history.until("Ready again", |status| status.is("Ready", "True", "Linked"))?;
    for condition in ["AuthFailed", "PermissionDenied", "Registered"] {
        assert_eq!(history.course(condition).len(), 1, "{:?}", history.course(condition));
    }
    Ok(())
}

#[test]
fn refused_keys_stay_refused_through_an_outage() -> Result<()> {
    let stage = stage("outage-refused")?;
    stage.apply_refused_link("acme")?;
    let refused = stage.wait_for("acme", ("AuthFailed", "True", "CredentialsRejected"))?;
    let mut history = stage.follow("acme")?;
    let id = fault(&stage, Rule::on(Service::ConnectWise, Effect::Html { status: 503 }));
    wait_until_acted(&stage, id, 3)?;
    assert_eq!(stage.status("acme")?.field("/conditions"), refused.field("/conditions"));

    // Good keys are a new input: what is said of the old ones ends, whoever is out.
    stage.apply_keys("acme", &crate::linked::private_key("acme"))?;
    history
        .until("the keys are not judged", |status| status.is("Ready", "Unknown", "ConnectWiseUnavailable"))?;
    stage.sims.faults().clear();
    history.until("Ready", |status| status.is("Ready", "True", "Linked"))?;
    Ok(())
}

#[test]
fn a_ready_link_is_accused_only_by_two_rounds_a_debounce_apart() -> Result<()> {
    // A minute of debounce in a second.
    let stage = Stage::set("debounce")?;
    stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    let mut history = stage.follow("acme")?;
    let moment = stage.moment()?;
    stage.set_good_keys("acme", &["CANARY-acme-another"])?;
    let accused = history.until("accused", |status| status.state("Ready") != "True")?;
    assert!(accused.is("Ready", "False", "CredentialsRejected"), "{accused}");
    assert!(accused.is("AuthFailed", "True", "CredentialsRejected"), "{accused}");

    let span = stage.since(&moment)?;
    let rounds = span.connectwise_at(COMPANYINFO, "acme");
    assert!(rounds.len() >= 2, "{rounds:?}");
    let refused = |from: u64| {
        let after = span.connectwise(Some("acme")).into_iter().filter(move |it| it.sequence > from);
        after.filter(|it| it.status == Some(401)).count()
    };
    assert!(refused(rounds[1].sequence) >= 1, "the second round was refused too");
    // Between the first refusal and the second round.
    let first = span.connectwise(Some("acme")).into_iter().find(|it| it.status == Some(401));
    let apart = first.map_or(0, |first| rounds[1].at_ms - first.at_ms);
    assert!(apart >= 1000, "{apart} ms apart");
    assert_eq!(span.petra_about_links().len(), 0, "Petra keeps what it has");
    assert!(span.petra("PUT", LINK).is_empty());
    Ok(())
}

#[test]
fn one_refusal_that_does_not_come_again_leaves_a_ready_link_ready() -> Result<()> {
    let stage = Stage::set("debounce-once")?;
    stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    let mut history = stage.follow("acme")?;
    // The routine check and the full round that follows it.
    let rule = Rule::on(Service::ConnectWise, Effect::Named("unauthorized".to_owned()));
    let id = fault(&stage, rule.path_contains("/apis/3.0/").times(2));
    wait_until_acted(&stage, id, 2)?;
    for _ in 0..2 {
        history.until("another check", |_| true)?;
    }
    assert_eq!(history.course("Ready"), ["True Linked"]);
    assert_nobody_was_accused(&history);
    Ok(())
}

#[test]
fn a_link_without_a_verdict_waits_out_an_outage_and_is_linked_then() -> Result<()> {
    let stage = stage("outage-first")?;
    let id = fault(&stage, Rule::on(Service::ConnectWise, Effect::Html { status: 502 }));
    stage.apply_link("acme", |link| link.field("interval", json!(RARELY)))?;
    let is_waiting = |status: &Status| status.is("Ready", "Unknown", "ConnectWiseUnavailable");
    let waiting = stage.cluster.wait_until(&stage.namespace, "acme", "waiting", is_waiting)?;
    assert_conditions(
        &waiting,
        1,
        &[
            ("Ready", "Unknown", "ConnectWiseUnavailable"),
            ("AuthFailed", "Unknown", "NotEvaluated"),
            ("PermissionDenied", "Unknown", "NotEvaluated"),
            ("Registered", "Unknown", "Pending"),
            ("Reconciling", "True", "ConnectWiseUnavailable"),
        ],
    );
    let mut history = stage.follow("acme")?;
    wait_until_acted(&stage, id, 3)?;
    stage.sims.faults().clear();
    history.until("Ready", |status| status.is("Ready", LINKED[0].1, LINKED[0].2))?;
    assert_nobody_was_accused(&history);
    Ok(())
}

#[test]
fn one_unanswered_probe_holds_nothing_up_and_takes_nothing_back() -> Result<()> {
    let stage = stage("outage-probe")?;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let mut history = stage.follow("acme")?;
    let check = |history: &mut History, requested: &str| {
        stage.check_now("acme", requested)?;
        history.until("checked", |status| status.text("/lastHandledReconcileAt") == requested)
    };
    let probe = |effect| Rule::on(Service::ConnectWise, effect).path_contains("/service/sources");
    let out = fault(&stage, probe(Effect::Html { status: 503 }));
    for requested in ["behind-the-role", "and-again"] {
        check(&mut history, requested)?;
    }
    assert!(acted(&stage, out) >= 2, "the probe was made");
    assert_eq!(stage.notes("acme", "CheckInconclusive")?, [""; 0], "the role itself told enough");

    // Where the role itself is not shown, the probes are all that there is: one of them less answers nothing.
    let role = Effect::Named("permission-denied".to_owned());
    let role = Rule::on(Service::ConnectWise, role).path_contains("/system/mySecurity");
    let refused = fault(&stage, role);
    check(&mut history, "alone")?;
    assert!(acted(&stage, refused) >= 1 && acted(&stage, out) >= 3, "both were asked");
    stage.wait_for_event("acme", "CheckInconclusive")?;
    for status in history.statuses() {
        assert_eq!(status.field("/conditions"), before.field("/conditions"));
        assert_eq!(status.field("/permissions"), before.field("/permissions"));
    }
    Ok(())
}
