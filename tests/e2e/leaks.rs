//! Nothing of a Secret and no text of a remote body gets anywhere that people or machines can read.

mod spellings;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cwlink::connectwise::{CompanyId, Keys};
use harness::simulators::scenario::{KeyPair, PrivateKey, Scenario};
use harness::simulators::world::MemberChange;
use harness::simulators::{Effect, Options, Rule, Service};
use harness::{Link, Operator, OperatorOptions, Result, Sims, credentials};
use serde_json::json;
use spellings::Needles;

use crate::conditions::LINKED;
use crate::linked::{OFTEN, private_key};
use crate::stage::{SPEED, Stage, binary, cluster};

/// Part of every private key, of the Petra key and of every planted body.
const CANARY: &str = "CANARY";
const CLIENT_ID: &str = "5a0c0de0-0000-4000-8000-00000000feed";

/// Everything that must not be seen.
fn secrets(stage: &Stage, companies: &[&str]) -> Needles {
    // The operator's own rights: the token of its service account, which begins like every JWT.
    let mut secrets = [CANARY, CLIENT_ID, stage.sims.petra_key(), "eyJhbGciOi"].map(str::to_owned).to_vec();
    for company in companies {
        let public = format!("{company}-public");
        for private in [private_key(company), mistyped(company)] {
            secrets.extend(pairs(company, &public, &private));
        }
    }
    Needles::of(secrets.iter().map(String::as_str))
}

/// Keys, and what is made of them on their way.
fn pairs(company: &str, public: &str, private: &str) -> Vec<String> {
    vec![
        public.to_owned(),
        private.to_owned(),
        format!("{public}:{private}"),
        format!("{company}+{public}"),
        format!("{company}+{private}"),
        format!("{company}+{public}:{private}"),
    ]
}

