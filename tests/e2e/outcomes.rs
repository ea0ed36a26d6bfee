//! Applied from nothing, what a person reads, mended, Ready: the outcomes that the demo shows.

use harness::simulators::scenario::{Level, Override};
use harness::{Link, OperatorOptions, Result, Status};
use serde_json::json;

use crate::conditions::{ACCEPTED, GRANTED, LINKED, assert_conditions};
use crate::ledger::{COMPANYINFO, LINK};
use crate::linked::private_key;
use crate::stage::Stage;

#[track_caller]
fn assert_nothing_went_to_petra(stage: &Stage) -> Result<()> {
    assert_eq!(stage.sims.petra().changes()?, Vec::<serde_json::Value>::new());
    assert_eq!(stage.sims.petra_requests(Some("PUT"), None), 0, "no key was sent");
    Ok(())
}

/// Waits for the good end and asserts all of it: conditions, what Petra holds, and whose it is.
fn assert_becomes_linked(stage: &Stage, name: &str, company: &str, generation: i64) -> Result<Status> {
    let Stage { cluster, sims, namespace, .. } = stage;
    let status = cluster.wait_for_condition(namespace, name, LINKED[0])?;
    assert_conditions(&status, generation, &LINKED);
    let links = sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["companyId"], company);
    assert_eq!(links[0]["owner"], format!("harness/{namespace}/{name}"));
    assert_eq!(links[0]["linkId"], *status.field("/link/id"));
    assert_eq!(links[0]["credentialsVersion"], *status.field("/link/credentialsVersion"));
    assert_eq!(status.text("/link/state"), "connected");
    assert_eq!(status.text("/link/mode"), "Api");
    assert!(status.field("/permissions/missing").is_null(), "{status}");
    let unknown = status.field("/permissions/unknown").as_array().into_iter().flatten();
    let items: Vec<_> = unknown.filter_map(|line| line["function"].as_str()).collect();
    assert_eq!(
        items,
        [
            "Table Setup / Project / Project Board",
            "Table Setup / Service / Service Board",
            "Table Setup / Service / Source",
        ]
    );
    Ok(status)
}

#[test]
fn a_good_link_waits_for_petras_confirmation_and_is_then_ready() -> Result<()> {
    // Slow enough that the confirmation cannot time out while it is looked at.
    let stage =
        Stage::set_with(OperatorOptions { time_speed: 4.0, ..OperatorOptions::in_namespace("good") })?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    sims.petra().set(&json!({"confirmAfterMs": 3_600_000}))?;

    stage.apply_keys("acme", &private_key("acme"))?;
    cluster.apply(namespace, &Link::new("acme", sims).field("serviceBoard", json!("Help Desk")).yaml())?;
    let awaiting = ("Ready", "Unknown", "AwaitingConfirmation");
    let status = cluster.wait_for_condition(namespace, "acme", awaiting)?;
    assert_conditions(
        &status,
        1,
        &[
            awaiting,
            ACCEPTED,
            GRANTED,
            ("Registered", "Unknown", "AwaitingConfirmation"),
            ("Reconciling", "True", "AwaitingConfirmation"),
        ],
    );
    assert_eq!(status.text("/link/state"), "pending");
    assert_eq!(status.text("/link/owner"), format!("harness/{namespace}/acme"));
    let finalizers = &cluster.link(namespace, "acme")?["metadata"]["finalizers"];
    assert_eq!(*finalizers, json!(["integrations.petrasecurity.com/unlink"]));

    sims.petra().force_state(status.text("/link/id"), &json!({"state": "connected"}))?;
    let status = assert_becomes_linked(&stage, "acme", "acme", 1)?;
    assert_eq!(status.text("/site/host"), sims.site());
    assert_eq!(status.text("/site/version"), "2025.1.113045");
    assert_eq!(status.text("/inputs/serviceBoard"), "Help Desk");
    Ok(())
}

#[test]
fn refused_keys_are_said_to_be_refused_until_the_secret_holds_good_ones() -> Result<()> {
    let stage = Stage::set("keys")?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    stage.apply_keys("bravo", "CANARY-bravo-privat")?;
    cluster.apply(namespace, &Link::new("bravo", sims).yaml())?;
    let refused = ("Ready", "False", "CredentialsRejected");
    let status = cluster.wait_for_condition(namespace, "bravo", refused)?;
    assert_conditions(
        &status,
        1,
        &[
            refused,
            ("AuthFailed", "True", "CredentialsRejected"),
            ("PermissionDenied", "Unknown", "NotEvaluated"),
            ("Registered", "Unknown", "Pending"),
            ("Stalled", "True", "CredentialsRejected"),
        ],
    );
    let message = status.message("Ready");
    assert_eq!(message, status.message("AuthFailed"));
    for part in ["ConnectWise refused the API keys", "System > Members > API Members", "API Keys", "Secret"] {
        assert!(message.contains(part), "{message}");
    }
    // Nobody's keys have worked yet, so the fault may as well be the operator's.
    assert!(message.contains("clientId"), "{message}");
    assert_nothing_went_to_petra(&stage)?;

    stage.apply_keys("bravo", &private_key("bravo"))?;
    assert_becomes_linked(&stage, "bravo", "bravo", 1)?;
    Ok(())
}

