//! Suspension: whatever a link's state is, nothing is asked and nothing is sent until it goes on.

use harness::simulators::world::MemberChange;
use harness::simulators::{Effect, Rule, Service};
use harness::{Link, OperatorOptions, Result, Status};
use serde_json::json;

use super::petra::problem_json;
use crate::conditions::{LINKED, Row, conditions};
use crate::linked::{MEMBER, OFTEN, RARELY, private_key};
use crate::stage::{SPEED, Stage};

fn suspend(stage: &Stage, name: &str, suspended: bool) -> Result<()> {
    stage.cluster.patch(&stage.namespace, name, &json!({"spec": {"suspend": suspended}}))
}

/// The operator has seen the present spec.
fn seen(stage: &Stage, name: &str) -> Result<Status> {
    stage.cluster.wait_until(&stage.namespace, name, "the spec was seen", |_| true)
}

/// Suspends links that stand like this, and sees that they stay so while `meanwhile` happens and time passes.
fn assert_left_alone(
    stage: &Stage,
    verdicts: &[(&str, Row)],
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<()> {
    for (name, verdict) in verdicts {
        let before = stage.wait_for(name, *verdict)?;
        suspend(stage, name, true)?;
        let after = seen(stage, name)?;
        assert_eq!(conditions(&after), conditions(&before), "{name}");
    }
    let moment = stage.moment()?;
    meanwhile()?;
    stage.wait_for_checks("golf", 3)?;
    let span = stage.since(&moment)?;
    for (name, _) in verdicts {
        assert_eq!(span.connectwise(Some(name)).len(), 0, "{name}");
    }
    assert_eq!(span.petra_about_links().len(), 0);
    let written = span.writes().into_iter().filter(|write| !write.ends_with(" golf"));
    assert_eq!(written.collect::<Vec<_>>(), Vec::<String>::new());
    Ok(())
}

#[test]
fn a_suspended_link_keeps_its_verdict_is_left_alone_and_goes_on_later() -> Result<()> {
    let stage = Stage::set("suspended")?;
    // Its checks show that time passes.
    stage.linked("golf", |link| {
        link.site(&stage.sims.host("psa.golf.localhost")).field("interval", json!(OFTEN))
    })?;
    stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    stage.apply_refused_link("bravo")?;
    stage.apply_link("charlie", |link| link)?;
    stage.apply_link("delta", |link| link.field("serviceBoard", json!("Nowhere")))?;
    stage.acknowledged("echo", |link| link.field("interval", json!(OFTEN)))?;
    let verdicts = [
        ("acme", LINKED[0]),
        ("bravo", ("Ready", "False", "CredentialsRejected")),
        ("charlie", ("Ready", "False", "PermissionsMissing")),
        ("delta", ("Ready", "False", "ServiceBoardNotReady")),
        ("echo", LINKED[0]),
    ];
    assert_left_alone(&stage, &verdicts, || Ok(()))?;

    stage.apply_keys("bravo", &private_key("bravo"))?;
    stage.cluster.patch(&stage.namespace, "delta", &json!({"spec": {"serviceBoard": "Help Desk"}}))?;
    for name in ["bravo", "delta"] {
        suspend(&stage, name, false)?;
        stage.wait_for(name, LINKED[0])?;
    }
    Ok(())
}

#[test]
fn a_link_suspended_while_it_waits_for_others_resumes_with_their_news() -> Result<()> {
    let stage = Stage::set("suspended-waiting")?;
    let petra = stage.sims.petra();
    stage.linked("golf", |link| {
        link.site(&stage.sims.host("psa.golf.localhost")).field("interval", json!(OFTEN))
    })?;
    // A link's id says of which company it is: one that is known here is moved out of its resource's hands.
    let id = stage.linked("bravo", |link| link)?.text("/link/id").to_owned();
    let foreign =
        json!({"companyId": "bravo", "siteUrl": stage.sims.site(), "owner": "elsewhere/team/bravo"});
    petra.place(&id, &foreign)?;
    let id_of_delta = stage.linked("delta", |link| link)?.text("/link/id").to_owned();
    petra.force_state(&id_of_delta, &json!({"state": "failed", "reason": "credentials_rejected"}))?;
    // The keys are sent again after a while: Petra refuses them each time.
    let refusal =
        json!({"code": "credentials_rejected", "title": "ConnectWise refused the keys", "status": 422});
    let refused = Effect::Status { status: 422, headers: problem_json(), body: refusal.to_string() };
    let rule = Rule { method: Some("PUT".to_owned()), ..Rule::on(Service::Petra, refused).company("delta") };
    stage.sims.faults().add(rule).expect("the rule can be carried out");
    stage.apply_link("echo", |link| link.mode("Portal"))?;
    let inactive = |inactive| MemberChange { inactive: Some(inactive), ..MemberChange::default() };
    stage.sims.world().change_member("foxtrot", MEMBER, inactive(true))?;
    stage.apply_link("foxtrot", |link| link)?;
    // Last, because it may wait only ten minutes of the operator's time to be confirmed.
    let id_of_acme = stage.linked("acme", |link| link)?.text("/link/id").to_owned();
    petra.force_state(&id_of_acme, &json!({"state": "pending"}))?;

    let verdicts = [
        ("acme", ("Ready", "Unknown", "AwaitingConfirmation")),
        ("bravo", ("Ready", "False", "LinkConflict")),
        ("delta", ("Ready", "False", "RegistrationRejected")),
        ("echo", ("Ready", "False", "PortalActionRequired")),
        ("foxtrot", ("Ready", "False", "MemberInactive")),
    ];
    assert_left_alone(&stage, &verdicts, || {
        petra.force_state(&id_of_acme, &json!({"state": "connected"}))?;
        petra.vanish(&id)?;
        stage.sims.world().change_member("foxtrot", MEMBER, inactive(false))?;
        Ok(())
    })?;
    for name in ["acme", "bravo", "foxtrot"] {
        suspend(&stage, name, false)?;
        stage.wait_for(name, LINKED[0])?;
    }
    Ok(())
}

#[test]
fn a_link_suspended_before_its_first_verdict_reads_nothing() -> Result<()> {
    let stage = Stage::set_with(OperatorOptions {
        time_speed: SPEED,
        ..OperatorOptions::in_namespace("unsuspended")
    })?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    let suspended = ("Ready", "Unknown", "Suspended");
    cluster.apply(namespace, &Link::new("acme", sims).field("suspend", json!(true)).yaml())?;
    cluster.apply(namespace, &Link::new("bravo", sims).yaml())?;
    stage.wait_for("acme", suspended)?;
    stage.wait_for("bravo", ("Ready", "False", "SecretNotFound"))?;
    suspend(&stage, "bravo", true)?;
    stage.wait_for("bravo", suspended)?;

    for name in ["acme", "bravo"] {
        stage.apply_keys(name, &private_key(name))?;
    }
    // Their Secrets' news came before those of this one.
    stage.linked("echo", |link| link.field("interval", json!(RARELY)))?;
    assert_eq!(sims.connectwise_requests(Some("acme")) + sims.connectwise_requests(Some("bravo")), 0);
    let calls = cluster.calls_by(stage.operator.user())?;
    let mut read = calls.iter().filter(|call| call.resource == "secrets" && call.verb == "get");
    assert!(read.all(|call| call.name == "echo-keys"));
    for name in ["acme", "bravo"] {
        let status = stage.status(name)?;
        assert!(status.is("Ready", "Unknown", "Suspended"), "{status}");
        suspend(&stage, name, false)?;
        stage.wait_for(name, LINKED[0])?;
    }
    Ok(())
}
