//! Links that change from one registration mode to the other, with the default policies and with a way back.

use std::sync::OnceLock;

use harness::{Link, Result, Status, wait_for};
use serde_json::{Value, json};

use crate::conditions::{ACCEPTED, GRANTED, LINKED, Row, assert_conditions};
use crate::ledger::{COMPANYINFO, LINK, LIST};
use crate::linked::{RARELY, private_key};
use crate::stage::Stage;

const ASKED: Row = ("Ready", "False", "PortalActionRequired");
const CONFLICT: Row = ("Ready", "False", "LinkConflict");

/// One operator for all tests here, each with a company of its own.
fn shared() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage::set("modes").expect("no test here can do without an operator"))
}

fn change_spec(stage: &Stage, name: &str, spec: &Value) -> Result<()> {
    stage.cluster.patch(&stage.namespace, name, &json!({"spec": spec}))
}

/// What was done at Petra about a company.
fn deeds(stage: &Stage, company: &str) -> Result<Vec<String>> {
    let changes = stage.sims.petra().changes()?;
    let of_company = changes.iter().filter(|change| change["companyId"] == company);
    Ok(of_company.map(|change| change["action"].as_str().unwrap_or_default().to_owned()).collect())
}

/// Waits until a link that left `Api` asks a person, and checks that it holds nothing any more.
fn left_api(stage: &Stage, name: &str) -> Result<Status> {
    change_spec(stage, name, &json!({"registration": {"mode": "Portal"}}))?;
    let status = stage.wait_for(name, ASKED)?;
    let asked = [ASKED, ACCEPTED, GRANTED, ("Registered", "False", "PortalActionRequired")];
    assert_conditions(&status, 2, &[&asked[..], &[("Stalled", "True", "PortalActionRequired")]].concat());
    assert_eq!(*status.field("/link"), Value::Null, "{status}");
    let finalizers = &stage.cluster.link(&stage.namespace, name)?["metadata"]["finalizers"];
    assert_eq!(*finalizers, Value::Null, "nothing of it stands at Petra in its name");
    Ok(status)
}

/// Acknowledges what the message asks for.
fn acknowledge(stage: &Stage, name: &str, asked: &Status) -> Result<Status> {
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    change_spec(stage, name, &json!({"registration": {"acknowledged": token}}))?;
    stage.wait_for(name, ("Registered", "True", "Acknowledged"))
}

/// A person saved the link of an acknowledged resource in the portal.
fn save_by_hand(stage: &Stage, company: &str, acknowledged: &Status) -> Result<()> {
    let link = json!({"companyId": company, "siteUrl": stage.sims.site(), "owner": null});
    stage.sims.petra().place(acknowledged.text("/link/id"), &link)
}

#[test]
fn a_token_of_another_manager_stays_when_the_manifest_is_applied() -> Result<()> {
    let stage = shared();
    let Stage { cluster, sims, namespace, .. } = stage;
    stage.apply_keys("golf", &private_key("golf"))?;
    let manifest = Link::new("golf", sims)
        .site(&sims.host("psa.golf.localhost"))
        .mode("Portal")
        .field("interval", json!(RARELY))
        .yaml();
    cluster.apply_server_side(namespace, &manifest, "flux")?;
    let asked = stage.wait_for("golf", ASKED)?;
    // As the README has it.
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    let patch = json!({"spec": {"registration": {"acknowledged": token}}}).to_string();
    let by = "--field-manager=cwlink-acknowledge";
    cluster.kubectl(
        &["--namespace", namespace, "patch", "cwlink", "golf", "--type=merge", by, "-p", &patch],
        None,
    )?;
    stage.wait_for("golf", LINKED[0])?;

    // Flux puts right what it owns, again and again, and here also something that changed.
    cluster.apply_server_side(namespace, &manifest.replace(RARELY, "12h"), "flux")?;
    let after = cluster.wait_until(namespace, "golf", "the manifest was seen", |_| true)?;
    assert!(after.is("Ready", LINKED[0].1, LINKED[0].2), "{after}");
    let spec = &cluster.link(namespace, "golf")?["spec"];
    assert_eq!((&spec["interval"], &spec["registration"]["acknowledged"]), (&json!("12h"), &json!(token)));
    Ok(())
}

#[test]
fn from_api_to_portal_with_unlink_the_link_goes_before_a_person_is_asked() -> Result<()> {
    let stage = shared();
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let asked = left_api(stage, "acme")?;
    assert_eq!(deeds(stage, "acme")?, ["created", "deleted"]);
    assert_eq!(stage.sims.petra().links_of("acme")?, Vec::<Value>::new());
    let saved = acknowledge(stage, "acme", &asked)?;
    assert_eq!(saved.field("/link/id"), before.field("/link/id"), "one company is one id in both modes");
    assert_eq!(saved.text("/link/mode"), "Portal");
    assert_eq!(deeds(stage, "acme")?, ["created", "deleted"], "the rest is the person's");
    Ok(())
}

