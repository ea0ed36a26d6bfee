//! Which company a link is of: one link for a company, whatever names it and its site have, and whatever a status says.

use cwlink::petra::LinkId;
use harness::simulators::scenario::SiteUrl;
use harness::simulators::world::CompanyChange;
use harness::{Link, Result};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{OFTEN, RARELY};
use crate::stage::Stage;

const CONFLICT: (&str, &str, &str) = ("Ready", "False", "LinkConflict");
/// Another name of the demo's cloud site.
const OTHER_NAME: &str = "mycompany.connectwise.localhost";

/// companyinfo names no host: the API host follows from the name that the site was asked by.
fn hide_site_url(stage: &Stage, company: &str) -> Result<()> {
    let site_url = Some(SiteUrl::Shown(false));
    stage.sims.world().change_company(company, CompanyChange { site_url, ..CompanyChange::default() })?;
    Ok(())
}

#[test]
fn a_company_at_two_names_of_one_site_has_one_link() -> Result<()> {
    let stage = Stage::set("identity-names")?;
    hide_site_url(&stage, "acme")?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    let second = Link::new("second", &stage.sims)
        .company("acme")
        .site(&stage.sims.host(OTHER_NAME))
        .secret("acme-keys");
    stage.cluster.apply(&stage.namespace, &second.yaml())?;
    let conflict = stage.wait_for("second", CONFLICT)?;
    let message = conflict.message("Ready");
    assert!(message.contains("ConnectWiseLink \"acme\" in this namespace holds it"), "{message}");
    let links = stage.sims.petra().links_of("acme")?;
    assert_eq!(links.len(), 1, "{links:?}");

    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    stage.wait_for("second", LINKED[0])?;
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 1);
    Ok(())
}

#[test]
fn a_company_that_has_another_canonical_name_keeps_its_link_over_restarts() -> Result<()> {
    let mut stage = Stage::set("identity-canonical")?;
    for company in ["acme", "echo"] {
        let canonical_id = Some(format!("CW-{company}"));
        let change = CompanyChange { canonical_id, ..CompanyChange::default() };
        stage.sims.world().change_company(company, change)?;
    }
    let id = LinkId::derive("CW-acme", &stage.sims.host("api-na.myconnectwise.localhost"));
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    stage.apply_link("echo", |link| link.mode("Portal"))?;
    let asked = stage.wait_for("echo", ("Ready", "False", "PortalActionRequired"))?;

    stage.operator.restart()?;
    // Its record is lost, and the operator finds the link by what companyinfo names.
    stage.forge_status("acme", &json!({"link": null}))?;
    stage.check_now("acme", "restarted")?;
    stage.check_now("echo", "restarted")?;
    let handled = |name: &str| {
        stage.cluster.wait_until(&stage.namespace, name, "it was looked at", |status| {
            status.text("/lastHandledReconcileAt") == "restarted"
        })
    };
    let acme = handled("acme")?;
    assert_eq!((acme.text("/link/id"), acme.state("Ready")), (id.as_str(), "True"), "{acme}");
    assert_eq!(handled("echo")?.message("Ready"), asked.message("Ready"), "the same token");
    assert_eq!(stage.sims.petra().links()?.len(), 1);
    Ok(())
}

#[test]
fn a_link_that_petra_holds_for_another_company_or_site_is_not_ready() -> Result<()> {
    let stage = Stage::set("identity-drift")?;
    for (company, wrong) in [
        ("acme", json!({"companyId": "somebody"})),
        ("bravo", json!({"siteUrl": "https://api-eu.myconnectwise.localhost"})),
    ] {
        let linked = stage.linked(company, |link| link.field("interval", json!(RARELY)))?;
        let links = stage.sims.petra().links_of(company)?;
        let link = &links[0];
        let mut changed = json!({"companyId": link["companyId"], "siteUrl": link["siteUrl"],
            "owner": link["owner"], "credentialsVersion": link["credentialsVersion"]});
        for (field, value) in wrong.as_object().into_iter().flatten() {
            changed[field] = value.clone();
        }
        stage.sims.petra().place(linked.text("/link/id"), &changed)?;
        stage.check_now(company, "drifted")?;
        let conflict = stage.wait_for(company, CONFLICT)?;
        assert!(conflict.message("Ready").contains("another company or site"), "{conflict}");
    }
    Ok(())
}

#[test]
fn a_site_edited_behind_a_cleared_record_is_linked_anew() -> Result<()> {
    let stage = Stage::set("identity-cleared")?;
    hide_site_url(&stage, "acme")?;
    let former = stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    // Suspended, so that nothing writes the record back before the edit.
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"suspend": true}}))?;
    stage.cluster.wait_until(&stage.namespace, "acme", "the spec was seen", |_| true)?;
    stage.forge_status("acme", &json!({"link": null}))?;
    let other = stage.sims.host(OTHER_NAME);
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"siteUrl": other, "suspend": false}}))?;
    let id = LinkId::derive("acme", &stage.sims.host(&format!("api-{OTHER_NAME}")));
    stage.cluster.wait_until(&stage.namespace, "acme", "Ready with a link of the new site", |status| {
        status.is("Ready", "True", "Linked") && status.text("/link/id") == id.as_str()
    })?;
    assert_ne!(former.text("/link/id"), id.as_str());
    let links = stage.sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["siteUrl"], format!("https://{}", stage.sims.host(&format!("api-{OTHER_NAME}"))));
    Ok(())
}

#[test]
fn a_forged_verdict_sends_no_key_to_petra() -> Result<()> {
    let stage = Stage::set("identity-forged")?;
    // What a good status looks like.
    let good = stage.linked("bravo", |link| link.field("interval", json!(RARELY)))?;
    stage.apply_refused_link("acme")?;
    let refused = stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"suspend": true}}))?;
    stage.cluster.wait_until(&stage.namespace, "acme", "the spec was seen", |_| true)?;
    let puts = stage.sims.petra_requests(Some("PUT"), None);
    let mut status = json!({"conditions": good.field("/conditions"), "permissions": good.field("/permissions"),
        "lastValidatedTime": good.field("/lastValidatedTime"),
        "lastFullCheckTime": good.field("/lastFullCheckTime")});
    status["inputs"] = refused.field("/inputs").clone();
    status["site"] = good.field("/site").clone();
    stage.forge_status("acme", &status)?;
    stage.cluster.patch(&stage.namespace, "acme", &json!({"spec": {"suspend": false}}))?;
    stage.wait_for("acme", ("Ready", "False", "CredentialsRejected"))?;
    assert_eq!(stage.sims.petra_requests(Some("PUT"), None), puts);
    assert_eq!(stage.sims.petra().links_of("acme")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn a_host_that_only_the_status_names_gets_no_key_after_a_restart() -> Result<()> {
    let mut stage = Stage::set("identity-host")?;
    let linked = stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;
    stage.operator.stop()?;
    // A host that the operator may call, and that another company has.
    let other = json!({"apiHost": stage.sims.host("psa.golf.localhost"), "codebase": "v4_6_release/"});
    stage.forge_status("acme", &json!({"site": other}))?;
    let moment = stage.moment()?;
    stage.operator.restart()?;
    let right = linked.field("/site").clone();
    stage.cluster.wait_until(&stage.namespace, "acme", "the site is right again", |status| {
        *status.field("/site") == right
    })?;
    let span = stage.since(&moment)?;
    assert!(span.connectwise(None).iter().all(|request| request.host != "psa.golf.localhost"));
    Ok(())
}
