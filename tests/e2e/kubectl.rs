//! What people type, and what kubectl shows them.

use harness::simulators::world::MemberChange;
use harness::{Cluster, Link, Result, Sims, wait_for};
use serde_json::json;

use crate::conditions::LINKED;
use crate::linked::{RARELY, private_key};
use crate::stage::{Stage, cluster};

/// A table of kubectl, its cells parted by ` | `, and what differs from run to run masked: ages, ports and link ids.
fn masked(table: &str, sims: &Sims) -> String {
    let site = sims.site();
    let (_, port) = site.rsplit_once(':').unwrap_or_default();
    let titles: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    // A column begins where its title does.
    let begins: Vec<usize> = titles.iter().filter_map(|title| table.find(title)).collect();
    let cell = |line: &str, column: usize| {
        let end = begins.get(column + 1).map_or(line.len(), |end| line.len().min(*end));
        let text = line.get(begins[column]..end).unwrap_or_default().trim();
        match titles[column] {
            title if text.is_empty() || text == title => text.to_owned(),
            "AGE" | "VALIDATED" => "(age)".to_owned(),
            "LINK" => "(id)".to_owned(),
            _ => text.replace(port, "(port)"),
        }
    };
    let line =
        |line: &str| (0..titles.len()).map(|column| cell(line, column)).collect::<Vec<_>>().join(" | ");
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn get(cluster: &Cluster, namespace: &str, arguments: &[&str]) -> Result<String> {
    let arguments: Vec<_> = ["get", "--namespace", namespace].iter().chain(arguments).copied().collect();
    cluster.kubectl(&arguments, None)
}

#[test]
fn the_table_shows_at_a_glance_which_link_is_ready_and_what_to_do() -> Result<()> {
    let stage = Stage::set("table")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    for company in ["acme", "charlie"] {
        stage.apply_keys(company, &private_key(company))?;
        cluster.apply(namespace, &Link::new(company, sims).yaml())?;
    }
    cluster.apply(namespace, &Link::new("paused", sims).field("suspend", json!(true)).yaml())?;
    for (name, reason) in [("acme", "Linked"), ("charlie", "PermissionsMissing"), ("paused", "Suspended")] {
        cluster.wait_until(namespace, name, reason, |status| status.reason("Ready") == reason)?;
    }

    insta::assert_snapshot!("table", masked(&get(cluster, namespace, &["cwlinks"])?, sims));
    insta::assert_snapshot!(
        "table_wide",
        masked(&get(cluster, namespace, &["cwlinks", "--output=wide"])?, sims)
    );
    let names = get(cluster, namespace, &["connectwiselinks", "--output=name"])?;
    for other in ["connectwiselink", "cwlink", "cwlinks", "cwl", "petra"] {
        assert_eq!(get(cluster, namespace, &[other, "--output=name"])?, names, "{other}");
    }
    Ok(())
}

#[test]
fn kubectl_wait_ends_when_the_link_is_ready() -> Result<()> {
    let stage = Stage::set("waiting")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    let wait = |condition: &str| {
        let condition = format!("--for=condition={condition}");
        cluster.kubectl(
            &["wait", &condition, "--timeout=120s", "cwlink/charlie", "--namespace", namespace],
            None,
        )
    };

    cluster.apply(namespace, &Link::new("charlie", sims).yaml())?;
    stage.apply_keys("charlie", "CANARY-charlie-private")?;
    wait("PermissionDenied")?;
    wait("Stalled")?;
    sims.world().change_member(
        "charlie",
        "petraapi",
        MemberChange { role: Some("Petra".to_owned()), ..MemberChange::default() },
    )?;
    assert_eq!(wait("Ready")?, "connectwiselink.integrations.petrasecurity.com/charlie condition met");
    assert!(cluster.status(namespace, "charlie")?.is("Ready", "True", "Linked"));
    Ok(())
}

#[test]
fn describe_tells_each_transition_as_an_event() -> Result<()> {
    let stage = Stage::set("events")?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    stage.apply_keys("bravo", "CANARY-bravo-privat")?;
    cluster.apply(namespace, &Link::new("bravo", sims).yaml())?;
    cluster.wait_for_condition(namespace, "bravo", ("Ready", "False", "CredentialsRejected"))?;
    stage.apply_keys("bravo", "CANARY-bravo-private")?;
    cluster.wait_for_condition(namespace, "bravo", LINKED[0])?;

    let events = wait_for("both events", || {
        let described = cluster
            .kubectl(&["describe", "cwlink", "bravo", "--namespace", namespace], None)
            .map_err(|error| error.to_string())?;
        let (_, events) = described.split_once("\nEvents:\n").unwrap_or_default();
        if events.contains("Linked") { Ok(events.to_owned()) } else { Err(described) }
    })?;
    let told: Vec<Vec<_>> = events.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(told.len(), 2, "{events}");
    assert_eq!(told[0][..2], ["Warning", "CredentialsRejected"], "{events}");
    assert_eq!(told[1][..2], ["Normal", "Linked"], "{events}");
    assert!(
        events.contains("ConnectWise refused the API keys. In ConnectWise, open System > Members"),
        "{events}"
    );
    assert!(!events.contains("CANARY"), "{events}");
    Ok(())
}

#[test]
fn explain_reads_well() -> Result<()> {
    let cluster = cluster();
    for field in
        ["cwlinks", "cwlinks.spec", "cwlinks.spec.siteUrl", "cwlinks.spec.registration", "cwlinks.status"]
    {
        // What the API server publishes follows the CRD by a moment.
        let text = wait_for("kubectl explain", || {
            cluster.kubectl(&["explain", field], None).map_err(|error| error.to_string())
        })?;
        insta::assert_snapshot!(format!("explain_{}", field.replace('.', "_")), text);
    }
    Ok(())
}

#[test]
fn a_link_that_no_operator_has_seen_is_in_progress_however_it_was_made() -> Result<()> {
    let cluster = cluster();
    let namespace = "unseen";
    cluster.create_namespace(namespace)?;
    let sims = Sims::start_demo()?;
    let manifest = |name: &str| Link::new(name, &sims).yaml();

    cluster.kubectl(&["create", "--namespace", namespace, "--filename=-"], Some(&manifest("created")))?;
    cluster.apply(namespace, &manifest("applied"))?;
    cluster.apply_server_side(namespace, &manifest("applied-by-server"), "flux")?;
    for name in ["created", "applied", "applied-by-server"] {
        assert_eq!(*cluster.status(namespace, name)?.value(), json!({"observedGeneration": -1}), "{name}");
    }
    Ok(())
}

#[test]
fn a_ready_link_does_not_differ_from_its_manifest() -> Result<()> {
    let stage = Stage::set("gitops")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    // No routine check writes its time while this lasts.
    let manifest = |name: &str| Link::new(name, sims).field("interval", json!(RARELY)).yaml();
    for company in ["acme", "bravo"] {
        stage.apply_keys(company, &private_key(company))?;
    }
    cluster.apply(namespace, &manifest("acme"))?;
    cluster.apply_server_side(namespace, &manifest("bravo"), "flux")?;
    for name in ["acme", "bravo"] {
        cluster.wait_for_condition(namespace, name, LINKED[0])?;
    }

    let again =
        cluster.kubectl(&["apply", "--namespace", namespace, "--filename=-"], Some(&manifest("acme")))?;
    assert_eq!(again, "connectwiselink.integrations.petrasecurity.com/acme unchanged");
    let diff =
        cluster.try_kubectl(&["diff", "--namespace", namespace, "--filename=-"], Some(&manifest("acme")))?;
    assert_eq!((diff.success, diff.stdout.as_str()), (true, ""), "{diff:?}");

    let bravo = manifest("bravo");
    let flux = ["--server-side", "--field-manager=flux", "--namespace", namespace, "--filename=-"];
    let with_flux = |verb: &'static str| [verb].into_iter().chain(flux).collect::<Vec<_>>();
    let diff = cluster.try_kubectl(&with_flux("diff"), Some(&bravo))?;
    assert_eq!((diff.success, diff.stdout.as_str()), (true, ""), "{diff:?}");
    let applied = cluster.kubectl(&with_flux("apply"), Some(&bravo))?;
    assert_eq!(applied, "connectwiselink.integrations.petrasecurity.com/bravo serverside-applied");
    let link =
        cluster.json(&["get", "cwlink", "bravo", "--namespace", namespace, "--show-managed-fields"])?;
    let managers: Vec<_> = link["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| {
            (
                entry["manager"].as_str(),
                entry["subresource"].as_str(),
                entry["fieldsV1"]["f:spec"].is_object(),
            )
        })
        .collect();
    let operator = Some("cwlink");
    let expected = [(Some("flux"), None, true), (operator, None, false), (operator, Some("status"), false)];
    assert_eq!(managers, expected, "{link}");
    Ok(())
}
