//! How often the services are asked: as seldom as they wish, within bounds, and never more often than the floor allows,
//! whatever people do.

mod timetable;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use cwlink::timings::Timings;
use harness::simulators::counts::Entry;
use harness::simulators::{Effect, Options, Rule, Service};
use harness::{Link, Operator, OperatorOptions, Result, Sims, credentials, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::ledger::{COMPANYINFO, LINK, MY_SECURITY};
use crate::linked::private_key;
use crate::rows::{host_name, scenario};
use crate::stage::{SPEED, Stage, binary, cluster};

/// An answer that asks for patience.
fn slow_down(headers: &[(&str, &str)]) -> Effect {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Effect::Status { status: 429, headers: headers.collect(), body: String::new() }
}

/// A company, and the headers of the first answer about it.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const NOW: (&str, &str) = ("date", "Mon, 02 Feb 2026 09:30:00 GMT");

/// What a throttled ConnectWise says, those that mean the same side by side: nothing but the usual delay, five minutes,
/// and more than is honoured.
const WAITS: [&[Case]; 3] = [
    &[
        ("zero", &[("retry-after", "0")]),
        ("negative", &[("retry-after", "-900")]),
        ("garbage", &[("retry-after", "soon")]),
        ("past", &[NOW, ("retry-after", "Mon, 02 Feb 2026 09:15:00 GMT")]),
        ("silent", &[]),
    ],
    &[
        ("seconds", &[("retry-after", "300")]),
        ("date", &[NOW, ("retry-after", "Mon, 02 Feb 2026 09:35:00 GMT")]),
        ("both-names", &[("retry-after", "60"), ("retry-after-public-api", "300")]),
    ],
    &[
        ("absurd", &[("retry-after", "1000000000000")]),
        ("beyond-numbers", &[("retry-after", "100000000000000000000000000")]),
        ("far-date", &[NOW, ("retry-after", "Thu, 02 Feb 2090 09:30:00 GMT")]),
    ],
];

#[test]
fn connectwise_is_left_alone_for_as_long_as_it_asks_and_never_for_good() -> Result<()> {
    let cases = || WAITS.iter().copied().flatten();
    let slugs: Vec<_> = cases().map(|(slug, _)| (*slug).to_owned()).collect();
    let sims = Sims::start(scenario(&slugs), Options { petra_rate_limit: None, ..Options::default() })?;
    let (mut secrets, mut links) = (Vec::new(), Vec::new());
    for (slug, headers) in cases() {
        let rule = Rule::on(Service::ConnectWise, slow_down(headers)).company(slug).times(1);
        sims.faults().add(rule).expect("the rule can be carried out");
        let public = format!("{slug}-public");
        secrets.push(credentials(&format!("{slug}-keys"), &public, &private_key(slug)));
        links.push(Link::new(slug, &sims).site(&sims.host(&host_name(slug))).yaml());
    }
    let namespace = "pacing-connectwise";
    let options =
        OperatorOptions { petra: false, time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) };
    let mut operator = Operator::start(binary(), cluster(), &sims, &options)?;
    // It finds all of them at once.
    operator.stop()?;
    for manifests in [secrets, links] {
        cluster().apply(namespace, &manifests.join("\n---\n"))?;
    }
    operator.restart()?;
    for slug in &slugs {
        cluster().wait_for_condition(namespace, slug, ("AuthFailed", "False", "CredentialsAccepted"))?;
    }

    let log = sims.counts().log();
    let asked = |slug: &str| -> Vec<&Entry> {
        log.iter().filter(|request| request.company.as_deref() == Some(slug)).take(2).collect()
    };
    let second = |&(slug, _): &(&'static str, _)| {
        let requests = asked(slug);
        assert_eq!((requests[0].status, requests[1].status), (Some(429), Some(200)), "{slug}");
        (requests[1].sequence, slug)
    };
    let [usual, five_minutes, longest] = WAITS.map(|cases| cases.iter().map(second).collect::<Vec<_>>());
    let order = format!("{usual:?} {five_minutes:?} {longest:?}");
    assert!(usual.iter().max() < five_minutes.iter().min(), "{order}");
    assert!(five_minutes.iter().max() < longest.iter().min(), "{order}");
    Ok(())
}

/// How often a company was asked about at ConnectWise between two requests.
fn requests_about(log: &[Entry], company: &str, between: &Range<u64>) -> usize {
    log.iter()
        .filter(|it| it.service == Service::ConnectWise && it.company.as_deref() == Some(company))
        .filter(|it| between.contains(&it.sequence))
        .count()
}

