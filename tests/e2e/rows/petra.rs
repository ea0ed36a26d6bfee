//! Rows that Petra decides, or the person who plays its part in `Portal`; and deletion, which needs nobody else.

use std::collections::BTreeMap;

use harness::simulators::{Effect, Rule, Service};
use harness::{Link, Result};
use serde_json::{Value, json};

use super::scene::Actor;

const OUTAGE: Effect = Effect::Html { status: 503 };

/// A profile without an allow-list, of the operator's own file: every line of it can be seen.
pub const PROFILE: &str = "Plain";

/// The file with it.
pub const PROFILES: &str = "\
profiles:
  Plain:
    source: the team's own
    functions:
      - {module: Service Desk, function: Service Tickets, add: All, edit: All, inquire: All}
";

fn plain(link: Link) -> Link {
    link.field("permissionProfile", json!(PROFILE))
}

pub fn deletion_held_up(actor: &Actor) -> Result<()> {
    actor.linked(plain)?;
    actor.trouble_at_petra("DELETE", OUTAGE);
    actor.delete()
}

pub fn registers(actor: &Actor) -> Result<()> {
    actor.begin(plain)
}

pub fn put_not_answered(actor: &Actor) -> Result<()> {
    actor.trouble_at_petra("PUT", OUTAGE);
    actor.begin(plain)
}

pub fn petra_out_for_too_long(actor: &Actor) -> Result<()> {
    actor.linked(|link| plain(link).field("interval", json!("5m")))?;
    actor.order(Rule::on(Service::Petra, OUTAGE));
    Ok(())
}

pub fn held_by_another_owner(actor: &Actor) -> Result<()> {
    place(actor, &json!("elsewhere/team/acme"))?;
    actor.begin(plain)
}

pub fn taken_over_by_a_copy(actor: &Actor) -> Result<()> {
    actor.linked(plain)?;
    let link = actor.sims().petra().links_of(&actor.link)?.swap_remove(0);
    let by_a_copy = json!({
        "companyId": link["companyId"], "siteUrl": link["siteUrl"], "owner": link["owner"], "ownerUid": "copy",
        "credentialsVersion": link["credentialsVersion"],
    });
    actor.sims().petra().place(&actor.link_id(), &by_a_copy)
}

pub fn made_by_hand(actor: &Actor) -> Result<()> {
    place(actor, &Value::Null)?;
    actor.begin(plain)
}

pub fn made_by_hand_and_adopted(actor: &Actor) -> Result<()> {
    place(actor, &Value::Null)?;
    actor.begin(|link| plain(link).adopt_from("unowned").field("deletionPolicy", json!("Unlink")))
}

/// Petra holds the company's link already.
fn place(actor: &Actor, owner: &Value) -> Result<()> {
    let link = json!({
        "companyId": actor.link,
        "siteUrl": actor.sims().host(&actor.host_name()),
        "owner": owner,
    });
    actor.sims().petra().place(&actor.link_id(), &link)
}

pub fn connectwise_refused_petra(actor: &Actor) -> Result<()> {
    actor.linked(plain)?;
    let failed = json!({"state": "failed", "reason": "credentials_rejected"});
    actor.sims().petra().force_state(&actor.link_id(), &failed)
}

/// The headers of a problem that Petra describes.
pub fn problem_json() -> BTreeMap<String, String> {
    BTreeMap::from([("content-type".to_owned(), "application/problem+json".to_owned())])
}

pub fn connectwise_refuses_petra_at_once(actor: &Actor) -> Result<()> {
    let body =
        json!({"code": "credentials_rejected", "title": "ConnectWise refused the keys", "status": 422});
    actor.trouble_at_petra(
        "PUT",
        Effect::Status { status: 422, headers: problem_json(), body: body.to_string() },
    );
    actor.begin(plain)
}

pub fn not_confirmed(actor: &Actor) -> Result<()> {
    actor.begin(plain)?;
    actor.wait("registered", |status| status.text("/link/id") == actor.link_id())?;
    actor.sims().petra().force_state(&actor.link_id(), &json!({"state": "pending"}))
}

pub fn gone_at_petra(actor: &Actor) -> Result<()> {
    actor.linked(plain)?;
    actor.trouble_at_petra("PUT", OUTAGE);
    actor.sims().petra().vanish(&actor.link_id())
}

pub fn portal(actor: &Actor) -> Result<()> {
    actor.begin(|link| plain(link).mode("Portal"))
}

pub fn acknowledged(actor: &Actor) -> Result<()> {
    portal(actor)?;
    let asked = actor.wait_for_ready("False/PortalActionRequired")?;
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    actor.change_spec(&json!({"registration": {"acknowledged": token}}))
}

pub fn another_comes_first(actor: &Actor) -> Result<()> {
    // Of two that were made in the same second the first by name is the older.
    let older = format!("a-{}", actor.link);
    let manifest = Link::new(&older, actor.sims())
        .company(&actor.link)
        .site(&actor.sims().host(&actor.host_name()))
        .secret(&format!("{}-keys", actor.link));
    actor.apply(&[&actor.good_keys(), &plain(manifest).mode("Portal").yaml()])?;
    actor.wait_for_other(&older, "False/PortalActionRequired")?;
    portal(actor)
}
