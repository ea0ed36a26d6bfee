//! One namespace asks without end: ConnectWise is asked no more than floor and timetable allow, and the others keep their
//! share.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use cwlink::timings::Timings;
use cwlink::upstream::limits::Rates;
use harness::simulators::{Effect, Rule, Service};
use harness::{Link, OperatorOptions, Result, credentials, wait_for};
use serde_json::json;

use crate::ledger::{COMPANYINFO, Ledger, MY_SECURITY};
use crate::linked::OFTEN;
use crate::stage::{SPEED, Stage, cluster, is_soak};
use harness::admin_api as api;

/// The companies that links with refused keys name: the one that is edited, and the others.
const EDITED: &str = "acme";
const REFUSED: &str = "charlie";
/// The Secret that all links of the crowd name, and that of the edited one.
const CROWD_KEYS: &str = "crowd-keys";
const EDITED_KEYS: &str = "acme-keys";
/// How often the abuser edits.
const EDITS: u32 = 200;
/// From one edit to the next: ten in a second.
const EDITS_APART: Duration = Duration::from_millis(100);
/// How long ConnectWise takes for each answer to the crowd where it is slow, within the time-out.
const SLOW_ANSWER: Duration = Duration::from_secs(2);

/// A namespace that makes a crowd of links with keys that ConnectWise refuses, and edits without a pause.
struct Abuser {
    stage: Stage,
    namespace: String,
}

/// How many links the abuser makes.
fn crowd() -> usize {
    if is_soak() { 500 } else { 100 }
}

impl Abuser {
    /// The abuser's namespace, and one operator for it and a neighbour, which is the stage's namespace.
    fn beside(neighbour: &str, operator: &str) -> Result<Self> {
        let namespace = format!("{operator}-loud");
        let options = OperatorOptions {
            watch_namespaces: vec![namespace.clone(), neighbour.to_owned()],
            time_speed: SPEED,
            log_level: "info".to_owned(),
            ..OperatorOptions::in_namespace(operator)
        };
        let mut stage = Stage::set_with(options)?;
        neighbour.clone_into(&mut stage.namespace);
        Ok(Self { stage, namespace })
    }