fn mistyped(company: &str) -> String {
    format!("CANARY-{company}-mistyped")
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
    let info = |field: &str, value: &str| {
        let mut info = json!({
            "CompanyName": "CANARY-name", "Codebase": "v2025_1/", "CompanyID": "delta",
            "VersionCode": "v2025.CANARY", "VersionNumber": "vCANARY", "IsCloud": "CANARY",
        });
        info[field] = json!(value);
        at("delta", "companyinfo", Effect::Json(info)).times(1)
    };
    vec![
        // One part at a time, so that none is saved by what is wrong with another; and an info that is good as it is.
        info("Codebase", "v2025_CANARY/"),
        info("CompanyID", "CANARY id"),
        info("SiteUrl", "CANARY-site.example"),
        info("CompanyID", "delta"),
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

/// Answers what is asked under a path in a server's own words, as ConnectWise itself would: a verdict that is believed.
fn trap() -> Rule {
    let refusal = talkative(401, "application/json", r#"{"code":"Unauthorized","message":"CANARY"}"#);
    Rule::on(Service::ConnectWise, refusal).path_contains(CANARY)
}

/// Whose key it was: a name of letters alone, as long as a key of ConnectWise.
fn usage() -> Rule {
    Rule::on(
        Service::Petra,
        Effect::Json(json!({"organizationName": "CANARYprivatekey", "tenants": ["CANARY"]})),
    )
    .path_contains("/v1/usage")
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
    let effects =
        [problem(500, "CANARY-code"), problem(409, "owned_by_other"), problem(422, "connectwise_rejected")];
    effects.into_iter().map(|effect| once("PUT", effect)).collect()
}

fn once(method: &str, effect: Effect) -> Rule {
    Rule { method: Some(method.to_owned()), times: Some(1), ..Rule::on(Service::Petra, effect) }
}

/// What Petra says of a link while its keys are rotated: with one part in words of its own each time, and all the others
/// as they should be.
fn rotation_faults(id: &str, owner: &str, credentials_version: &str) -> Vec<Rule> {
    let link = |field: &str, value: &str| {
        let mut link = json!({
            "linkId": id, "companyId": "CANARY", "siteUrl": "https://CANARY.example", "owner": owner,
            "state": "connected", "reason": "CANARY-reason", "credentialsVersion": credentials_version,
            "version": "CANARY-version", "updatedAt": "CANARY", "confirmedAt": "CANARY", "CANARY": "CANARY",
        });
        link[field] = json!(value);
        link
    };
    let put = |field, value| once("PUT", Effect::Json(link(field, value))).path_contains(id);
    vec![
        once("GET", Effect::Json(json!({"links": [link("linkId", "CANARYprivatekey")], "next": null}))),
        once("GET", Effect::Json(json!({"links": [], "next": "CANARY-cursor"}))),
        put("linkId", "CANARYprivatekey"),
        put("owner", "canary/canary/canary"),
        put("state", "CANARY-state"),
        put("credentialsVersion", "CANARYprivatekey"),
        put("reason", "CANARY-reason"),
    ]
}

#[test]
fn no_secret_and_no_remote_text_is_shown_even_at_the_loudest_level() -> Result<()> {
    let options = OperatorOptions {
        time_speed: SPEED,
        client_id: CLIENT_ID.to_owned(),
        log_level: "trace,hyper=trace,kube_client=trace,rustls=trace,h2=trace".to_owned(),
        ..OperatorOptions::in_namespace("leaks")
    };
    let sims = Sims::start_demo()?;
    // The operator asks for it as soon as it starts.
    order(&sims, [trap(), usage()].into_iter().chain(connectwise_faults()).chain(petra_faults()));
    let operator = Operator::start(binary(), cluster(), &sims, &options)?;
    let mut stage = Stage { cluster: cluster(), sims, operator, namespace: options.namespace };

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
    every_fault_is_met(&stage.sims)?;
    let linked = stage.wait_for("acme", LINKED[0])?;
    stage.wait_for_event("acme", "Linked")?;
    stage.wait_for("delta", LINKED[0])?;

    // New keys, of which Petra talks again and again.
    let second = "CANARY-acme-second";
    stage.set_good_keys("acme", &[second])?;
    let keys = Keys::from_secret_data(Some(b"acme-public"), Some(second.as_bytes())).expect("keys");
    let version = keys.version(&CompanyId::parse("acme").expect("a company"));
    let (id, owner) = (linked.text("/link/id"), linked.text("/link/owner"));
    order(&stage.sims, rotation_faults(id, owner, version.as_str()));
    stage.apply_keys("acme", second)?;
    every_fault_is_met(&stage.sims)?;
    stage.cluster.wait_until(&stage.namespace, "acme", "Ready with the second keys", |status| {
        status.state("Ready") == "True" && status.text("/link/credentialsVersion") == version.as_str()
    })?;

    // Keys that Petra has and ConnectWise refuses, a Secret that is no text, a Petra that refuses the operator's key.
    stage.apply_keys("acme", &mistyped("acme"))?;
    stage.wait_for("acme", ("AuthFailed", "True", "CredentialsRejected"))?;
    stage.cluster.apply(&stage.namespace, &credentials("bravo-keys", "bravo-public", "CANARY\u{7}bell"))?;
    stage.wait_for("bravo", ("Ready", "False", "SecretInvalid"))?;
    let refused = talkative(401, "application/json", r#"{"error":"CANARY-refused"}"#);
    order(&stage.sims, [Rule::on(Service::Petra, refused)]);
    stage.cluster.delete(&stage.namespace, "acme")?;
    let blocked = stage.wait_for("acme", ("Ready", "False", "DeletionBlocked"))?;
    stage.wait_for_event("acme", "DeletionBlocked")?;
    assert!(!blocked.message("Ready").is_empty());
    let metrics = stage.operator.metrics()?;
    let livez = stage.operator.livez()?;
    assert!(stage.operator.stop()?.success());

    let secrets = secrets(&stage, &["acme", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"]);
    assert_nowhere(&stage, &secrets, &[("the metrics", metrics), ("the liveness answer", livez)])?;

    // The search finds what is there to be found.
    let secret =
        stage.cluster.kubectl(&["get", "secrets", "--namespace", &stage.namespace, "--output=json"], None)?;
    let plain = credentials("charlie-keys", "charlie-public", &private_key("charlie"));
    for text in [secret, plain] {
        assert!(secrets.found_in(&text).len() >= 2, "{:?}", secrets.found_in(&text));
    }
    Ok(())
}

fn order(sims: &Sims, rules: impl IntoIterator<Item = Rule>) {
    for rule in rules {
        sims.faults().add(rule).expect("the rules of this file can be carried out");
    }
}

fn every_fault_is_met(sims: &Sims) -> Result<()> {
    harness::wait_for("every fault is met", || {
        let (traps, faults): (Vec<_>, Vec<_>) =
            sims.faults().list().into_iter().partition(|it| it.rule.path_contains.as_deref() == Some(CANARY));
        assert!(traps.iter().all(|trap| trap.acted == 0), "keys were led to a path in a server's own words");
        let waiting: Vec<_> = faults.into_iter().filter(|fault| fault.acted == 0).collect();
        if waiting.is_empty() { Ok(()) } else { Err(format!("{waiting:?}")) }
    })
}

/// Searches all that the operator wrote: its output, the API server, and what it said on its port.
#[track_caller]
fn assert_nowhere(stage: &Stage, secrets: &Needles, said: &[(&str, String)]) -> Result<()> {
    let log = stage.operator.log();
    assert!(log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""), "it was loud");
    let mut places = vec![("the output", log)];
    for (place, kind) in [("a resource", "cwlink"), ("an event", "events"), ("a lease", "leases")] {
        let arguments = ["get", kind, "--namespace", &stage.namespace, "--output=json"];
        places.push((place, stage.cluster.kubectl(&arguments, None)?));
    }
    places.extend(said.iter().cloned());
    for (place, text) in &places {
        assert!(!text.is_empty(), "{place} was there");
        secrets.assert_none_in(place, text);
    }
    let bytes: usize = places.iter().map(|(_, text)| text.len()).sum();
    println!("{} spellings searched for in {bytes} bytes of {} places", secrets.len(), places.len());
    Ok(())
}

/// Whatever JSON, URLs, headers, YAML and terminals escape, and a colon, as far as keys may have it.
const ODD: &str = r#"CANARY"q\u0041b+/=&%41%<'#{}é€"#;

#[test]
fn keys_of_every_character_work_and_never_show_even_when_repeated() -> Result<()> {
    let (public, private) = (format!("{ODD} public"), format!("{ODD}:private"));
    // The operator's own key has to fit into a header as it is.
    let petra_key = r#"petra_CANARY"q\b+/=&%41<'#{}"#;
    let confirm_after = std::time::Duration::from_millis(500);
    let options = Options {
        petra_rate_limit: None,
        petra_keys: vec![petra_key.to_owned()],
        confirm_after,
        ..Options::default()
    };
    let sims = Sims::start(Scenario::demo(), options)?;
    let options = OperatorOptions {
        time_speed: SPEED,
        client_id: CLIENT_ID.to_owned(),
        log_level: "trace,hyper=trace,kube_client=trace,rustls=trace,h2=trace".to_owned(),
        ..OperatorOptions::in_namespace("leaks-odd")
    };
    let operator = Operator::start(binary(), cluster(), &sims, &options)?;
    let mut stage = Stage { cluster: cluster(), sims, operator, namespace: options.namespace };
    let pair = KeyPair { public: public.clone(), private: PrivateKey::new(&private) };
    let change = MemberChange { keys: Some(vec![pair]), ..MemberChange::default() };
    stage.sims.world().change_member("acme", "petraapi", change)?;

    // They are sent to both services as they are: ConnectWise takes them, from the operator and from Petra.
    stage.cluster.apply(&stage.namespace, &credentials("acme-keys", &public, &private))?;
    let link = Link::new("acme", &stage.sims).field("interval", json!(OFTEN)).yaml();
    stage.cluster.apply(&stage.namespace, &link)?;
    stage.wait_for("acme", LINKED[0])?;

    // What was sent comes back, in a refusal, a failure and a list.
    let basic = STANDARD.encode(format!("acme+{public}:{private}"));
    let echo = json!({"code": "Unauthorized", "message": format!("{private} {basic}"), "errors": [public]});
    let refusal = talkative(401, "application/json", &echo.to_string());
    let refusal = Rule::on(Service::ConnectWise, refusal).company("acme").path_contains("apis");
    let echo = json!({"links": [{"linkId": private, "owner": petra_key, "state": basic}], "next": petra_key});
    let page = Rule::on(Service::Petra, talkative(200, "application/json", &echo.to_string()));
    order(&stage.sims, [refusal, page]);
    stage.wait_for("acme", ("AuthFailed", "True", "CredentialsRejected"))?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.wait_for("acme", ("Ready", "False", "DeletionBlocked"))?;

    let metrics = stage.operator.metrics()?;
    let readyz = stage.operator.readyz()?;
    assert!(stage.operator.stop()?.success());
    let mut secrets = pairs("acme", &public, &private);
    secrets.extend([CANARY, CLIENT_ID, petra_key, ODD].map(str::to_owned));
    secrets.push(format!("Bearer {petra_key}"));
    let secrets = Needles::of(secrets.iter().map(String::as_str));
    assert_nowhere(&stage, &secrets, &[("the metrics", metrics), ("the readiness answer", readyz)])?;

    // The search finds what is there to be found: both keys, in base64.
    let secret = ["get", "secret", "acme-keys", "--namespace", &stage.namespace, "--output=json"];
    let found = stage.cluster.kubectl(&secret, None)?;
    assert!(secrets.found_in(&found).len() >= 2, "{:?}", secrets.found_in(&found));
    Ok(())
}