#[test]
fn two_missing_lines_of_the_role_are_named_with_the_clicks_that_mend_them() -> Result<()> {
    let stage = Stage::set("role")?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    stage.apply_keys("charlie", &private_key("charlie"))?;
    cluster.apply(namespace, &Link::new("charlie", sims).yaml())?;
    let lacking = ("Ready", "False", "PermissionsMissing");
    let status = cluster.wait_for_condition(namespace, "charlie", lacking)?;
    assert_conditions(
        &status,
        1,
        &[
            lacking,
            ACCEPTED,
            ("PermissionDenied", "True", "PermissionsMissing"),
            ("Registered", "Unknown", "Pending"),
            ("Stalled", "True", "PermissionsMissing"),
        ],
    );
    let missing = json!([
        {
            "module": "Finance", "function": "Agreements", "action": "add", "required": "All", "actual": "My",
            "fix": "System > Security Roles > the API member's role > Finance > Agreements: set Add Level to All",
        },
        {
            "module": "Service Desk", "function": "Close Service Tickets", "action": "edit", "required": "All",
            "actual": "None",
            "fix": "System > Security Roles > the API member's role > Service Desk > Close Service Tickets: \
                    set Edit Level to All",
        },
    ]);
    assert_eq!(*status.field("/permissions/missing"), missing, "{status}");
    assert_eq!(status.text("/permissions/profile"), "GuideV1");
    let message = "The security role of the API member is missing 2 permissions required by profile GuideV1. In ConnectWise, \
                   open System > Security Roles > the API member's role. Set: Finance > Agreements: Add Level All \
                   (now My); Service Desk > Close Service Tickets: Edit Level All (now None). Save the role. The \
                   operator rechecks automatically within about 5 minutes.";
    assert_eq!((status.message("Ready"), status.message("PermissionDenied")), (message, message));
    assert_nothing_went_to_petra(&stage)?;

    // Nobody tells the operator.
    sims.world().change_role("Petra Two Lines Short", |role| {
        for (module, function, add, edit) in [
            ("Finance", "Agreements", Some(Level::All), None),
            ("Service Desk", "Close Service Tickets", None, Some(Level::All)),
        ] {
            let (module, function) = (module.to_owned(), function.to_owned());
            role.overrides.push(Override { module, function, add, edit, delete: None, inquire: None });
        }
    })?;
    assert_becomes_linked(&stage, "charlie", "charlie", 1)?;
    Ok(())
}

#[test]
fn a_misspelt_company_is_said_to_be_unknown_and_may_be_corrected() -> Result<()> {
    let stage = Stage::set("company")?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    let site = sims.host("psa.golf.localhost");
    stage.apply_keys("golf", &private_key("golf"))?;
    cluster.apply(namespace, &Link::new("golf", sims).company("gulf").site(&site).yaml())?;
    let unknown = ("Ready", "False", "CompanyUnknown");
    let status = cluster.wait_for_condition(namespace, "golf", unknown)?;
    assert_conditions(
        &status,
        1,
        &[
            unknown,
            ("AuthFailed", "True", "CompanyUnknown"),
            ("PermissionDenied", "Unknown", "NotEvaluated"),
            ("Registered", "Unknown", "Pending"),
            ("Stalled", "True", "CompanyUnknown"),
        ],
    );
    let message = status.message("Ready");
    for part in [format!("Company \"gulf\" was not found at {site}"), "spec.companyId".to_owned()] {
        assert!(message.contains(&part), "{message}");
    }
    assert_eq!(sims.connectwise_requests(Some("golf")), 0, "the keys went nowhere");
    assert_nothing_went_to_petra(&stage)?;

    cluster.patch(namespace, "golf", &json!({"spec": {"companyId": "golf"}}))?;
    let status = assert_becomes_linked(&stage, "golf", "golf", 2)?;
    assert_eq!(status.text("/inputs/companyId"), "golf");
    Ok(())
}

