//! Operators that end and begin again, by order or by a crash.

use std::thread;
use std::time::Duration;

use cwlink::timings::Timings;
use harness::{Link, OperatorOptions, Result, Status, wait_for};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::ledger::LINK;
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::{SPEED, Stage};

/// [`OFTEN`], shortened as far as its jitter may shorten it. The status holds whole seconds.
fn shortest_interval() -> Duration {
    let interval = Duration::from_mins(5).div_f64(SPEED).mul_f64(0.85);
    Duration::from_secs(interval.as_secs())
}

fn validated(status: &Status) -> Timestamp {
    status.text("/lastValidatedTime").parse().expect("a validated link says when")
}

#[test]
fn a_restart_with_healthy_links_does_nothing_until_the_next_check() -> Result<()> {
    let mut stage = Stage::set("restart")?;
    for company in ["acme", "bravo"] {
        stage.linked(company, |link| link.field("interval", json!(RARELY)))?;
    }
    stage.acknowledged("delta", |link| link.field("interval", json!(RARELY)))?;
    // The one that is due while the test looks: it shows that the restarted operator works.
    stage.linked("echo", |link| link.field("interval", json!(OFTEN)))?;
    let quiet = |stage: &Stage| -> Result<Vec<Value>> {
        ["acme", "bravo", "delta"].iter().map(|name| stage.cluster.link(&stage.namespace, name)).collect()
    };
    let before = quiet(&stage)?;

    for crash in [false, true] {
        if crash {
            stage.operator.kill();
        } else {
            assert!(stage.operator.stop()?.success());
        }
        let checked_before = validated(&stage.status("echo")?);
        let moment = stage.moment()?;
        stage.operator.restart()?;
        let checked = validated(&stage.wait_for_checks("echo", 1)?);
        let waited = Duration::try_from(checked.duration_since(checked_before)).unwrap_or_default();
        assert!(waited >= shortest_interval(), "checked too soon: after {waited:?}");
        stage.operator.stop()?;

        let span = stage.since(&moment)?;
        let checks = span.secrets_read().len();
        assert!(checks > 0);
        assert_eq!(span.secrets_read(), vec!["echo-keys"; checks]);
        assert_eq!(span.writes(), vec!["update connectwiselinks/status echo"; checks]);
        let requests = span.connectwise(None).len();
        assert_eq!(
            requests,
            checks + 1,
            "a routine check is one request, and the first asks where the API is"
        );
        assert_eq!(span.connectwise(Some("echo")).len(), requests);
        assert_eq!(span.petra_about_links().len(), 0);
        assert_eq!(quiet(&stage)?, before, "down to the resource version");
        stage.operator.restart()?;
    }
    Ok(())
}

#[test]
fn a_restart_while_petra_still_confirms_sends_nothing_again() -> Result<()> {
    // Slow enough that the confirmation does not time out.
    let options = OperatorOptions { time_speed: 4.0, ..OperatorOptions::in_namespace("restart-awaiting") };
    let mut stage = Stage::set_with(options)?;
    stage.sims.petra().set(&json!({"confirmAfterMs": 3_600_000}))?;
    stage.apply_link("acme", |link| link)?;
    let awaiting = stage.wait_for("acme", ("Ready", "Unknown", "AwaitingConfirmation"))?;
    stage.operator.kill();

    let moment = stage.moment()?;
    stage.operator.restart()?;
    stage.sims.petra().force_state(awaiting.text("/link/id"), &json!({"state": "connected"}))?;
    let linked = stage.wait_for("acme", LINKED[0])?;
    let span = stage.since(&moment)?;
    assert_eq!(span.connectwise(None).len(), 0, "the verdict stands");
    assert_eq!(span.secrets_read(), Vec::<&str>::new());
    assert_eq!(span.petra("PUT", LINK).len(), 0);
    assert_eq!(linked.field("/link/registeredTime"), awaiting.field("/link/registeredTime"));
    Ok(())
}

#[test]
fn a_restart_does_not_ask_again_at_once_about_refused_keys() -> Result<()> {
    // At true speed: refused keys are asked about again after five minutes.
    let mut stage = Stage::set_with(OperatorOptions::in_namespace("restart-refused"))?;
    stage.apply_refused_link("acme")?;
    stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    stage.wait_for_event("acme", "CredentialsRejected")?;
    stage.operator.kill();

    let before = stage.cluster.link(&stage.namespace, "acme")?;
    let moment = stage.moment()?;
    stage.operator.restart()?;
    // Another link, from nothing to its own verdict, shows that the restarted operator has had its time.
    stage.apply_refused_link("bravo")?;
    stage.wait_for("bravo", ("Ready", "False", "CredentialsRejected"))?;
    let span = stage.since(&moment)?;
    assert_eq!(span.connectwise(Some("acme")).len(), 0);
    assert!(!span.secrets_read().contains(&"acme-keys"));
    assert_eq!(stage.cluster.link(&stage.namespace, "acme")?, before, "down to the resource version");

    // New keys are tried at once all the same.
    stage.apply_keys("acme", &private_key("acme"))?;
    wait_for("the new keys are tried", || {
        let status = stage.status("acme").map_err(|error| error.to_string())?;
        if status.is("AuthFailed", "False", "CredentialsAccepted") { Ok(()) } else { Err(status.to_string()) }
    })
}

