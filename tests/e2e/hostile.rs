//! Servers that mean harm. Of ConnectWise's each link has one of its own, one operator has them all, and the neighbours
//! stay Ready; Petra is one for all, and means harm in one way after another.

mod cases;
mod limits;
mod petra;
mod trap;

use std::time::Duration;

use harness::simulators::{Options, Service};
use harness::{Link, Memory, Operator, OperatorOptions, Result, Sims, credentials};
use serde_json::json;

use crate::conditions::LINKED;
use crate::linked::{OFTEN, private_key};
use crate::rows::{host_name, scenario};
use crate::stage::{SPEED, Stage, binary, cluster};
use cases::cases;
use trap::Trap;

/// Links whose ConnectWise means well.
const NEIGHBOURS: [&str; 3] = ["calm-one", "calm-two", "calm-three"];

/// The limit of the shipped pod, in bytes: beyond it the kernel ends the operator.
const POD_LIMIT: u64 = 256 << 20;

/// How many times the memory may become that it had with healthy links alone.
const MOST_TIMES: u64 = 4;

/// An operator with healthy links, and beside them the companies that the cases need.
fn set(namespace: &str, slugs: &[&str]) -> Result<Stage> {
    let slugs: Vec<_> = slugs.iter().copied().chain(NEIGHBOURS).map(str::to_owned).collect();
    let confirm_after = Duration::from_millis(500);
    let options = Options { petra_rate_limit: None, confirm_after, ..Options::default() };
    let sims = Sims::start(scenario(&slugs), options)?;
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) };
    let operator = Operator::start(binary(), cluster(), &sims, &options)?;
    let stage = Stage { cluster: cluster(), sims, operator, namespace: options.namespace };
    apply(&stage, &NEIGHBOURS, |link| link.field("interval", json!(OFTEN)))?;
    for name in NEIGHBOURS {
        stage.wait_for(name, LINKED[0])?;
    }
    Ok(stage)
}

/// Applies the link and the Secret of each company at once.
fn apply(stage: &Stage, slugs: &[&str], shape: impl Fn(Link) -> Link) -> Result<()> {
    let mut manifests = Vec::new();
    for slug in slugs {
        manifests.push(credentials(&format!("{slug}-keys"), &format!("{slug}-public"), &private_key(slug)));
    }
    for slug in slugs {
        let site = stage.sims.host(&host_name(slug));
        manifests.push(shape(Link::new(slug, &stage.sims).site(&site)).yaml());
    }
    stage.cluster.apply(&stage.namespace, &manifests.join("\n---\n"))
}

/// Every request of the operator under the name of a company came to the host of that company.
fn assert_no_key_went_astray(sims: &Sims) {
    let log = sims.counts().log();
    let own =
        log.iter().filter(|it| it.service == Service::ConnectWise && it.agent.as_deref() == Some("cwlink"));
    let mut seen = 0;
    for request in own {
        seen += 1;
        let company = request.company.as_deref().unwrap_or_default();
        assert_eq!(request.host, host_name(company), "{request:?}");
        assert_eq!(request.method, "GET", "nothing is ever changed at ConnectWise: {request:?}");
    }
    assert!(seen > 100, "{seen} requests were looked at");
}

#[test]
fn hostile_servers_reach_their_condition_and_no_neighbour() -> Result<()> {
    let trap = Trap::set();
    let cases = cases(&trap);
    let slugs: Vec<_> = cases.iter().map(|case| case.slug).collect();
    let stage = set("hostile", &slugs)?;
    let before = stage.operator.memory()?;

    for case in &cases {
        for rule in &case.rules {
            stage
                .sims
                .faults()
                .add(rule.clone().company(case.slug))
                .expect("the rules of the cases can be carried out");
        }
        if let Some(change) = case.change {
            change(&stage.sims, case.slug)?;
        }
    }
    apply(&stage, &slugs, |link| link.field("serviceBoard", json!("Help Desk")))?;
    let mut failures = Vec::new();
    println!("{:<22}{:<32}{:<28}PermissionDenied", "case", "Ready", "AuthFailed");
    for case in &cases {
        let (value, reason) = case.ready.split_once('/').expect("a status and a reason");
        let [ready, auth_failed, denied] = match stage.wait_for(case.slug, ("Ready", value, reason)) {
            Ok(status) => ["Ready", "AuthFailed", "PermissionDenied"]
                .map(|type_| format!("{}/{}", status.state(type_), status.reason(type_))),
            Err(error) => {
                failures.push(format!("{}: {error}", case.slug));
                continue;
            }
        };
        println!("{:<22}{ready:<32}{auth_failed:<28}{denied}", case.slug);
        if auth_failed.starts_with("True") || denied.starts_with("True") {
            failures.push(format!("{}: a tenant is accused of what its server does", case.slug));
        }
    }
    // Each of them has been met more than once by then, and the neighbours were looked at in between.
    for name in NEIGHBOURS {
        stage.wait_for_checks(name, 2)?;
    }

    for name in NEIGHBOURS {
        assert!(stage.status(name)?.is("Ready", "True", "Linked"), "{name}: {}", stage.status(name)?);
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));

    let unmet: Vec<_> = stage.sims.faults().list().into_iter().filter(|rule| rule.acted == 0).collect();
    assert!(unmet.is_empty(), "{unmet:#?}");
    assert_no_key_went_astray(&stage.sims);
    assert_eq!(trap.visits(), 0, "somebody was led into the trap");
    assert_unharmed(&stage, before)
}

/// The memory of the operator stayed within bounds, and nothing in it panicked.
fn assert_unharmed(stage: &Stage, before: Memory) -> Result<()> {
    let after = stage.operator.memory()?;
    let mib = |bytes: u64| bytes >> 20;
    println!(
        "memory: {} MiB with healthy links alone, at most {} MiB, now {} MiB",
        mib(before.resident),
        mib(after.peak),
        mib(after.resident)
    );
    assert!(after.peak < POD_LIMIT.min(MOST_TIMES * before.resident), "{before:?} {after:?}");
    assert_eq!(stage.operator.metric("controller_runtime_reconcile_panics_total", &[])?.to_string(), "0");
    Ok(())
}