#[test]
fn from_api_to_portal_with_orphan_the_link_stays_for_the_way_back() -> Result<()> {
    let stage = shared();
    let before = stage.linked("bravo", |link| {
        link.field("interval", json!(RARELY)).field("deletionPolicy", json!("Orphan"))
    })?;
    left_api(stage, "bravo")?;
    let links = stage.sims.petra().links_of("bravo")?;
    assert_eq!((links.len(), &links[0]["owner"]), (1, &json!("harness/modes/bravo")), "{links:?}");

    change_spec(stage, "bravo", &json!({"registration": {"mode": "Api"}}))?;
    let back = stage.wait_for("bravo", LINKED[0])?;
    assert_eq!(back.field("/link/id"), before.field("/link/id"));
    assert_eq!(deeds(stage, "bravo")?, ["created"], "it was neither made anew nor sent again");
    Ok(())
}

#[test]
fn from_portal_to_api_a_link_by_hand_is_taken_over_after_a_good_check() -> Result<()> {
    let stage = shared();
    let saved = stage.acknowledged("delta", |link| link.field("interval", json!(RARELY)))?;
    save_by_hand(stage, "delta", &saved)?;
    let moment = stage.moment()?;
    let registration = json!({"mode": "Api", "acknowledged": null, "adoptFrom": "unowned"});
    change_spec(stage, "delta", &json!({"registration": registration, "deletionPolicy": "Unlink"}))?;
    let linked = stage.wait_for("delta", LINKED[0])?;
    assert_eq!((linked.text("/link/mode"), linked.field("/link/id")), ("Api", saved.field("/link/id")));
    assert_eq!(deeds(stage, "delta")?, ["placed", "adopted"]);
    assert_eq!(stage.sims.petra().links_of("delta")?.len(), 1);
    let span = stage.since(&moment)?;
    let proved = span.connectwise_at(COMPANYINFO, "delta");
    let id = linked.text("/link/id");
    let sent = span.petra("PUT", LINK).into_iter().filter(|put| put.company.as_deref() == Some("delta"));
    let sent: Vec<_> = sent.collect();
    assert_eq!((proved.len(), sent.len()), (1, 1), "{id}: {proved:?} {sent:?}");
    assert!(proved[0].sequence < sent[0].sequence, "a full round comes before the keys are sent");

    stage.cluster.delete(&stage.namespace, "delta")?;
    stage.cluster.wait_gone(&stage.namespace, "delta")?;
    assert_eq!(stage.sims.petra().links_of("delta")?, Vec::<Value>::new(), "it goes as any link of Api");
    Ok(())
}

#[test]
fn from_portal_to_api_waits_for_a_petra_that_has_the_link_api() -> Result<()> {
    let stage = Stage::set("modes-unsupported")?;
    stage.sims.petra().set(&json!({"hasContract": false}))?;
    let lists = || stage.sims.petra_requests(Some("GET"), Some(LIST));
    let before = lists();
    wait_for("the shared poll hears of it", || {
        if lists() > before { Ok(()) } else { Err("no list".to_owned()) }
    })?;
    stage.acknowledged("acme", |link| link.field("interval", json!(RARELY)))?;
    change_spec(&stage, "acme", &json!({"registration": {"mode": "Api", "acknowledged": null}}))?;
    stage.wait_for("acme", ("Ready", "False", "RegistrationUnsupported"))?;
    assert_eq!(stage.sims.petra_requests(Some("PUT"), None), 0, "no key was sent");
    stage.sims.petra().set(&json!({"hasContract": true}))?;
    stage.wait_for("acme", LINKED[0])?;
    assert_eq!(deeds(&stage, "acme")?, ["created"]);
    Ok(())
}

#[test]
fn from_portal_to_api_without_adopt_from_the_conflict_names_a_fix() -> Result<()> {
    let stage = shared();
    let saved = stage.acknowledged("echo", |link| link.field("interval", json!(RARELY)))?;
    save_by_hand(stage, "echo", &saved)?;
    change_spec(stage, "echo", &json!({"registration": {"mode": "Api", "acknowledged": null}}))?;
    let conflict = stage.wait_for("echo", CONFLICT)?;
    let message = conflict.message("Ready");
    assert!(
        message.contains("set spec.registration.adoptFrom: unowned and spec.deletionPolicy"),
        "{message}"
    );
    assert_eq!(deeds(stage, "echo")?, ["placed"], "what a person made is left alone");

    change_spec(
        stage,
        "echo",
        &json!({"registration": {"adoptFrom": "unowned"}, "deletionPolicy": "Orphan"}),
    )?;
    stage.wait_for("echo", LINKED[0])?;
    assert_eq!(deeds(stage, "echo")?, ["placed", "adopted"]);
    Ok(())
}