#[test]
fn petra_is_left_alone_for_as_long_as_it_asks_and_never_for_good() -> Result<()> {
    let stage = Stage::set("pacing-petra")?;
    let order = |rule| stage.sims.faults().add(rule).expect("the rule can be carried out");
    // It tells the time: without an answer it is tried every few minutes.
    order(Rule::on(Service::ConnectWise, Effect::Html { status: 503 }).company("delta"));
    stage.apply_link("delta", |link| link)?;
    stage.wait_for("delta", ("Ready", "Unknown", "ConnectWiseUnavailable"))?;
    let absurd = slow_down(&[("retry-after", "1000000000000")]);
    let put = Rule { method: Some("PUT".to_owned()), ..Rule::on(Service::Petra, absurd).times(1) };
    order(put);
    stage.apply_link("acme", |link| link)?;
    stage.wait_for("acme", ("Ready", "Unknown", "RateLimited"))?;
    stage.wait_for("acme", LINKED[0])?;

    let log = stage.sims.counts().log();
    let puts: Vec<_> = log.iter().filter(|it| it.method == "PUT" && it.route == LINK).collect();
    let [refused, accepted] = puts[..] else { panic!("{puts:#?}") };
    assert_eq!((refused.status, accepted.status), (Some(429), Some(202)), "{puts:#?}");
    let meanwhile = requests_about(&log, "delta", &(refused.sequence..accepted.sequence));
    assert!(
        meanwhile >= 2,
        "another link was tried {meanwhile} times in what should be a quarter of an hour"
    );
    Ok(())
}

/// Slow enough that the floor is longer than an edit, on any machine.
const LOOP_SPEED: f64 = 20.0;

#[test]
fn a_loop_of_edits_costs_no_more_rounds_than_the_floor_allows() -> Result<()> {
    let options = OperatorOptions { time_speed: LOOP_SPEED, ..OperatorOptions::in_namespace("pacing-loop") };
    let stage = Stage::set_with(options)?;
    let keys = [private_key("acme"), "CANARY-acme-second".to_owned()];
    stage.set_good_keys("acme", &[&keys[0], &keys[1]])?;
    stage.linked("acme", |link| link)?;

    let moment = stage.moment()?;
    let began = Instant::now();
    let (edits, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let again_and_again = |edit: &dyn Fn(usize) -> Result<()>| -> Result<()> {
        for nth in 0.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            edit(nth)?;
            edits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let profiles = ["TicketingV2", "GuideV1"];
    thread::scope(|scope| -> Result<()> {
        let editors = [
            scope.spawn(|| again_and_again(&|nth| change_profile(&stage, profiles[nth % 2]))),
            scope.spawn(|| again_and_again(&|nth| stage.apply_keys("acme", &keys[nth % 2]))),
            scope.spawn(|| again_and_again(&|nth| stage.check_now("acme", &format!("look-{nth}")))),
        ];
        let served = stage.linked("bravo", |link| link).and_then(|_| {
            wait_for("many edits", || match edits.load(Ordering::Relaxed) {
                edits if edits >= 120 => Ok(()),
                edits => Err(format!("{edits} edits")),
            })
        });
        stop.store(true, Ordering::Relaxed);
        for editor in editors {
            editor.join().expect("an editor does not panic")?;
        }
        served
    })?;
    change_profile(&stage, "GuideV1")?;
    stage.apply_keys("acme", &keys[1])?;
    stage.check_now("acme", "the-last-look")?;
    let last = |link: &Value| link["credentialsVersion"].clone();
    let settled = stage.cluster.wait_until(&stage.namespace, "acme", "Ready as it was left", |status| {
        status.is("Ready", "True", "Linked")
            && status.text("/lastHandledReconcileAt") == "the-last-look"
            && status.text("/inputs/permissionProfile") == "GuideV1"
    })?;

    // Every round was made within this time; the first needs no floor before it.
    let floors = began.elapsed().div_duration_f64(Timings::scaled(LOOP_SPEED).floor);
    let span = stage.since(&moment)?;
    for route in [COMPANYINFO, MY_SECURITY] {
        let rounds = span.connectwise_at(route, "acme").len();
        let made = f64::from(u32::try_from(rounds).expect("few"));
        assert!(made <= floors + 1.0, "{rounds} rounds at {route} in {floors:.1} floors");
        assert!(rounds >= 2, "the loop was followed at all: {rounds}");
    }
    let links = stage.sims.petra().links_of("acme")?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(last(&links[0]), *settled.field("/inputs/credentialsVersion"));
    let company = "acme".parse().expect("a company");
    let expected =
        cwlink::connectwise::Keys::from_secret_data(Some(b"acme-public"), Some(keys[1].as_bytes()))
            .map(|keys| keys.version(&company).as_str().to_owned());
    assert_eq!(last(&links[0]), json!(expected.expect("good keys")), "Petra holds the last keys");
    Ok(())
}

fn change_profile(stage: &Stage, profile: &str) -> Result<()> {
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"permissionProfile": profile}}))
}
