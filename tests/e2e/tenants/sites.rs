//! Everything that a spec can hold, against the real schema and the real operator.

use harness::{Link, OperatorOptions, Result, Sims, wait_for};
use serde_json::{Value, json};

use crate::stage::{SPEED, Stage};

/// A site that nobody may be led to, and the reason that is told.
const SITES: &[(&str, &str)] = &[
    ("bücher.example", "SiteNotAllowed"),
    ("xn--bcher-kva.example", "SiteNotAllowed"),
    // Letters that look like those of a cloud host: punycode tells them apart.
    ("nа.myconnectwise.net", "SiteNotAllowed"),
    ("na。myconnectwise。org", "SiteNotAllowed"),
    ("na.myconnectwise.net.example.com", "SiteNotAllowed"),
    ("https://na.myconnectwise.net@evil.example", "SpecInvalid"),
    ("user:password@na.myconnectwise.net", "SpecInvalid"),
    ("na.myconnectwise.net:8443", "SiteNotAllowed"),
    ("na.myconnectwise.net:0", "SpecInvalid"),
    ("na.myconnectwise.net:65536", "SpecInvalid"),
    ("na.myconnectwise.net:", "SpecInvalid"),
    ("evil.example.", "SiteNotAllowed"),
    ("na.myconnectwise.net..", "SpecInvalid"),
    (".myconnectwise.net", "SpecInvalid"),
    ("http://na.myconnectwise.net", "SpecInvalid"),
    ("file:///etc/passwd", "SpecInvalid"),
    ("127.0.0.1", "SpecInvalid"),
    ("2130706433", "SpecInvalid"),
    ("0x7f.1", "SpecInvalid"),
    ("[::1]", "SpecInvalid"),
    ("::ffff:169.254.169.254", "SpecInvalid"),
    ("localhost", "SiteNotAllowed"),
    ("kubernetes.default.svc", "SiteNotAllowed"),
    ("intranet", "SpecInvalid"),
    ("a b.example", "SpecInvalid"),
    ("evil.example\r\nHost: na.myconnectwise.net", "SpecInvalid"),
    ("evil.example\u{0}", "SpecInvalid"),
    ("na.myconnectwise.net%2eevil.example", "SpecInvalid"),
    ("-a.example", "SpecInvalid"),
    ("a_b.example", "SpecInvalid"),
    ("../../etc", "SpecInvalid"),
    ("\u{202e}ten.esiwtcennocym.an", "SpecInvalid"),
];

/// What the schema refuses: the field, a value, and words of the refusal.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let long = |length: usize| json!("a".repeat(length));
    vec![
        ("siteUrl", long(256), "Too long: may not be more than 255"),
        ("siteUrl", json!(""), "should be at least 1 chars long"),
        ("siteUrl", json!(7), "must be of type string"),
        ("companyId", long(65), "Too long: may not be more than 64"),
        ("companyId", json!("acme\u{0}"), "companyId must begin with"),
        ("companyId", json!("аcme"), "companyId must begin with"),
        ("credentialsSecretRef", json!({"name": "a".repeat(254)}), "Too long: may not be more than 253"),
        ("credentialsSecretRef", Value::Null, "Required value"),
        ("permissionProfile", long(300), "Too long"),
        ("serviceBoard", long(300), "Too long"),
        ("registration", json!({"acknowledged": "a".repeat(300)}), "Too long"),
        ("registration", json!({"mode": "Root"}), "Unsupported value"),
        ("interval", json!("5m; rm -rf /"), "interval must be a duration"),
        ("suspend", json!("maybe"), "must be of type boolean"),
        ("deletionPolicy", json!("Delete"), "Unsupported value"),
    ]
}

#[test]
fn what_the_schema_refuses_is_refused_in_a_sentence_that_names_the_field() -> Result<()> {
    let cluster = crate::stage::cluster();
    let sims = Sims::start_demo()?;
    let mut wrong = Vec::new();
    for (field, value, words) in refused() {
        let link = Link::new("acme", &sims).field(field, value.clone());
        let create = ["create", "--dry-run=server", "--filename=-"];
        let said = cluster.try_kubectl(&create, Some(&link.yaml()))?.stderr;
        if !said.contains(&format!("spec.{field}")) || !said.contains(words) {
            wrong.push(format!("{field} {value}: {said:?} instead of {words:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_odd_site_ends_in_a_condition_with_a_fix_and_reads_no_secret() -> Result<()> {
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace("tenant-sites") };
    let stage = Stage::set_with(options)?;
    let longest = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
    let beyond = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63));
    let sites: Vec<_> =
        SITES.iter().copied().chain([(&*longest, "SiteNotAllowed"), (&*beyond, "SpecInvalid")]).collect();
    let name = |nth: usize| format!("site-{nth}");
    let manifests: Vec<_> = sites
        .iter()
        .enumerate()
        .map(|(nth, (site, _))| Link::new(&name(nth), &stage.sims).company("acme").site(site).yaml())
        .collect();
    stage.apply_keys("acme", "CANARY-acme-private")?;
    stage.cluster.apply(&stage.namespace, &manifests.join("\n---\n"))?;

    let judged = |link: &Value| link["status"]["observedGeneration"] == link["metadata"]["generation"];
    let links = wait_for("every link is judged", || {
        let links = stage.cluster.json(&["get", "cwlink", "--namespace", &stage.namespace]);
        let links =
            links.map_err(|error| error.to_string())?["items"].as_array().cloned().unwrap_or_default();
        if links.iter().all(judged) { Ok(links) } else { Err(format!("{links:#?}")) }
    })?;
    let mut wrong = Vec::new();
    for (nth, (site, reason)) in sites.iter().enumerate() {
        let link = links.iter().find(|link| link["metadata"]["name"] == name(nth)).expect("it was made");
        let status = harness::Status::of(link);
        let message = status.message("Ready");
        let is_clear = message.contains("spec.siteUrl") && message.len() <= 1024;
        if !status.is("Ready", "False", reason) || status.state("Stalled") != "True" || !is_clear {
            wrong.push(format!("{site:?}: {status}"));
        }
        // No control character and no lure of a right-to-left mark gets out of a spec.
        if message.chars().any(|character| !character.is_ascii_graphic() && character != ' ') {
            wrong.push(format!("{site:?} is told as it is: {message:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let calls = stage.cluster.calls_by(stage.operator.user())?;
    assert!(!calls.iter().any(|call| call.resource == "secrets" && call.verb == "get"));
    assert_eq!(stage.sims.connectwise_requests(None), 0);
    Ok(())
}
