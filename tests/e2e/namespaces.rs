//! Namespaces in which the operator has no right, no right yet, or no right any more, beside others in which it has.

use std::sync::OnceLock;

use harness::{Cluster, Operator, OperatorOptions, Result, Sims, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{RARELY, private_key};
use crate::stage::{SPEED, Stage, binary};

const OWN: &str = "namespaces";
/// The one whose rights come and go, between two others.
const B: &str = "namespaces-b";

/// The shipped `RoleBinding` in a namespace, as it is or with nobody in it.
fn set_right(cluster: &Cluster, namespace: &str, given: bool) -> Result<()> {
    let subject = json!({"kind": "ServiceAccount", "name": "cwlink", "namespace": OWN});
    let subjects = if given { json!([subject]) } else { Value::Null };
    let patch = format!("--patch={}", json!({"subjects": subjects}));
    let binding = format!("cwlink-of-{OWN}");
    let patch = ["patch", "rolebinding", &binding, "--namespace", namespace, "--type=merge", &patch];
    cluster.kubectl(&patch, None).map(drop)
}

/// Waits until `/readyz` says exactly this of both kinds of watches; it says yes all the while.
fn wait_for_readyz(stage: &Stage, words: &str) -> Result<()> {
    let wanted = ["links-listed", "secrets-listed"].map(|gate| format!("[+]{gate} {words}\n"));
    wait_for(&format!("readyz says {words:?}"), || {
        let said = stage.operator.readyz().map_err(|error| error.to_string())?;
        if wanted.iter().all(|line| said.contains(line)) { Ok(()) } else { Err(said) }
    })
}

fn forbidden_watches(stage: &Stage) -> Result<f64> {
    stage.operator.metric("cwlink_watch_errors_total", &["cause=\"forbidden\""])
}

/// Goes on in another namespace.
fn within(stage: &mut Stage, namespace: &str) {
    namespace.clone_into(&mut stage.namespace);
}

#[test]
fn a_missing_right_is_named_stops_nobody_else_and_works_when_back() -> Result<()> {
    // The API server is stopped on the way: this operator gets a control plane of its own.
    static ALONE: OnceLock<Cluster> = OnceLock::new();
    let started = Cluster::start(&mut |line| eprintln!("{line}"))?;
    let cluster = ALONE.get_or_init(|| started);
    let others = [OWN, "namespaces-c"];
    let options = OperatorOptions {
        watch_namespaces: [OWN, B, others[1]].map(str::to_owned).to_vec(),
        time_speed: SPEED,
        ..OperatorOptions::in_namespace(OWN)
    };
    let sims = Sims::start_demo()?;
    let operator = Operator::start(binary(), cluster, &sims, &options)?;
    let mut stage = Stage { cluster, sims, operator, namespace: OWN.to_owned() };

    // Without the right from the start.
    stage.operator.stop()?;
    set_right(cluster, B, false)?;
    stage.operator.restart()?;
    let but = "open, but 1 of 3 watches: no right to list and watch";
    wait_for_readyz(&stage, but)?;
    assert!(forbidden_watches(&stage)? > 0.5);
    for (namespace, company) in [(B, "bravo"), (others[0], "acme"), (others[1], "delta")] {
        within(&mut stage, namespace);
        stage.apply_link(company, |link| link.field("interval", json!(RARELY)))?;
    }
    for (namespace, company) in others.into_iter().zip(["acme", "delta"]) {
        within(&mut stage, namespace);
        stage.wait_for(company, LINKED[0])?;
    }
    let unseen = stage.cluster.status(B, "bravo")?;
    assert_eq!(*unseen.value(), json!({"observedGeneration": -1}), "nobody has looked at it");

    // The right is given.
    set_right(cluster, B, true)?;
    within(&mut stage, B);
    let first = stage.wait_for("bravo", LINKED[0])?;
    wait_for_readyz(&stage, "open")?;

    // It is taken away; a watch that runs already is not cut by that, but by the API server's end.
    set_right(cluster, B, false)?;
    let before = forbidden_watches(&stage)?;
    cluster.plane().stop_api_server();
    cluster.plane().start_api_server().expect("it started before");
    wait_for_readyz(&stage, but)?;
    assert!(forbidden_watches(&stage)? > before);
    within(&mut stage, others[0]);
    stage.check_now("acme", "beside-a-lost-right")?;
    stage.cluster.wait_until(others[0], "acme", "it was looked at", |status| {
        status.text("/lastHandledReconcileAt") == "beside-a-lost-right"
    })?;

    // It is given again, and nothing happens in the namespace that could tell.
    set_right(cluster, B, true)?;
    wait_for_readyz(&stage, "open")?;
    within(&mut stage, B);
    stage.set_good_keys("bravo", &[&private_key("bravo"), "CANARY-bravo-second"])?;
    stage.apply_keys("bravo", "CANARY-bravo-second")?;
    stage.cluster.wait_until(B, "bravo", "Ready with the new keys", |status| {
        status.is("Ready", "True", "Linked")
            && status.field("/link/credentialsVersion") != first.field("/link/credentialsVersion")
    })?;
    Ok(())
}