#[test]
fn a_restart_asks_nobody_at_once_about_links_that_wait_for_a_person() -> Result<()> {
    // At true speed: a conflict is looked at again after five minutes, and what waits for a person at its routine check.
    let mut stage = Stage::set_with(OperatorOptions::in_namespace("restart-waiting"))?;
    stage.apply_link("acme", |link| link.mode("Portal"))?;
    stage.wait_for("acme", ("Ready", "False", "PortalActionRequired"))?;
    stage.wait_for_event("acme", "PortalActionRequired")?;
    let api_host = stage.sims.host("api-na.myconnectwise.localhost");
    let id = cwlink::petra::LinkId::derive("bravo", &api_host);
    let foreign =
        json!({"companyId": "bravo", "siteUrl": stage.sims.site(), "owner": "elsewhere/team/bravo"});
    stage.sims.petra().place(id.as_str(), &foreign)?;
    stage.apply_link("bravo", |link| link)?;
    stage.wait_for("bravo", ("Ready", "False", "LinkConflict"))?;
    stage.wait_for_event("bravo", "LinkConflict")?;
    stage.operator.kill();

    let names = ["acme", "bravo"];
    let all = |stage: &Stage| -> Result<Vec<Value>> {
        names.iter().map(|name| stage.cluster.link(&stage.namespace, name)).collect()
    };
    let before = all(&stage)?;
    let moment = stage.moment()?;
    stage.operator.restart()?;
    // Another link, from nothing to its own verdict, shows that the restarted operator has had its time.
    stage.apply_refused_link("delta")?;
    stage.wait_for("delta", ("Ready", "False", "CredentialsRejected"))?;
    let span = stage.since(&moment)?;
    for name in names {
        assert_eq!(span.connectwise(Some(name)).len(), 0, "{name}");
        assert!(!span.secrets_read().contains(&format!("{name}-keys").as_str()), "{name}");
    }
    assert_eq!(span.petra_about_links().len(), 0);
    assert_eq!(all(&stage)?, before, "down to the resource version");

    // The token that was shown before the restart is good as soon as ConnectWise has named the company to this process.
    let asked = stage.status("acme")?;
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    let acknowledged = json!({"spec": {"registration": {"acknowledged": token}}});
    stage.cluster.patch(&stage.namespace, "acme", &acknowledged)?;
    stage.wait_for("acme", ("Ready", "True", "Linked"))?;
    assert_eq!(stage.since(&moment)?.connectwise(Some("acme")).len(), 2, "companyinfo and the role");
    Ok(())
}

#[test]
fn waits_restart_after_a_restart_and_a_missing_secret_stays_missing() -> Result<()> {
    /// The five minutes are half a minute.
    const SLOW: f64 = 10.0;
    const NOWHERE: &str = "psa.nowhere.invalid";
    let graces = Timings::scaled(SLOW);
    let mut stage = Stage::set_with(OperatorOptions {
        time_speed: SLOW,
        extra_args: vec![format!("--allow-site={NOWHERE}")],
        ..OperatorOptions::in_namespace("restart-graces")
    })?;
    stage.cluster.apply(&stage.namespace, &Link::new("acme", &stage.sims).yaml())?;
    stage.apply_link("bravo", |link| link.site(NOWHERE))?;
    stage.wait_for("acme", ("Ready", "Unknown", "WaitingForSecret"))?;
    stage.wait_for("bravo", ("Ready", "Unknown", "ConnectWiseUnavailable"))?;
    thread::sleep(graces.secret_grace * 2 / 3);

    stage.operator.kill();
    let restarted = Timestamp::now();
    stage.operator.restart()?;
    let missed = [
        ("acme", ("Ready", "False", "SecretNotFound"), graces.secret_grace),
        ("bravo", ("Ready", "False", "SiteUnreachable"), graces.site_grace),
    ];
    for (name, condition, grace) in missed {
        let status = stage.wait_for(name, condition)?;
        let since = status.condition("Ready")["lastTransitionTime"].as_str().unwrap_or_default();
        let since: Timestamp = since.parse().expect("times in a status are RFC 3339");
        // The status holds whole seconds.
        let waited = Duration::try_from(since.duration_since(restarted)).unwrap_or_default();
        assert!(waited + Duration::from_secs(1) >= grace, "{name} waited for {waited:?} of {grace:?}");
    }

    let all = |stage: &Stage| -> Result<Vec<Value>> {
        missed.iter().map(|(name, ..)| stage.cluster.link(&stage.namespace, name)).collect()
    };
    let before = all(&stage)?;
    stage.operator.kill();
    stage.operator.restart()?;
    // Another link, from nothing to Ready, shows that the restarted operator has had its time.
    stage.linked("echo", |link| link.field("interval", json!(RARELY)))?;
    assert_eq!(all(&stage)?, before, "down to the resource version");
    Ok(())
}