#[test]
fn a_link_waits_for_its_secret_and_sees_it_come() -> Result<()> {
    // The grace period is longer than anything is waited for here.
    let stage =
        Stage::set_with(OperatorOptions { time_speed: 2.0, ..OperatorOptions::in_namespace("secret") })?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    cluster.apply(namespace, &Link::new("echo", sims).yaml())?;
    let waiting = ("Ready", "Unknown", "WaitingForSecret");
    let status = cluster.wait_for_condition(namespace, "echo", waiting)?;
    assert_conditions(
        &status,
        1,
        &[
            waiting,
            ("AuthFailed", "Unknown", "NotEvaluated"),
            ("PermissionDenied", "Unknown", "NotEvaluated"),
            ("Registered", "Unknown", "Pending"),
            ("Reconciling", "True", "WaitingForSecret"),
        ],
    );
    let message = status.message("Ready");
    for part in ["Waiting for Secret \"echo-keys\"", "publicKey", "privateKey"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(sims.connectwise_requests(None), 0);
    assert_nothing_went_to_petra(&stage)?;

    stage.apply_keys("echo", &private_key("echo"))?;
    assert_becomes_linked(&stage, "echo", "echo", 1)?;
    Ok(())
}

#[test]
fn in_portal_mode_a_person_is_told_what_to_save_and_acknowledges_it() -> Result<()> {
    let stage = Stage::set("portal")?;
    let Stage { cluster, sims, namespace, .. } = &stage;

    stage.apply_keys("foxtrot", &private_key("foxtrot"))?;
    cluster.apply(namespace, &Link::new("foxtrot", sims).mode("Portal").yaml())?;
    let asked = ("Ready", "False", "PortalActionRequired");
    let status = cluster.wait_for_condition(namespace, "foxtrot", asked)?;
    assert_conditions(
        &status,
        1,
        &[
            asked,
            ACCEPTED,
            GRANTED,
            ("Registered", "False", "PortalActionRequired"),
            ("Stalled", "True", "PortalActionRequired"),
        ],
    );
    let message = status.message("Ready");
    let site = format!("Site URL {}", sims.site());
    for part in
        ["https://app.petrasecurity.com/settings", "Company ID foxtrot", &site, "Secret \"foxtrot-keys\""]
    {
        assert!(message.contains(part), "{message}");
    }
    let (_, rest) = message.split_once("to this token: ").unwrap_or_default();
    let token = rest.split_whitespace().next().unwrap_or_default().trim_end_matches('.').to_owned();
    assert!(token.ends_with(&status.text("/inputs/credentialsVersion")[..8]), "{message}");
    assert!(status.field("/link").is_null(), "nothing is recorded before the acknowledgement: {status}");

    // Another token acknowledges other keys, so nothing.
    let acknowledge = |token: &str| json!({"spec": {"registration": {"acknowledged": token}}});
    cluster.patch(namespace, "foxtrot", &acknowledge("00000000-00000000"))?;
    let status = cluster.wait_until(namespace, "foxtrot", "the spec was seen", |_| true)?;
    assert!(status.is("Ready", "False", "PortalActionRequired"), "{status}");

    cluster.patch(namespace, "foxtrot", &acknowledge(&token))?;
    let status = cluster.wait_for_condition(namespace, "foxtrot", LINKED[0])?;
    assert_conditions(&status, 3, &[LINKED[0], ACCEPTED, GRANTED, ("Registered", "True", "Acknowledged")]);
    assert_eq!(status.text("/link/mode"), "Portal");
    assert_eq!(status.text("/link/state"), "acknowledged");
    assert!(cluster.link(namespace, "foxtrot")?["metadata"]["finalizers"].is_null());
    assert_nothing_went_to_petra(&stage)?;
    Ok(())
}

#[test]
fn a_link_that_failed_at_petra_is_tried_again_after_a_good_check() -> Result<()> {
    let stage = Stage::set("failed-at-petra")?;
    let linked = stage.linked("acme", |link| link)?;
    let moment = stage.moment()?;
    let failed = json!({"state": "failed", "reason": "unreachable"});
    stage.sims.petra().force_state(linked.text("/link/id"), &failed)?;
    let rejected = stage.wait_for("acme", ("Ready", "False", "RegistrationRejected"))?;
    assert!(rejected.message("Ready").contains("cannot reach ConnectWise"), "{rejected}");
    stage.wait_for("acme", LINKED[0])?;
    let span = stage.since(&moment)?;
    let (checks, puts) = (span.connectwise_at(COMPANYINFO, "acme"), span.petra("PUT", LINK));
    assert_eq!(puts.len(), 1, "{puts:?}");
    assert!(checks.iter().any(|check| check.sequence < puts[0].sequence), "a full check comes first");
    Ok(())
}
