//! A status that somebody else wrote: it moves no link that the resource does not hold.

use cwlink::petra::LinkId;
use harness::Result;
use serde_json::{Value, json};

use crate::conditions::{LINKED, conditions};
use crate::linked::{RARELY, private_key};
use crate::stage::Stage;

fn forge(stage: &Stage, name: &str, status: &Value) -> Result<()> {
    let patch = format!("--patch={}", json!({"status": status}));
    let arguments = [
        "patch",
        "cwlink",
        name,
        "--namespace",
        &stage.namespace,
        "--subresource=status",
        "--type=merge",
        &patch,
    ];
    stage.cluster.kubectl(&arguments, None).map(drop)
}

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
fn a_forged_status_neither_changes_nor_deletes_a_link_of_another_and_is_set_right() -> Result<()> {
    let stage = Stage::set("tenant-forged")?;
    for company in ["acme", "bravo"] {
        stage.linked(company, |link| link.field("interval", json!(RARELY)))?;
    }
    let before = stage.sims.petra().links()?;
    let theirs = link_of(&before, "bravo").clone();

    // Another's link, by its id and under its owner's name.
    let record = json!({"id": theirs["linkId"], "owner": theirs["owner"], "mode": "Api"});
    for (nth, status) in [nonsense(), json!({"link": record})].into_iter().enumerate() {
        forge(&stage, "acme", &status)?;
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
    forge(&stage, "rival", &json!({"link": {"id": id.as_str(), "mode": "Api"}}))?;
    stage.cluster.patch(&stage.namespace, "rival", &json!({"spec": {"suspend": false}}))?;
    stage.wait_for("rival", ("Ready", "False", "LinkConflict"))?;
    let links = stage.sims.petra().links_of("acme")?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["owner"], "harness/tenant-forged-id/acme");
    Ok(())
}
