//! A status that somebody else wrote: it moves no link that the resource does not hold.

use cwlink::petra::LinkId;
use harness::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::conditions::{LINKED, conditions};
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::Stage;

/// Conditions that say what nobody found out, of types that there are not.
fn nonsense() -> Value {
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": "forged",
               "lastTransitionTime": "2020-01-01T00:00:00Z", "observedGeneration": 999_999})
    };
    json!({"observedGeneration": 999_999, "conditions": [
        condition("Ready", "False", "LinkConflict"), condition("AuthFailed", "True", "Nonsense"),
        condition("Stalled", "True", "Nonsense"), condition("Reconciling", "True", "Nonsense"),
        condition("Hacked", "True", "Nonsense"),
    ]})
}

fn link_of<'a>(links: &'a [Value], company: &str) -> &'a Value {
    links.iter().find(|link| link["companyId"] == company).unwrap_or(&Value::Null)
}

#[test]
fn a_forged_status_changes_no_link_of_another_and_is_corrected() -> Result<()> {
    let stage = Stage::set("tenant-forged")?;
    for company in ["acme", "bravo"] {
        stage.linked(company, |link| link.field("interval", json!(RARELY)))?;
    }
    let before = stage.sims.petra().links()?;
    let theirs = link_of(&before, "bravo").clone();

    // Another's link, by its id and under its owner's name.
    let record = json!({"id": theirs["linkId"], "owner": theirs["owner"], "mode": "Api"});
    for (nth, status) in [nonsense(), json!({"link": record})].into_iter().enumerate() {
        stage.forge_status("acme", &status)?;
        let requested_at = format!("forged-{nth}");
        stage.check_now("acme", &requested_at)?;
        let own = link_of(&before, "acme")["linkId"].clone();
        stage.cluster.wait_until(&stage.namespace, "acme", "Ready with its own link", |status| {
            conditions(status) == LINKED
                && status.text("/lastHandledReconcileAt") == requested_at
                && *status.field("/link/id") == own
        })?;
        assert_eq!(*link_of(&stage.sims.petra().links()?, "bravo"), theirs, "after {status}");
    }
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    let left = stage.sims.petra().links()?;
    assert_eq!(left, [theirs], "its own link is gone, the other's stands");
    stage.wait_for("bravo", LINKED[0])?;
    Ok(())
}

/// Nobody asks for a look: the next routine check, or the event of the write itself, sets everything right.
#[test]
fn a_forged_status_is_set_right_unasked_whatever_it_says() -> Result<()> {
    let mut stage = Stage::set("tenant-forged-often")?;
    let right = stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    let links = stage.sims.petra().links()?;
    let unread = "2026-01-01T00:00:00+99:99";
    let mut unread_transitions = right.field("/conditions").clone();
    for condition in unread_transitions.as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = json!(unread);
    }
    let forgeries = [
        nonsense(),
        // The API server takes these for times.
        json!({"lastValidatedTime": unread, "lastFullCheckTime": "9999-12-31T23:59:59Z"}),
        json!({"conditions": unread_transitions}),
        json!({"lastValidatedTime": "2199-01-01T00:00:00Z", "lastFullCheckTime": "2199-01-01T00:00:00Z"}),
        json!({"site": {"apiHost": "trap.localhost", "codebase": "v1/", "host": "trap.localhost"}}),
        json!({"inputs": {"credentialsVersion": "0123456789abcdef"}}),
        json!({"link": {"credentialsVersion": "0123456789abcdef"}, "permissions": {"profile": "Nobodys"}}),
    ];
    for forged in forgeries {
        for is_running in [true, false] {
            if !is_running {
                stage.operator.stop()?;
            }
            stage.forge_status("acme", &forged)?;
            if !is_running {
                stage.operator.restart()?;
            }
            let now = Timestamp::now().to_string();
            stage.cluster.wait_until(&stage.namespace, "acme", "as it was, and checked since", |status| {
                let alike = |field| status.field(field) == right.field(field);
                let times = ["/lastValidatedTime", "/lastFullCheckTime"].map(|field| status.text(field));
                let transitions = status.field("/conditions").as_array().into_iter().flatten();
                let mut transitions =
                    transitions.map(|it| it["lastTransitionTime"].as_str().unwrap_or_default());
                conditions(status) == LINKED
                    && ["/site", "/inputs", "/link/credentialsVersion", "/link/id"].into_iter().all(alike)
                    && times.iter().all(|time| time.starts_with("20") && *time < "2100")
                    && times[0] >= now.as_str()
                    && transitions.all(|time| time.starts_with("20") && !time.contains('+'))
            })?;
        }
        assert_eq!(stage.sims.petra().links()?, links, "after {forged}");
    }
    Ok(())
}

#[test]
fn a_refused_link_that_somebody_calls_ready_is_refused_again_unasked() -> Result<()> {
    let stage = Stage::set("tenant-forged-ready")?;
    stage.apply_refused_link("acme")?;
    let refused = stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    let mut conditions = refused.field("/conditions").clone();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let (status, reason) = match condition["type"].as_str() {
            Some("Ready") => ("True", "Linked"),
            Some("AuthFailed") => ("False", "CredentialsAccepted"),
            Some("PermissionDenied") => ("False", "PermissionsGranted"),
            _ => continue,
        };
        condition["status"] = json!(status);
        condition["reason"] = json!(reason);
    }
    stage.forge_status("acme", &json!({"conditions": conditions}))?;
    stage.cluster.wait_for_condition(
        &stage.namespace,
        "acme",
        ("AuthFailed", "False", "CredentialsAccepted"),
    )?;
    stage.cluster.wait_for_condition(
        &stage.namespace,
        "acme",
        ("AuthFailed", "True", "CredentialsRejected"),
    )?;
    stage.wait_for("acme", ("Ready", "False", "CredentialsRejected")).map(drop)
}

#[test]
fn a_forged_id_makes_no_second_link_of_a_company() -> Result<()> {
    let stage = Stage::set("tenant-forged-id")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let id = LinkId::derive("acme", "nowhere.example");
    let keys = harness::credentials("rival-keys", "acme-public", &private_key("acme"));
    stage.cluster.apply(&stage.namespace, &keys)?;
    let rival = harness::Link::new("rival", &stage.sims).company("acme").field("suspend", json!(true));
    stage.cluster.apply(&stage.namespace, &rival.yaml())?;
    stage.wait_for("rival", ("Ready", "Unknown", "Suspended"))?;
    stage.forge_status("rival", &json!({"link": {"id": id.as_str(), "mode": "Api"}}))?;
    stage.cluster.patch(&stage.namespace, "rival", &json!({"spec": {"suspend": false}}))?;
    stage.wait_for("rival", ("Ready", "False", "LinkConflict"))?;
    let links = stage.sims.petra().links_of("acme")?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["owner"], "harness/tenant-forged-id/acme");
    Ok(())
}
