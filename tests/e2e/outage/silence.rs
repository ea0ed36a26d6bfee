//! Rounds that answer nothing, of every kind: a Ready link is held, then stale, and nobody is accused.

use std::time::Duration;

use harness::simulators::tls::CertificateKind;
use harness::simulators::world::SiteChange;
use harness::simulators::{Effect, Rule, Service};
use harness::{OperatorOptions, Result, Status};
use serde_json::json;

use super::{acted, assert_nobody_was_accused, fault, good_for, stage, three_intervals, wait_until_acted};
use crate::conditions::assert_conditions;
use crate::linked::{History, OFTEN};
use crate::stage::Stage;

/// The host of golf's own server.
fn host_of_golf(stage: &Stage) -> String {
    stage.sims.host("psa.golf.localhost")
}

fn linked(stage: &Stage, name: &str) -> Result<()> {
    let link = stage.linked(name, |link| {
        let link = link.field("interval", json!(OFTEN));
        if name == "golf" { link.site(&host_of_golf(stage)) } else { link }
    });
    link.map(drop)
}

/// Follows a Ready link until it is stale, and checks that it was so no sooner than it may be.
fn wait_until_stale(stage: &Stage, name: &str, history: &mut History) -> Result<()> {
    let silent = history.until("stale", |status| status.state("Ready") != "True")?;
    assert_conditions(
        &silent,
        1,
        &[
            ("Ready", "Unknown", "ValidationStale"),
            ("AuthFailed", "Unknown", "ValidationStale"),
            ("PermissionDenied", "Unknown", "ValidationStale"),
            ("Registered", "True", "Confirmed"),
            ("Reconciling", "True", "ValidationStale"),
        ],
    );
    let good_for = good_for(&silent, &silent);
    assert!(good_for >= three_intervals(), "{name} was good for {good_for:?} only");
    stage.wait_for_event(name, "ValidationStale").map(drop)
}

/// Follows a stale link until it is Ready again, and checks all that it went through.
fn wait_until_back(name: &str, history: &mut History) -> Result<()> {
    history.until("Ready again", |status| status.is("Ready", "True", "Linked"))?;
    assert_nobody_was_accused(history);
    let course = history.course("Ready");
    assert_eq!(course, ["True Linked", "Unknown ValidationStale", "True Linked"], "{name}");
    assert_eq!(history.course("Registered"), ["True Confirmed"], "{name}");
    Ok(())
}

/// Ready links of which each has a bad day of its own.
fn hold(stage: &Stage, days: Vec<(&str, Rule)>) -> Result<()> {
    for (name, _) in &days {
        linked(stage, name)?;
    }
    let mut histories = Vec::new();
    for (name, rule) in days {
        let history = stage.follow(name)?;
        let id = fault(stage, rule.company(name));
        histories.push((name, id, history));
    }
    for (name, id, history) in &mut histories {
        wait_until_stale(stage, name, history)?;
        // It goes on trying, and goes on accusing nobody.
        let tried = acted(stage, *id);
        wait_until_acted(stage, *id, tried + 2)?;
    }
    stage.sims.faults().clear();
    histories.iter_mut().try_for_each(|(name, _, history)| wait_until_back(name, history))
}

fn everywhere(effect: Effect) -> Rule {
    Rule::on(Service::ConnectWise, effect)
}

/// companyinfo still answers, so that these come where keys would be refused.
fn at_the_api(effect: Effect) -> Rule {
    everywhere(effect).path_contains("/apis/3.0/")
}

fn named(name: &str) -> Effect {
    Effect::Named(name.to_owned())
}

fn status(status: u16, content_type: &str, body: &str) -> Effect {
    let headers = [("content-type".to_owned(), content_type.to_owned())].into();
    Effect::Status { status, headers, body: body.to_owned() }
}

#[test]
fn an_outage_makes_links_stale_after_three_intervals_and_accuses_nobody() -> Result<()> {
    let sign_in = status(401, "text/html", "<html>Sign in to the proxy</html>");
    let days = vec![
        ("acme", everywhere(Effect::Html { status: 503 })),
        ("bravo", everywhere(Effect::Reset)),
        ("delta", everywhere(Effect::Hang)),
        ("echo", at_the_api(sign_in)),
        ("foxtrot", at_the_api(named("router-404"))),
        ("golf", at_the_api(Effect::Redirect { location: "https://login.example/".to_owned() })),
    ];
    hold(&stage("outage")?, days)
}

#[test]
fn answers_that_tell_nothing_make_links_stale_as_an_outage_does() -> Result<()> {
    let days = vec![
        ("acme", everywhere(status(429, "application/json", "{}"))),
        // Asked anew where the tenant is, ConnectWise names the same place.
        ("bravo", at_the_api(named("cannot-route"))),
        ("delta", at_the_api(Effect::Truncate(10))),
        ("echo", at_the_api(status(403, "text/html", "<html>Blocked</html>"))),
        // Maintenance, or a proxy's page: this was a ConnectWise before.
        ("foxtrot", everywhere(Effect::Html { status: 200 })),
        ("golf", everywhere(Effect::Endless)),
    ];
    hold(&stage("outage-answers")?, days)
}

#[test]
fn a_certificate_that_expires_makes_a_link_stale_as_an_outage_does() -> Result<()> {
    let mut stage = stage("outage-certificate")?;
    linked(&stage, "golf")?;
    let shows = |stage: &Stage, certificate| {
        let change = SiteChange { certificate: Some(certificate), ..SiteChange::default() };
        stage.sims.world().change_site("psa.golf.localhost", change)
    };
    let mut history = stage.follow("golf")?;
    // A connection that stands, or a session that is resumed, was checked when it began: another process begins anew.
    stage.operator.kill();
    shows(&stage, CertificateKind::Expired)?;
    stage.operator.restart()?;
    wait_until_stale(&stage, "golf", &mut history)?;
    shows(&stage, CertificateKind::Valid)?;
    wait_until_back("golf", &mut history)
}

#[test]
fn a_link_checked_daily_is_stale_as_soon_as_one_checked_twice_a_day() -> Result<()> {
    // A day and a half in eighteen seconds.
    const SPEED: f64 = 7200.0;
    let limit = Duration::from_hours(36).div_f64(SPEED);
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace("outage-daily") };
    let stage = Stage::set_with(options)?;
    let links = [("acme", "12h"), ("bravo", "24h")];
    let mut histories = Vec::new();
    for (name, interval) in links {
        stage.linked(name, |link| link.field("interval", json!(interval)))?;
        histories.push(stage.follow(name)?);
    }
    fault(&stage, everywhere(Effect::Html { status: 503 }));
    let is_stale = |status: &Status| status.is("Ready", "Unknown", "ValidationStale");
    let mut good = Vec::new();
    for history in &mut histories {
        let silent = history.until("stale", is_stale)?;
        good.push(good_for(&silent, &silent));
        assert_nobody_was_accused(history);
    }
    let [twice_a_day, daily] = good[..] else { unreachable!("two of them") };
    for good in [twice_a_day, daily] {
        assert!(good + Duration::from_secs(1) > limit, "good for {good:?} of {limit:?} only");
    }
    // Three intervals of a day would be twice as long.
    assert!(2 * daily < 3 * twice_a_day, "{daily:?}, and with half the interval {twice_a_day:?}");
    Ok(())
}
