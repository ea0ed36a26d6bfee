//! Nothing of a Secret and no text of a remote body gets anywhere that people or machines can read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::simulators::{Effect, Rule, Service};
use harness::{OperatorOptions, Result, credentials};
use serde_json::json;

use crate::conditions::LINKED;
use crate::linked::{OFTEN, private_key};
use crate::stage::{SPEED, Stage};

/// Part of every private key, of the Petra key and of every planted body.
const CANARY: &str = "CANARY";
const CLIENT_ID: &str = "5a0c0de0-0000-4000-8000-00000000feed";

/// Everything that must not be seen, in every form in which it is held or sent.
fn secrets(stage: &Stage, companies: &[&str]) -> Vec<String> {
    let bytes: Vec<_> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    let mut secrets = vec![CANARY.to_owned(), bytes.join(", "), bytes.join(","), CLIENT_ID.to_owned()];
    // The operator's own rights: the token of its service account, which begins like every JWT.
    secrets.extend([STANDARD.encode(stage.sims.petra_key()), "eyJhbGciOi".to_owned()]);
    for company in companies {
        let public = format!("{company}-public");
        for private in [private_key(company), mistyped(company)] {
            secrets.push(STANDARD.encode(&private));
            secrets.push(STANDARD.encode(format!("{company}+{public}:{private}")));
        }
        secrets.extend([STANDARD.encode(&public), public]);
    }
    secrets
}

fn mistyped(company: &str) -> String {
    format!("CANARY-{company}-mistyped")
}

/// Which of them are in a text, in any case.
fn found(secrets: &[String], text: &str) -> Vec<String> {
    let text = text.to_ascii_lowercase();
    secrets.iter().filter(|secret| text.contains(&secret.to_ascii_lowercase())).cloned().collect()
}

