//! What the operator may see: the shipped tiers of rights, watched namespaces, and objects that do not fit their types.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use harness::simulators::{Effect, Rule, Service};
use harness::{Cluster, Link, Operator, OperatorOptions, Result, Rights, Sims, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::{SPEED, Stage, binary};
use crate::stored;

fn options(own: &str, watched: &[&str], rights: Rights) -> OperatorOptions {
    OperatorOptions {
        watch_namespaces: watched.iter().map(|&name| name.to_owned()).collect(),
        rights,
        time_speed: SPEED,
        ..OperatorOptions::in_namespace(own)
    }
}

/// Goes on in another namespace.
fn within(stage: &mut Stage, namespace: &str) -> Result<()> {
    namespace.clone_into(&mut stage.namespace);
    stage.cluster.create_namespace(namespace)
}

#[test]
fn with_a_role_in_each_namespace_the_named_ones_are_served_and_no_other() -> Result<()> {
    let watched = ["rights-a", "rights-b"];
    let mut stage = Stage::set_with(options("rights-each", &watched, Rights::EachNamespace))?;
    within(&mut stage, "rights-c")?;
    stage.apply_link("charlie", |link| link)?;
    for (namespace, company) in watched.into_iter().zip(["acme", "bravo"]) {
        within(&mut stage, namespace)?;
        stage.linked(company, |link| link)?;
    }
    let calls = stage.cluster.calls_by(stage.operator.user())?;
    assert!(!calls.iter().any(|call| call.namespace == "rights-c"), "{calls:#?}");
    let outside = stage.cluster.status("rights-c", "charlie")?;
    assert_eq!(*outside.value(), json!({"observedGeneration": -1}), "nobody has looked at it");
    Ok(())
}

#[test]
fn with_a_cluster_role_namespaces_that_come_later_are_served_too() -> Result<()> {
    // This operator would meddle with every other test's links: it gets a control plane of its own.
    static ALONE: OnceLock<Cluster> = OnceLock::new();
    let started = Cluster::start(&mut |line| eprintln!("{line}"))?;
    let cluster = ALONE.get_or_init(|| started);
    let sims = Sims::start_demo()?;
    let options = options("rights-cluster", &["*"], Rights::Cluster);
    let operator = Operator::start(binary(), cluster, &sims, &options)?;
    let mut stage = Stage { cluster, sims, operator, namespace: options.namespace };
    for (namespace, company) in [("rights-later", "acme"), ("rights-even-later", "bravo")] {
        within(&mut stage, namespace)?;
        stage.linked(company, |link| link)?;
        let links = stage.sims.petra().links_of(company)?;
        assert_eq!(links.len(), 1, "{links:?}");
        assert_eq!(links[0]["owner"], format!("harness/{namespace}/{company}"));
    }
    Ok(())
}

#[test]
fn with_get_on_named_secrets_these_links_work_and_others_wait() -> Result<()> {
    let own = "rights-get-only";
    let mut options = options(own, &[], Rights::NamedSecrets(vec!["acme-keys".to_owned()]));
    options.extra_args.push("--watch-secrets=false".to_owned());
    let stage = Stage::set_with(options)?;
    let linked = stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    stage.apply_link("bravo", |link| link)?;
    let forbidden = stage.wait_for("bravo", ("Ready", "Unknown", "SecretForbidden"))?;
    assert!(forbidden.message("Ready").contains("may not read Secret \"bravo-keys\""), "{forbidden}");

    // Other keys are found at the next check.
    let before = linked.text("/link/credentialsVersion").to_owned();
    stage.set_good_keys("acme", &["CANARY-acme-second"])?;
    stage.apply_keys("acme", "CANARY-acme-second")?;
    stage.cluster.wait_until(own, "acme", "Ready with the new keys", |status| {
        status.is("Ready", "True", "Linked") && status.text("/link/credentialsVersion") != before
    })?;

    let both =
        json!([{"op": "replace", "path": "/rules/2/resourceNames", "value": ["acme-keys", "bravo-keys"]}]);
    let (role, patch) = (format!("cwlink-of-{own}"), format!("--patch={both}"));
    let give = ["patch", "role", &role, "--namespace", own, "--type=json", &patch];
    stage.cluster.kubectl(&give, None)?;
    stage.wait_for("bravo", LINKED[0])?;
    let calls = stage.cluster.calls_by(stage.operator.user())?;
    let verbs = calls.iter().filter(|call| call.resource == "secrets").map(|call| call.verb.as_str());
    assert_eq!(verbs.collect::<BTreeSet<_>>(), ["get"].into());
    Ok(())
}

/// Stores what the operator's types cannot read. The schema would not let it pass.
fn make_unreadable(stage: &Stage, name: &str) -> Result<()> {
    stored::rewrite_link(&stage.namespace, name, |link| link["status"]["lastValidatedTime"] = json!(7))?;
    wait_for("the operator counts an unreadable object", || {
        match stage.operator.metric("cwlink_links_unreadable", &[]) {
            Ok(count) if count > 0.5 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
}

#[test]
fn an_unreadable_object_stops_nobody_and_is_deleted_with_its_link() -> Result<()> {
    let stage = Stage::set("unreadable")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    make_unreadable(&stage, "acme")?;
    stage.linked("bravo", |link| link)?;
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 1, "its link is left alone");

    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().links_of("acme")?, Vec::<Value>::new());
    assert_eq!(stage.sims.petra().links_of("bravo")?.len(), 1);
    Ok(())
}

#[test]
fn an_object_that_becomes_unreadable_when_deleted_keeps_its_policy() -> Result<()> {
    let stage = Stage::set("unreadable-deleting")?;
    for company in ["acme", "bravo"] {
        stage.linked(company, |link| link.field("interval", json!(RARELY)))?;
    }
    let rule = Rule::on(Service::Petra, Effect::Html { status: 503 });
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    for company in ["acme", "bravo"] {
        stage.cluster.delete(&stage.namespace, company)?;
        stage.wait_for(company, ("Ready", "False", "Deleting"))?;
    }
    stage.cluster.patch(&stage.namespace, "bravo", &json!({"spec": {"deletionPolicy": "Orphan"}}))?;
    stage.cluster.wait_gone(&stage.namespace, "bravo")?;
    make_unreadable(&stage, "acme")?;
    stage.sims.faults().clear();
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    let left = stage.sims.petra().links()?;
    let companies: Vec<_> = left.iter().map(|link| &link["companyId"]).collect();
    assert_eq!(companies, ["bravo"]);
    Ok(())
}

#[test]
fn an_unreadable_object_whose_policy_is_orphan_leaves_its_link() -> Result<()> {
    let stage = Stage::set("unreadable-orphan")?;
    stage.linked("acme", |link| {
        link.field("deletionPolicy", json!("Orphan")).field("interval", json!(RARELY))
    })?;
    make_unreadable(&stage, "acme")?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 1);
    assert_eq!(stage.sims.petra_requests(Some("DELETE"), None), 0);
    Ok(())
}

#[test]
fn a_link_of_a_company_that_is_not_allowed_never_reads_its_secret() -> Result<()> {
    let mut options = options("rights-companies", &[], Rights::EachNamespace);
    options.extra_args.push("--allow-company=ACME".to_owned());
    let stage = Stage::set_with(options)?;
    stage.apply_link("bravo", |link| link)?;
    let refused = stage.wait_for("bravo", ("Ready", "False", "CompanyNotAllowed"))?;
    assert!(refused.message("Ready").contains("--allow-company=bravo"), "{refused}");
    // Any spelling of the allowed one is that company.
    stage.apply_keys("acme", &private_key("acme"))?;
    stage.cluster.apply(&stage.namespace, &Link::new("acme", &stage.sims).company("Acme").yaml())?;
    stage.wait_for("acme", LINKED[0])?;
    let calls = stage.cluster.calls_by(stage.operator.user())?;
    let read = |name: &str| calls.iter().any(|call| call.resource == "secrets" && call.name == name);
    assert!(read("acme-keys") && !read("bravo-keys"));
    assert_eq!(stage.sims.connectwise_requests(Some("bravo")), 0);
    Ok(())
}