    /// Makes the crowd, and waits until nearly all of it are refused.
    fn comes(&self) -> Result<()> {
        let secrets = format!("{}/secrets", api::namespace(&self.namespace));
        for (name, public) in [(CROWD_KEYS, "nobody-public"), (EDITED_KEYS, "somebody-public")] {
            cluster().api().create(&secrets, credentials(name, public, "CANARY-nobody"))?;
        }
        let links = api::links(&self.namespace);
        let link = |name: &str| Link::new(name, &self.stage.sims);
        cluster().api().create(&links, link(EDITED).company(EDITED).secret(EDITED_KEYS).yaml())?;
        for nth in 0..crowd() {
            let name = format!("crowd-{nth}");
            cluster().api().create(&links, link(&name).company(REFUSED).secret(CROWD_KEYS).yaml())?;
        }
        wait_for("nearly all of the crowd are refused", || {
            let refused = self.stage.operator.metric("cwlink_links", &["AuthFailed", "CredentialsRejected"]);
            match refused {
                Ok(refused) if refused >= 0.95 * number(crowd()) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
    }

    /// Changes spec and `requestedAt` of a link and a Secret in turn, ten times a second. An edit that takes long delays
    /// none after it by more than that.
    fn edits_without_pause(&self, secret: &str) -> Result<()> {
        let link = api::link(&self.namespace, EDITED);
        let secret = format!("{}/secrets/{secret}", api::namespace(&self.namespace));
        let profiles = ["TicketingV2", "GuideV1"];
        let began = Instant::now();
        for nth in 0..EDITS {
            thread::sleep((nth * EDITS_APART).saturating_sub(began.elapsed()));
            let annotations = json!({"integrations.petrasecurity.com/requestedAt": format!("look-{nth}")});
            let keys = json!({"stringData": {"privateKey": format!("CANARY-wrong-{nth}")}});
            match nth % 3 {
                0 => {
                    let profile = profiles[usize::from(nth / 3 % 2 == 1)];
                    cluster().api().patch(&link, &json!({"spec": {"permissionProfile": profile}}))?;
                }
                1 => cluster().api().patch(&secret, &keys)?,
                _ => cluster().api().patch(&link, &json!({"metadata": {"annotations": annotations}}))?,
            }
        }
        Ok(())
    }
}

/// How often the timetable lets a link be looked at within this time while its keys are refused: at once, and then after
/// delays that double, each as much shorter as chance may make it.
fn looks_within(time: Duration) -> usize {
    let Timings { refused, refused_max, jitter, .. } = Timings::scaled(SPEED);
    let mut looks = 1;
    let mut delay = refused;
    let mut left = time;
    while let Some(rest) = left.checked_sub(delay.mul_f64(1.0 - jitter)) {
        looks += 1;
        left = rest;
        delay = refused_max.min(2 * delay);
    }
    looks
}

/// How many rounds there were about a company whose keys are refused: a full one asks where the company is, a cheap one
/// begins with the role, which a full one never comes to.
fn refused_rounds(span: &Ledger, company: &str) -> usize {
    span.connectwise_at(COMPANYINFO, company).len() + span.connectwise_at(MY_SECURITY, company).len()
}

/// Between every two rounds about such a company, the floor passes. The simulator notes when a request comes in: from the
/// last of one round to the first of the next, a slow machine can only make that longer.
fn assert_floors_between(span: &Ledger, company: &str) {
    let floor = Timings::scaled(SPEED).floor.as_millis();
    let requests = span.connectwise(Some(company));
    for (before, next) in requests.iter().zip(&requests[1..]) {
        let begins = [COMPANYINFO, MY_SECURITY].contains(&next.route.as_str());
        let apart = u128::from(next.at_ms.saturating_sub(before.at_ms));
        // Both are whole milliseconds.
        assert!(!begins || apart + 1 >= floor, "{apart} ms from {before:?} to {next:?}");
    }
}

/// As many as that, as a number to compare with.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

/// Shows figures. Not by `eprintln!`, which shows nothing of a test that passes; where nobody can read it, nobody misses
/// it.
fn tell(figures: &str) {
    let _ = std::io::stderr().write_all(format!("\n{figures}\n").as_bytes());
}

#[test]
fn refused_links_and_endless_edits_ask_no_more_than_the_timetable() -> Result<()> {
    let abuser = Abuser::beside("edits-quiet", "edits")?;
    let stage = &abuser.stage;
    let crowd_came = (stage.moment()?, Instant::now());
    abuser.comes()?;
    let edits_came = (stage.moment()?, Instant::now());
    abuser.edits_without_pause(EDITED_KEYS)?;

    // Each time is taken after what is counted, so that a slow machine can only be allowed too much.
    let (crowd_span, edits_span) = (stage.since(&crowd_came.0)?, stage.since(&edits_came.0)?);
    let (crowd_for, edited_for) = (crowd_came.1.elapsed(), edits_came.1.elapsed());
    let timings = Timings::scaled(SPEED);
    let edited_rounds = refused_rounds(&edits_span, EDITED);
    let floors = edited_for.div_duration_f64(timings.floor);
    let crowd_rounds = refused_rounds(&crowd_span, REFUSED);
    // One more for each: a round that answers nothing, on a busy machine, is made again.
    let crowd_looks = crowd() * (looks_within(crowd_for) + 1);
    let crowd_requests = crowd_span.connectwise(Some(REFUSED)).len();
    let minutes = crowd_for.div_duration_f64(timings.scale(Duration::from_mins(1)));
    let rate = f64::from(Rates::default().connectwise.get()) * (minutes + 1.0);
    let told = format!(
        "{EDITS} edits led to {edited_rounds} rounds in {floors:.0} floors; {crowd_rounds} rounds of {crowd_looks} that the \
         timetable has for {} refused links, {crowd_requests} requests of {rate:.0} that their host's rate has",
        crowd(),
    );
    tell(&told);
    // The first round needs no floor before it.
    assert!(edited_rounds > 1 && number(edited_rounds) <= floors + 1.0, "{told}");
    assert_floors_between(&edits_span, EDITED);
    assert!(crowd_rounds >= crowd() * 9 / 10 && crowd_rounds <= crowd_looks, "{told}");
    assert!(number(crowd_requests) <= rate, "{told}");
    Ok(())
}

#[test]
fn a_link_that_is_deleted_and_made_again_without_end_keeps_the_floor() -> Result<()> {
    let abuser = Abuser::beside("remade-quiet", "remade")?;
    let stage = &abuser.stage;
    let (links, link) = (api::links(&abuser.namespace), api::link(&abuser.namespace, EDITED));
    let secrets = format!("{}/secrets", api::namespace(&abuser.namespace));
    cluster().api().create(&secrets, credentials(EDITED_KEYS, "somebody-public", "CANARY-nobody"))?;
    let came = stage.moment()?;
    let began = Instant::now();
    for nth in 0..EDITS / 4 {
        thread::sleep((nth * EDITS_APART).saturating_sub(began.elapsed()));
        cluster()
            .api()
            .create(&links, Link::new(EDITED, &stage.sims).company(EDITED).secret(EDITED_KEYS).yaml())?;
        thread::sleep(EDITS_APART / 2);
        cluster().api().delete(&link)?;
    }
    let span = stage.since(&came)?;
    let rounds = refused_rounds(&span, EDITED);
    tell(&format!("a link that was made {} times led to {rounds} rounds", EDITS / 4));
    assert!(rounds > 1, "it was looked at {rounds} times");
    assert_floors_between(&span, EDITED);
    Ok(())
}

/// The abuser edits the Secret of its whole crowd: all of it is to be looked at all the time, each look takes seconds,
/// and all workers would wait for ConnectWise if one namespace could have them.
#[test]
fn a_namespace_that_asks_without_end_takes_nothing_from_its_neighbour() -> Result<()> {
    const SERVED: &str = "bravo";
    let abuser = Abuser::beside("abuse-quiet", "abuse")?;
    // A link like the neighbour's, served by an operator of its own, at the same time on the same machine.
    let undisturbed = Stage::set("abuse-undisturbed")?;
    for served in [&abuser.stage, &undisturbed] {
        served.linked(SERVED, |link| link.field("interval", json!(OFTEN)))?;
    }
    abuser.comes()?;

    let slow_answer = u64::try_from(SLOW_ANSWER.as_millis()).expect("seconds");
    let slow = Rule::on(Service::ConnectWise, Effect::Latency(slow_answer)).company(REFUSED);
    abuser.stage.sims.faults().add(slow).expect("a delay can be carried out");
    let (then, undisturbed_then) = (abuser.stage.moment()?, undisturbed.moment()?);
    abuser.edits_without_pause(CROWD_KEYS)?;
    let waiting = abuser.stage.operator.metric("workqueue_depth", &[])?;
    let span = abuser.stage.since(&then)?;

    let checks = |span: &Ledger| span.connectwise_at(MY_SECURITY, SERVED).len();
    let (disturbed, calm) = (checks(&span), checks(&undisturbed.since(&undisturbed_then)?));
    let told = format!(
        "{disturbed} checks of the neighbour beside {} refused links whose Secret was edited {} times, {calm} of a link that is \
         served undisturbed meanwhile; the crowd was looked at {} times, and {waiting} of it waited at the end",
        crowd(),
        EDITS / 3,
        refused_rounds(&span, REFUSED),
    );
    tell(&told);
    assert!(waiting >= number(crowd() / 2), "the crowd is to want more than it can have: {told}");
    assert!(calm >= 2, "{told}");
    assert!(2 * disturbed >= calm, "{told}");
    Ok(())
}
