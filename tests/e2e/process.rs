//! The process: its flags, its end, what it tells on its port, and what it asks of the cluster.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use harness::{Link, OperatorOptions, Result, credentials, wait_for};

use crate::conditions::LINKED;
use crate::stage::{Stage, binary};

/// So slow that the operator does nothing by the clock while a test lasts, and no grace period ends.
fn calm(namespace: &str) -> OperatorOptions {
    OperatorOptions { time_speed: 2.0, ..OperatorOptions::in_namespace(namespace) }
}

/// Runs the operator with what it needs and these flags, and returns its exit code and what it says.
pub fn refused(flags: &[&str]) -> (Option<i32>, String) {
    let mut client_id = tempfile::NamedTempFile::new().expect("a file");
    client_id.write_all(b"5a0c0de0-0000-4000-8000-0000000000ca").expect("written");
    let output = Command::new(binary())
        .args(["run", "--namespace=team-a"])
        .arg(format!("--connectwise-client-id-file={}", client_id.path().display()))
        .args(flags)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn flags_that_make_no_sense_end_it_with_code_2_and_a_line_for_each() {
    for (flags, named) in [
        (
            &["--petra-url=http://petra.example.com", "--installation-id=x"][..],
            &["--petra-key-file", "--petra-url"][..],
        ),
        (&["--petra-url=https://petra.example.com"], &["--installation-id", "--petra-key-file"]),
        (&["--registration=Api"], &["--registration"]),
        (&["--watch-namespaces=Team_A"], &["--watch-namespaces"]),
        (&["--allow-site=https://psa.example.com/path"], &["--allow-site"]),
        (&["--connectwise-requests-per-minute=5000"], &["--connectwise-requests-per-minute"]),
        (&["--ca-bundle=/nowhere/ca.pem", "--egress-proxy=ftp://x"], &["--ca-bundle", "--egress-proxy"]),
    ] {
        let (code, said) = refused(flags);
        assert_eq!(code, Some(2), "{flags:?}: {said}");
        let mut complaints: Vec<_> =
            said.lines().skip(1).filter_map(|line| line.trim().split(": ").next()).collect();
        complaints.sort_unstable();
        assert_eq!((said.lines().next(), &complaints[..]), (Some("cwlink cannot start:"), named), "{said}");
    }
}

#[test]
fn flags_that_cannot_be_read_end_it_with_code_2_and_are_named() {
    for (flag, named) in [
        ("--concurrency=0", "--concurrency"),
        ("--watch-secrets=perhaps", "--watch-secrets"),
        // A secret is never a flag.
        ("--petra-key=petra_CANARY", "--petra-key"),
    ] {
        let (code, said) = refused(&[flag]);
        assert_eq!(code, Some(2), "{flag}: {said}");
        assert!(said.starts_with("error: ") && said.contains(named), "{said}");
    }
}

#[test]
fn sigterm_ends_it_in_order() -> Result<()> {
    let mut stage = Stage::set("sigterm")?;
    assert!(stage.operator.livez()?.starts_with("alive"));
    assert!(stage.operator.readyz()?.lines().all(|gate| gate.starts_with("[+]")));
    let ended = stage.operator.stop()?;
    assert_eq!(ended.code(), Some(0), "{ended}");
    Ok(())
}

#[test]
fn the_log_names_every_host_that_keys_may_go_to() -> Result<()> {
    let stage = Stage::set_with(OperatorOptions {
        extra_args: vec!["--allow-site=psa.example.com".to_owned()],
        ..calm("hosts-told")
    })?;
    let log = stage.operator.log();
    let said =
        log.lines().find(|line| line.contains("API keys may be sent to these hosts")).unwrap_or_default();
    for host in ["psa.example.com", "api-psa.example.com", "api-na.myconnectwise.net"] {
        assert!(said.contains(&format!(" {host}")), "{host} in {said:?}");
    }
    assert!(!said.contains("staging"), "nobody allowed it: {said:?}");
    Ok(())
}

#[test]
fn a_log_that_nobody_reads_any_more_stops_nothing() -> Result<()> {
    let mut stage = Stage::set("closed-log")?;
    stage.operator.lose_log_reader();
    stage.operator.restart()?;
    let logged = stage.operator.log();
    stage.linked("acme", |link| link)?;
    assert!(stage.operator.livez()?.starts_with("alive"));
    assert_eq!(stage.operator.log(), logged, "the reader is gone");
    let ended = stage.operator.stop()?;
    assert_eq!(ended.code(), Some(0), "{ended}");
    let lease = stage.cluster.json(&["get", "lease", "cwlink", "--namespace", &stage.namespace])?;
    assert_eq!(lease["spec"]["holderIdentity"].as_str().unwrap_or_default(), "", "the Lease is given back");
    Ok(())
}

#[test]
fn what_cannot_be_printed_ends_a_command_without_a_panic() {
    for arguments in [&["crd"][..], &["run", "--namespace=Bad"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let also = writer.try_clone().expect("a pipe");
        let mut command = Command::new(binary());
        let ended =
            command.args(arguments).env_clear().stdin(Stdio::null()).stdout(writer).stderr(also).status();
        let code = ended.expect("the binary runs").code();
        assert!(matches!(code, Some(1 | 2)), "{arguments:?}: {code:?}");
    }
}

#[test]
fn metrics_count_calls_and_links_and_name_nobody() -> Result<()> {
    let stage = Stage::set_with(calm("east-coast"))?;
    let Stage { cluster, sims, operator, namespace } = &stage;
    cluster.apply(namespace, &credentials("northwind-keys", "acme-public", "CANARY-acme-private"))?;
    cluster.apply(namespace, &Link::new("northwind", sims).company("acme").yaml())?;
    cluster.apply(namespace, &Link::new("southwind", sims).company("bravo").yaml())?;
    cluster.wait_for_condition(namespace, "northwind", LINKED[0])?;
    cluster.wait_for_condition(namespace, "southwind", ("Ready", "Unknown", "WaitingForSecret"))?;

    for (service, operation) in [
        ("connectwise", "companyinfo"),
        ("connectwise", "mySecurity"),
        ("petra", "putLink"),
        ("petra", "getUsage"),
    ] {
        let labels = [("service", service), ("operation", operation), ("outcome", "2xx")]
            .map(|(label, value)| format!("{label}=\"{value}\""));
        let labels = labels.each_ref().map(String::as_str);
        let counted = operator.metric("cwlink_requests_total", &labels)?;
        assert_eq!(counted.to_string(), "1", "{operation}");
    }
    for (condition, status, reason, links) in [
        ("Ready", "True", "Linked", 1),
        ("Ready", "Unknown", "WaitingForSecret", 1),
        ("AuthFailed", "False", "CredentialsAccepted", 1),
        ("PermissionDenied", "False", "GrantedAsFarAsVisible", 1),
        ("PermissionDenied", "Unknown", "NotEvaluated", 1),
        ("Registered", "True", "Confirmed", 1),
        ("Ready", "False", "CredentialsRejected", 0),
    ] {
        let labels = [("condition", condition), ("status", status), ("reason", reason)]
            .map(|(label, value)| format!("{label}=\"{value}\""));
        let labels = labels.each_ref().map(String::as_str);
        assert_eq!(operator.metric("cwlink_links", &labels)?.to_string(), links.to_string(), "{labels:?}");
    }
    let metrics = operator.metrics()?;
    for name in ["northwind", "southwind", "acme", "bravo", namespace, "myconnectwise", "CANARY"] {
        assert!(!metrics.contains(name), "{name} is told by a metric");
    }
    Ok(())
}

#[test]
fn the_shipped_rights_are_enough_and_none_is_asked_for_in_vain() -> Result<()> {
    let mut stage = Stage::set("rights")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    stage.apply_keys("acme", "CANARY-acme-private")?;
    cluster.apply(namespace, &Link::new("acme", sims).yaml())?;
    cluster.wait_for_condition(namespace, "acme", LINKED[0])?;
    cluster.delete(namespace, "acme")?;
    cluster.wait_gone(namespace, "acme")?;

    // A watch is recorded when it ends.
    assert!(stage.operator.stop()?.success());

    let Stage { cluster, operator, namespace, .. } = &stage;
    let asked = wait_for("the record of both watches", || {
        let calls = cluster.calls_by(operator.user()).map_err(|error| error.to_string())?;
        let ended = calls.iter().filter(|call| call.verb == "watch").count();
        if ended >= 2 { Ok(calls) } else { Err(format!("{calls:?}")) }
    })?;
    for call in &asked {
        assert!(call.status < 400, "{call:?}");
        assert_eq!(call.namespace, *namespace, "{call:?}");
    }
    let asked: BTreeSet<_> = asked
        .iter()
        .map(|call| format!("{} {} {}", call.verb, call.resource, call.subresource).trim_end().to_owned())
        .collect();
    let granted = [
        "create events",
        "get secrets",
        "list connectwiselinks",
        "list secrets",
        "patch connectwiselinks",
        "update connectwiselinks status",
        "watch connectwiselinks",
        "watch secrets",
    ];
    assert_eq!(asked, granted.map(str::to_owned).into(), "each right of the shipped Role is used");
    Ok(())
}
