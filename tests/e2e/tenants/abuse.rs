//! One namespace asks without end; the others keep their share, and ConnectWise is asked no more than the floor allows.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cwlink::timings::Timings;
use harness::{Link, OperatorOptions, Result, credentials, wait_for};
use serde_json::json;

use crate::crash::api::{self, api};
use crate::ledger::{COMPANYINFO, MY_SECURITY};
use crate::linked::OFTEN;
use crate::stage::{SPEED, Stage};

const ABUSER: &str = "abuse-loud";
const NEIGHBOUR: &str = "abuse-quiet";
/// The company of the neighbour's link, and the one that the abuser's edited link names.
const SERVED: &str = "bravo";
const EDITED: &str = "acme";
/// For how long checks are counted, without abuse and with it: several intervals of the neighbour.
const WINDOW: Duration = Duration::from_secs(20);
/// Between two edits: ten in a second.
const EDITS_APART: Duration = Duration::from_millis(100);

/// How many links the abuser makes.
fn crowd() -> usize {
    if std::env::var_os("CWLINK_SOAK").is_some() { 500 } else { 100 }
}

/// Makes links of one namespace with keys that ConnectWise refuses.
fn make_crowd(stage: &Stage) -> Result<()> {
    let secrets = format!("{}/secrets", api::namespace(ABUSER));
    api().create(&secrets, credentials("crowd-keys", "nobody-public", "CANARY-nobody"))?;
    (0..crowd()).try_for_each(|nth| {
        let link = Link::new(&format!("crowd-{nth}"), &stage.sims).company("charlie").secret("crowd-keys");
        api().create(&api::links(ABUSER), link.yaml())
    })
}

/// Changes spec, Secret and `requestedAt` of a link in turn, until told to stop; returns how often.
fn edit(stop: &AtomicBool, edits: &AtomicUsize) -> Result<()> {
    let link = api::link(ABUSER, EDITED);
    let secret = format!("{}/secrets/{EDITED}-keys", api::namespace(ABUSER));
    let profiles = ["TicketingV2", "GuideV1"];
    for nth in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let annotations = json!({"integrations.petrasecurity.com/requestedAt": format!("look-{nth}")});
        match nth % 3 {
            0 => api().patch(&link, &json!({"spec": {"permissionProfile": profiles[nth / 3 % 2]}}))?,
            1 => {
                let keys = json!({"stringData": {"privateKey": format!("CANARY-wrong-{nth}")}});
                api().patch(&secret, &keys)?;
            }
            _ => api().patch(&link, &json!({"metadata": {"annotations": annotations}}))?,
        }
        edits.fetch_add(1, Ordering::Relaxed);
        thread::sleep(EDITS_APART);
    }
    Ok(())
}

/// How often the neighbour is checked in one window.
fn checks_in_a_window(stage: &Stage) -> Result<usize> {
    let moment = stage.moment()?;
    thread::sleep(WINDOW);
    Ok(stage.since(&moment)?.connectwise_at(MY_SECURITY, SERVED).len())
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
    stage.linked(SERVED, |link| link.field("interval", json!(OFTEN)))?;
    let calm = checks_in_a_window(&stage)?;

    make_crowd(&stage)?;
    ABUSER.clone_into(&mut stage.namespace);
    stage.apply_refused_link(EDITED)?;
    wait_for("the crowd is refused", || {
        match stage.operator.metric("cwlink_links", &["AuthFailed", "CredentialsRejected"]) {
            Ok(count) if count > 10.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })?;
    let moment = stage.moment()?;
    let began = Instant::now();
    let (stop, edits) = (AtomicBool::new(false), AtomicUsize::new(0));
    let abused = thread::scope(|scope| {
        let editor = scope.spawn(|| edit(&stop, &edits));
        let abused = checks_in_a_window(&stage);
        stop.store(true, Ordering::Relaxed);
        editor.join().expect("an editor does not panic")?;
        abused
    })?;
    let span = stage.since(&moment)?;
    // Every round was made within this time; the first needs no floor before it.
    let floors = began.elapsed().div_duration_f64(Timings::scaled(SPEED).floor);
    let rounds = span.connectwise_at(COMPANYINFO, EDITED).len();
    let edits = edits.load(Ordering::Relaxed);
    let told = format!(
        "\nchecks of the neighbour: {calm} alone, {abused} beside {} refused links and {edits} edits, which led to \
         {rounds} rounds in {floors:.0} floors; {} requests about the crowd\n",
        crowd(),
        span.connectwise(Some("charlie")).len(),
    );
    // Not by `eprintln!`, which shows nothing of a test that passes; where nobody can read it, nobody misses it.
    let _ = std::io::stderr().write_all(told.as_bytes());
    assert!(edits >= 30, "{told}");
    assert!(calm >= 2 && 2 * abused >= calm, "{told}");
    assert!(f64::from(u32::try_from(rounds).expect("few")) <= floors + 1.0, "{told}");
    Ok(())
}
