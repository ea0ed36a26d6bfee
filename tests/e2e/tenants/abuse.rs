//! One namespace asks without end; the others keep their share, and ConnectWise is asked no more than the floor allows.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use cwlink::timings::Timings;
use cwlink::upstream::limits::Rates;
use harness::{Link, OperatorOptions, Result, credentials, wait_for};
use serde_json::json;

use crate::crash::api::{self, api};
use crate::ledger::{COMPANYINFO, Ledger, MY_SECURITY};
use crate::linked::OFTEN;
use crate::stage::{SPEED, Stage, is_soak};

const ABUSER: &str = "abuse-loud";
const NEIGHBOUR: &str = "abuse-quiet";
/// Where a link like the neighbour's is served by an operator of its own, at the same time on the same machine.
const UNDISTURBED: &str = "abuse-undisturbed";
/// The company of the neighbour's link, and those that the abuser's links name: the edited one, and the others.
const SERVED: &str = "bravo";
const EDITED: &str = "acme";
const REFUSED: &str = "charlie";
/// How often the edited link is edited.
const EDITS: u32 = 200;
/// From one edit to the next: ten in a second.
const EDITS_APART: Duration = Duration::from_millis(100);

/// How many links the abuser makes.
fn crowd() -> usize {
    if is_soak() { 500 } else { 100 }
}

/// Makes links of one namespace with keys that ConnectWise refuses.
fn make_crowd(stage: &Stage) -> Result<()> {
    let secrets = format!("{}/secrets", api::namespace(ABUSER));
    api().create(&secrets, credentials("crowd-keys", "nobody-public", "CANARY-nobody"))?;
    (0..crowd()).try_for_each(|nth| {
        let link = Link::new(&format!("crowd-{nth}"), &stage.sims).company(REFUSED).secret("crowd-keys");
        api().create(&api::links(ABUSER), link.yaml())
    })
}

/// Changes spec, Secret and `requestedAt` of a link in turn, ten times a second. An edit that takes long delays none after
/// it by more than that.
fn edit_without_pause() -> Result<()> {
    let link = api::link(ABUSER, EDITED);
    let secret = format!("{}/secrets/{EDITED}-keys", api::namespace(ABUSER));
    let profiles = ["TicketingV2", "GuideV1"];
    let began = Instant::now();
    for nth in 0..EDITS {
        thread::sleep((nth * EDITS_APART).saturating_sub(began.elapsed()));
        let annotations = json!({"integrations.petrasecurity.com/requestedAt": format!("look-{nth}")});
        let keys = json!({"stringData": {"privateKey": format!("CANARY-wrong-{nth}")}});
        match nth % 3 {
            0 => {
                let profile = profiles[usize::from(nth / 3 % 2 == 1)];
                api().patch(&link, &json!({"spec": {"permissionProfile": profile}}))?;
            }
            1 => api().patch(&secret, &keys)?,
            _ => api().patch(&link, &json!({"metadata": {"annotations": annotations}}))?,
        }
    }
    Ok(())
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

/// As many as that, as a number to compare with.
fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}

#[test]
fn a_namespace_that_asks_without_end_takes_nothing_from_its_neighbour() -> Result<()> {
    let options = OperatorOptions {
        watch_namespaces: vec![ABUSER.to_owned(), NEIGHBOUR.to_owned()],
        time_speed: SPEED,
        log_level: "info".to_owned(),
        ..OperatorOptions::in_namespace("abuse")
    };
    let mut stage = Stage::set_with(options)?;
    NEIGHBOUR.clone_into(&mut stage.namespace);
    let undisturbed = Stage::set(UNDISTURBED)?;
    for served in [&stage, &undisturbed] {
        served.linked(SERVED, |link| link.field("interval", json!(OFTEN)))?;
    }

    let crowd_came = (stage.moment()?, Instant::now());
    make_crowd(&stage)?;
    ABUSER.clone_into(&mut stage.namespace);
    stage.apply_refused_link(EDITED)?;
    wait_for("nearly all of the crowd are refused", || {
        let refused = stage.operator.metric("cwlink_links", &["AuthFailed", "CredentialsRejected"]);
        match refused {
            Ok(refused) if refused >= 0.95 * number(crowd()) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })?;
    let edits_came = (stage.moment()?, Instant::now());
    let edits_began = undisturbed.moment()?;
    edit_without_pause()?;

    // Each time is taken after what is counted, so that a slow machine can only be allowed too much.
    let (span, crowd_span) = (stage.since(&edits_came.0)?, stage.since(&crowd_came.0)?);
    let (edited_for, crowd_for) = (edits_came.1.elapsed(), crowd_came.1.elapsed());
    let timings = Timings::scaled(SPEED);
    let checks = |span: &Ledger| span.connectwise_at(MY_SECURITY, SERVED).len();
    let (abused, calm) = (checks(&span), checks(&undisturbed.since(&edits_began)?));
    let rounds = span.connectwise_at(COMPANYINFO, EDITED).len();
    let floors = edited_for.div_duration_f64(timings.floor);
    let crowd_rounds = crowd_span.connectwise_at(COMPANYINFO, REFUSED).len();
    // One more for each: a round that answers nothing, on a busy machine, is made again.
    let crowd_looks = crowd() * (looks_within(crowd_for) + 1);
    let crowd_requests = crowd_span.connectwise(Some(REFUSED)).len();
    let minutes = crowd_for.div_duration_f64(timings.scale(Duration::from_mins(1)));
    let rate = f64::from(Rates::default().connectwise.get()) * (minutes + 1.0);
    let told = format!(
        "\nchecks in {edited_for:.1?}: {abused} of the neighbour beside {} refused links and {EDITS} edits, {calm} of a link \
         that is served undisturbed meanwhile; the edits led to {rounds} rounds in {floors:.0} floors; {crowd_rounds} \
         rounds of {crowd_looks} that the timetable has for the crowd, {crowd_requests} requests of {rate:.0} that its \
         host's rate has\n",
        crowd(),
    );
    // Not by `eprintln!`, which shows nothing of a test that passes; where nobody can read it, nobody misses it.
    let _ = std::io::stderr().write_all(told.as_bytes());
    assert!(calm >= 2, "{told}");
    assert!(2 * abused >= calm, "{told}");
    // The first round needs no floor before it.
    assert!(rounds > 0 && number(rounds) <= floors + 1.0, "{told}");
    assert!(crowd_rounds >= crowd() * 9 / 10 && crowd_rounds <= crowd_looks, "{told}");
    assert!(number(crowd_requests) <= rate, "{told}");
    Ok(())
}