/// An answer that talks about its canary wherever HTTP lets it.
fn talkative(status: u16, content_type: &str, body: &str) -> Effect {
    let headers = [
        ("content-type", content_type),
        ("location", "https://CANARY-location.example/"),
        ("link", "<https://CANARY-link.example/next>; rel=\"next\""),
        ("retry-after", "CANARY-wait"),
        ("x-request-id", "CANARY-header"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Effect::Status { status, headers, body: body.to_owned() }
}

/// The bad days: which company meets what at ConnectWise.
fn connectwise_faults() -> Vec<Rule> {
    let json = "application/json";
    let at = |company: &str, path: &str, effect: Effect| {
        Rule::on(Service::ConnectWise, effect).company(company).path_contains(path)
    };
    vec![
        at(
            "delta",
            "companyinfo",
            Effect::Json(json!({
                "CompanyName": "CANARY-name", "Codebase": "CANARY_codebase/", "CompanyID": "CANARY-id",
                "VersionNumber": "vCANARY", "SiteUrl": "CANARY-site.example", "IsCloud": "CANARY",
            })),
        ),
        at(
            "echo",
            "mySecurity",
            talkative(401, json, r#"{"code":"CANARY-code","message":"CANARY-message"}"#),
        ),
        at("echo", "myMembers", talkative(500, "text/html", "<html>CANARY-page</html>")).times(1),
        at(
            "foxtrot",
            "mySecurity",
            Effect::Json(json!([
                {"moduleDescription": "CANARY-module", "securityFunction": "CANARY-function", "inquireLevel": "CANARY"},
            ])),
        ),
        at(
            "foxtrot",
            "boards",
            talkative(
                403,
                json,
                r#"{"code":"Security","message":"You do not have security permission. CANARY"}"#,
            ),
        ),
        at("golf", "apis", talkative(302, "text/plain", "CANARY-redirect")),
    ]
}

/// What Petra says to the first PUTs, one after the other.
fn petra_faults() -> Vec<Rule> {
    let problem = |status: u16, code: &str| {
        let body = json!({
            "type": "https://CANARY-type.example/", "title": "CANARY-title", "detail": "CANARY-detail", "code": code,
            "owner": "CANARY-installation/CANARY-namespace/CANARY-name",
        });
        talkative(status, "application/problem+json", &body.to_string())
    };
    let effects = [
        problem(500, "CANARY-code"),
        problem(409, "owned_by_other"),
        problem(422, "connectwise_rejected"),
        talkative(200, "application/json", r#"{"linkId":"CANARY-id","state":"CANARY-state"}"#),
    ];
    let put =
        |effect| Rule { method: Some("PUT".to_owned()), times: Some(1), ..Rule::on(Service::Petra, effect) };
    effects.into_iter().map(put).collect()
}

#[test]
fn no_secret_and_no_remote_text_is_seen_anywhere_even_at_the_loudest_level() -> Result<()> {
    let mut stage = Stage::set_with(OperatorOptions {
        time_speed: SPEED,
        client_id: CLIENT_ID.to_owned(),
        log_level: "trace,hyper=trace,kube_client=trace,rustls=trace,h2=trace".to_owned(),
        ..OperatorOptions::in_namespace("leaks")
    })?;
    let faults = stage.sims.faults();
    let mut rules = Vec::new();
    for rule in connectwise_faults().into_iter().chain(petra_faults()) {
        rules.push(faults.add(rule).expect("the rules of this file can be carried out"));
    }

    // Good keys, refused keys, a role that lacks lines, and a bad day for each of the others.
    stage.apply_link("acme", |link| link.field("interval", json!(OFTEN)))?;
    stage.apply_refused_link("bravo")?;
    stage.apply_link("charlie", |link| link)?;
    let golf = stage.sims.host("psa.golf.localhost");
    for name in ["delta", "echo", "foxtrot"] {
        stage.apply_link(name, |link| link.field("serviceBoard", json!("Help Desk")))?;
    }
    stage.apply_link("golf", |link| link.site(&golf))?;
    stage.wait_for("bravo", ("AuthFailed", "True", "CredentialsRejected"))?;
    stage.wait_for("charlie", ("PermissionDenied", "True", "PermissionsMissing"))?;
    harness::wait_for("every fault is met", || {
        let waiting: Vec<_> = faults.list().into_iter().filter(|rule| rule.acted == 0).collect();
        if waiting.is_empty() { Ok(()) } else { Err(format!("{waiting:?}")) }
    })?;
    assert_eq!(faults.list().len(), rules.len());
    stage.wait_for("acme", LINKED[0])?;
    stage.wait_for_event("acme", "Linked")?;

    // Keys that Petra has and ConnectWise refuses, a Secret that is no text, a Petra that refuses the operator's key.
    stage.apply_keys("acme", &mistyped("acme"))?;
    stage.wait_for("acme", ("AuthFailed", "True", "CredentialsRejected"))?;
    stage.cluster.apply(&stage.namespace, &credentials("bravo-keys", "bravo-public", "CANARY\u{7}bell"))?;
    stage.wait_for("bravo", ("Ready", "False", "SecretInvalid"))?;
    let refused = talkative(401, "application/json", r#"{"error":"CANARY-refused"}"#);
    faults.add(Rule::on(Service::Petra, refused)).expect("the rule can be carried out");
    stage.cluster.delete(&stage.namespace, "acme")?;
    let blocked = stage.wait_for("acme", ("Ready", "False", "DeletionBlocked"))?;
    stage.wait_for_event("acme", "DeletionBlocked")?;
    assert!(!blocked.message("Ready").is_empty());
    let metrics = stage.operator.metrics()?;
    let livez = stage.operator.livez()?;
    assert!(stage.operator.stop()?.success());

    let secrets = secrets(&stage, &["acme", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"]);
    let in_namespace = |kind: &str| {
        stage.cluster.kubectl(&["get", kind, "--namespace", &stage.namespace, "--output=json"], None)
    };
    let log = stage.operator.log();
    assert!(log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""), "it was loud");
    for (place, text) in [
        ("the log", log),
        ("a resource", in_namespace("cwlink")?),
        ("an event", in_namespace("events")?),
        ("the metrics", metrics),
        ("the liveness answer", livez),
    ] {
        assert!(!text.is_empty(), "{place} was there");
        let lines: Vec<_> = text.lines().filter(|line| !found(&secrets, line).is_empty()).collect();
        assert!(lines.is_empty(), "{:?} in {place}: {lines:#?}", found(&secrets, &text));
    }

    // The search finds what is there to be found.
    let secret = in_namespace("secrets")?;
    let plain = credentials("charlie-keys", "charlie-public", &private_key("charlie"));
    for text in [secret, plain] {
        assert!(found(&secrets, &text).len() >= 2, "{:?}", found(&secrets, &text));
    }
    Ok(())
}
