//! Keys that change, and Secrets that change without their keys.

use harness::{OperatorOptions, Result};
use serde_json::json;

use crate::conditions::{LINKED, conditions};
use crate::ledger::{COMPANYINFO, LINK, MY_SECURITY};
use crate::linked::{RARELY, private_key};
use crate::stage::Stage;

#[test]
fn new_keys_are_checked_at_connectwise_before_they_reach_petra() -> Result<()> {
    let stage = Stage::set("rotation")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    let first_key = private_key("acme");
    stage.set_good_keys("acme", &[&first_key, "CANARY-acme-second"])?;
    let first = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let id = first.text("/link/id").to_owned();
    let digest = |links: Vec<serde_json::Value>| links[0]["keysDigest"].clone();
    let first_digest = digest(sims.petra().links()?);

    // Good keys.
    let mut history = stage.follow("acme")?;
    let moment = stage.moment()?;
    stage.apply_keys("acme", "CANARY-acme-second")?;
    let second = history.until("Ready with the new keys", |status| {
        status.state("Ready") == "True"
            && status.field("/inputs/credentialsVersion") != first.field("/inputs/credentialsVersion")
    })?;
    for type_ in ["Ready", "AuthFailed", "PermissionDenied"] {
        let course = history.course(type_);
        assert_eq!(course[1], "Unknown Pending", "{type_} goes back before anything is asked: {course:?}");
    }
    assert!(!history.was_ever("Ready", "False"), "{:?}", history.course("Ready"));
    assert!(!history.was_ever("AuthFailed", "True"), "{:?}", history.course("AuthFailed"));
    assert!(!history.was_ever("Registered", "False"), "{:?}", history.course("Registered"));
    let span = stage.since(&moment)?;
    for route in [COMPANYINFO, MY_SECURITY] {
        assert_eq!(span.connectwise_at(route, "acme").len(), 1, "one full round: {route}");
    }
    assert_eq!(span.petra("PUT", LINK).len(), 1);
    assert_eq!(second.text("/link/id"), id, "it is the same link");
    assert_eq!(second.field("/link/credentialsVersion"), second.field("/inputs/credentialsVersion"));
    let links = sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["credentialsVersion"], *second.field("/link/credentialsVersion"));
    assert_ne!(digest(links), first_digest, "Petra has the new keys");

    // A wrong key.
    let changes = sims.petra().changes()?;
    let moment = stage.moment()?;
    stage.apply_keys("acme", "CANARY-acme-mistyped")?;
    let refused = stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    assert!(refused.is("AuthFailed", "True", "CredentialsRejected"), "{refused}");
    assert!(refused.message("Ready").contains("Petra still has the previous keys"), "{refused}");
    assert!(refused.is("Registered", "True", "Confirmed"), "{refused}");
    assert_eq!(refused.field("/link"), second.field("/link"), "the record of what Petra holds stays");
    assert_eq!(stage.since(&moment)?.petra("PUT", LINK).len(), 0, "no refused key is sent");
    assert_eq!(sims.petra().changes()?, changes);

    // The right one again: Petra has it already.
    stage.apply_keys("acme", "CANARY-acme-second")?;
    let mended = stage.wait_for("acme", LINKED[0])?;
    assert_eq!(mended.field("/link"), second.field("/link"));
    assert_eq!(sims.petra().changes()?, changes, "Petra has these keys already");

    // Back to the first pair.
    stage.apply_keys("acme", &first_key)?;
    let back = cluster.wait_until(namespace, "acme", "Ready with the first keys", |status| {
        status.state("Ready") == "True"
            && status.field("/link/credentialsVersion") == first.field("/link/credentialsVersion")
    })?;
    assert_eq!(back.text("/link/id"), id);
    let links = sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(digest(links), first_digest);
    Ok(())
}

#[test]
fn a_secret_whose_two_keys_change_one_after_the_other_accuses_nobody() -> Result<()> {
    // Slow enough that the second key comes within the floor of the first.
    let stage = Stage::set_with(OperatorOptions {
        time_speed: 2.0,
        ..OperatorOptions::in_namespace("rotation-torn")
    })?;
    let second = "CANARY-acme-second";
    stage.set_good_keys("acme", &[&private_key("acme"), second])?;
    let first = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let mut history = stage.follow("acme")?;

    // The pair of a public and a private key that do not belong together is refused.
    stage.apply_keys("acme", "CANARY-acme-half")?;
    history.until("refused once", |status| {
        status.is("Ready", "Unknown", "Checking") && status.message("Ready").contains("once more")
    })?;
    stage.apply_keys("acme", second)?;
    history.until("Ready with the new keys", |status| {
        status.state("Ready") == "True"
            && status.field("/link/credentialsVersion") != first.field("/link/credentialsVersion")
    })?;
    assert!(!history.was_ever("Ready", "False"), "{:?}", history.course("Ready"));
    assert!(!history.was_ever("AuthFailed", "True"), "{:?}", history.course("AuthFailed"));
    assert_eq!(stage.notes("acme", "CredentialsRejected")?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_rotation_keeps_the_tenant_mappings_that_people_made_at_petra() -> Result<()> {
    let stage = Stage::set("rotation-mappings")?;
    stage.set_good_keys("acme", &[&private_key("acme"), "CANARY-acme-second"])?;
    let first = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let link = &stage.sims.petra().links()?[0];
    let mapped = json!({
        "companyId": link["companyId"], "siteUrl": link["siteUrl"], "owner": link["owner"],
        "credentialsVersion": link["credentialsVersion"], "tenantMappings": 7,
    });
    stage.sims.petra().place(first.text("/link/id"), &mapped)?;

    stage.apply_keys("acme", "CANARY-acme-second")?;
    stage.cluster.wait_until(&stage.namespace, "acme", "Ready with the new keys", |status| {
        status.state("Ready") == "True"
            && status.field("/link/credentialsVersion") != first.field("/link/credentialsVersion")
    })?;
    let links = stage.sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["tenantMappings"], 7);
    assert_ne!(links[0]["credentialsVersion"], *first.field("/link/credentialsVersion"));
    Ok(())
}

#[test]
fn a_label_on_the_secret_is_no_news_for_anybody() -> Result<()> {
    let stage = Stage::set("rotation-label")?;
    let Stage { cluster, namespace, .. } = &stage;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let moment = stage.moment()?;

    cluster.kubectl(&["label", "secret", "acme-keys", "--namespace", namespace, "team=blue"], None)?;
    let after = cluster.wait_until(namespace, "acme", "another version of the Secret", |status| {
        status.field("/inputs/secretResourceVersion") != before.field("/inputs/secretResourceVersion")
    })?;
    assert_eq!(after.field("/conditions"), before.field("/conditions"));
    assert_eq!(after.field("/link"), before.field("/link"));
    assert_eq!(after.field("/inputs/credentialsVersion"), before.field("/inputs/credentialsVersion"));

    // What ends with the operator is all there is.
    let mut stage = stage;
    stage.operator.stop()?;
    let span = stage.since(&moment)?;
    assert_eq!(span.secrets_read(), ["acme-keys"]);
    assert_eq!(span.writes(), ["update connectwiselinks/status acme"]);
    assert_eq!(span.connectwise(None).len(), 0);
    assert_eq!(span.petra_about_links().len(), 0);
    Ok(())
}

#[test]
fn another_interval_or_deletion_policy_is_one_write_and_no_question() -> Result<()> {
    let stage = Stage::set("neutral")?;
    let Stage { cluster, namespace, .. } = &stage;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let moment = stage.moment()?;

    let changes = [json!({"interval": "12h"}), json!({"deletionPolicy": "Orphan"})];
    for (spec, generation) in changes.into_iter().zip(2..) {
        cluster.patch(namespace, "acme", &json!({"spec": spec}))?;
        let after = cluster.wait_until(namespace, "acme", "the spec was seen", |status| {
            *status.field("/observedGeneration") == generation
        })?;
        assert_eq!(conditions(&after), conditions(&before), "{spec}");
        for part in ["/link", "/inputs", "/permissions", "/lastValidatedTime"] {
            assert_eq!(after.field(part), before.field(part), "{spec}");
        }
    }

    // What ends with the operator is all there is.
    let mut stage = stage;
    stage.operator.stop()?;
    let span = stage.since(&moment)?;
    assert_eq!(span.secrets_read(), Vec::<&str>::new());
    assert_eq!(span.writes(), ["update connectwiselinks/status acme"; 2]);
    assert_eq!(span.connectwise(None).len(), 0);
    assert_eq!(span.petra_about_links().len(), 0);
    Ok(())
}

#[test]
fn equal_keys_in_another_secret_are_checked_again_but_not_sent_to_petra() -> Result<()> {
    let stage = Stage::set("rotation-rename")?;
    let Stage { cluster, sims, namespace, .. } = &stage;
    let before = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let changes = sims.petra().changes()?;

    // The same keys under another name.
    let mut history = stage.follow("acme")?;
    let moment = stage.moment()?;
    let copy = harness::credentials("acme-keys-2", "acme-public", &private_key("acme"));
    cluster.apply(namespace, &copy)?;
    cluster.patch(namespace, "acme", &json!({"spec": {"credentialsSecretRef": {"name": "acme-keys-2"}}}))?;
    let renamed = history.until("Ready with the other Secret", |status| {
        status.state("Ready") == "True" && status.text("/inputs/secretName") == "acme-keys-2"
    })?;
    assert!(
        history.course("Ready").iter().any(|it| it == "Unknown Pending"),
        "{:?}",
        history.course("Ready")
    );
    assert_eq!(stage.since(&moment)?.connectwise_at(COMPANYINFO, "acme").len(), 1, "one full round");
    assert_eq!(renamed.field("/link"), before.field("/link"));

    // The same keys in a Secret that was deleted and made again.
    cluster.kubectl(&["delete", "secret", "acme-keys-2", "--namespace", namespace], None)?;
    stage.wait_for("acme", ("Ready", "Unknown", "WaitingForSecret"))?;
    cluster.apply(namespace, &copy)?;
    let again = stage.wait_for("acme", LINKED[0])?;
    assert_ne!(again.field("/inputs/secretUid"), renamed.field("/inputs/secretUid"));
    assert_eq!(again.field("/link"), before.field("/link"));
    assert_eq!(sims.petra().changes()?, changes, "Petra has these keys already");
    Ok(())
}
