//! What people do with links, each from beginning to end.

use cwlink::petra::LinkId;
use harness::Result;
use harness::simulators::scenario::Role;
use serde_json::json;

use self::Before::{Link, Services};
use super::scene::{COMPANY, Scene};
use crate::conditions::LINKED;
use crate::linked::private_key;

/// A story that has one end, however often the operator dies in it.
pub struct Workload {
    /// What it is about; part of a namespace's name.
    pub name: &'static str,
    /// What was before it; no crash in it.
    pub before: Before,
    /// What people do, and what they wait for.
    pub steps: fn(&Scene) -> Result<()>,
}

/// What was before a workload.
pub enum Before {
    /// Something that takes no operator.
    Services(fn(&Scene) -> Result<()>),
    /// A link that the operator settled in an earlier life.
    Link(fn(&Scene) -> Result<()>),
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "create", before: Services(nothing), steps: create },
    Workload { name: "mend-a-role", before: Services(lines_are_missing), steps: mend_a_role },
    Workload { name: "rotate-keys", before: Link(linked_with_two_good_keys), steps: rotate_keys },
    Workload {
        name: "board-and-profile",
        before: Link(linked_with_a_wide_role),
        steps: change_board_and_profile,
    },
    Workload { name: "rename-the-secret", before: Link(linked), steps: rename_the_secret },
    Workload { name: "conflict", before: Link(linked), steps: conflict },
    Workload { name: "adopt", before: Services(held_elsewhere), steps: adopt },
    Workload { name: "delete-unlink", before: Link(linked), steps: delete },
    Workload { name: "delete-orphan", before: Link(linked_to_be_orphaned), steps: delete },
    Workload { name: "delete-unconfirmed", before: Services(never_confirmed), steps: delete_unconfirmed },
    Workload {
        name: "delete-the-namespace",
        before: Link(linked_and_suspended),
        steps: Scene::delete_namespace,
    },
    Workload { name: "acknowledge-in-portal", before: Services(nothing), steps: acknowledge_in_portal },
    Workload { name: "from-api-to-portal", before: Link(linked), steps: leave_api },
];

const LINK: &str = COMPANY;
const READY: (&str, &str, &str) = LINKED[0];
/// The demo's role with everything that the usual profile asks for.
const GOOD_ROLE: &str = "Petra";
const SECOND_KEY: &str = "CANARY-acme-second";
const ASKED: (&str, &str, &str) = ("Ready", "False", "PortalActionRequired");

#[expect(clippy::unnecessary_wraps, reason = "it stands where others can fail")]
fn nothing(_: &Scene) -> Result<()> {
    Ok(())
}

fn linked(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link)?;
    scene.wait(LINK, READY).map(drop)
}

fn create(scene: &Scene) -> Result<()> {
    linked(scene)
}

fn lines_are_missing(scene: &Scene) -> Result<()> {
    scene.set_role("Petra Two Lines Short")
}

fn mend_a_role(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link)?;
    scene.wait(LINK, ("Ready", "False", "PermissionsMissing"))?;
    scene.set_role(GOOD_ROLE)?;
    scene.wait(LINK, READY).map(drop)
}

fn linked_with_two_good_keys(scene: &Scene) -> Result<()> {
    scene.set_good_keys(&[&private_key(COMPANY), SECOND_KEY])?;
    linked(scene)
}

fn rotate_keys(scene: &Scene) -> Result<()> {
    let first = scene.wait(LINK, READY)?;
    scene.change_keys("acme-keys", SECOND_KEY)?;
    let version = |status: &harness::Status| status.text("/link/credentialsVersion").to_owned();
    let what = "Ready with the new keys";
    scene.wait_until(LINK, what, |now| now.state("Ready") == "True" && version(now) != version(&first))?;
    Ok(())
}

/// A role that is good enough for both profiles.
fn linked_with_a_wide_role(scene: &Scene) -> Result<()> {
    let items = ["Company / Company Status", "Service / Priority"];
    let allow = |role: &mut Role| role.customize.allow.extend(items.map(str::to_owned));
    scene.sims.world().change_role(GOOD_ROLE, allow)?;
    linked(scene)
}

fn change_board_and_profile(scene: &Scene) -> Result<()> {
    scene.edit(LINK, &json!({"serviceBoard": "Help Desk"}))?;
    scene.wait_until(LINK, "Ready with the board", |now| {
        now.state("Ready") == "True" && now.text("/inputs/serviceBoard") == "Help Desk"
    })?;
    scene.edit(LINK, &json!({"permissionProfile": "TicketingV2"}))?;
    scene.wait_until(LINK, "Ready with the profile", |now| {
        now.state("Ready") == "True" && now.text("/inputs/permissionProfile") == "TicketingV2"
    })?;
    Ok(())
}

fn rename_the_secret(scene: &Scene) -> Result<()> {
    scene.create_keys("renamed", &private_key(COMPANY))?;
    scene.edit(LINK, &json!({"credentialsSecretRef": {"name": "renamed"}}))?;
    scene.wait_until(LINK, "Ready with the other Secret", |now| {
        now.state("Ready") == "True" && now.text("/inputs/secretName") == "renamed"
    })?;
    Ok(())
}

fn conflict(scene: &Scene) -> Result<()> {
    scene.create_link("rival", |link| link)?;
    scene.wait("rival", ("Ready", "False", "LinkConflict"))?;
    scene.delete(LINK)?;
    scene.wait_gone(LINK)?;
    scene.wait("rival", READY).map(drop)
}

fn held_elsewhere(scene: &Scene) -> Result<()> {
    let link =
        json!({"companyId": COMPANY, "siteUrl": scene.sims.site(), "owner": ELSEWHERE, "tenantMappings": 3});
    scene.sims.petra().place(link_id(scene).as_str(), &link)
}

const ELSEWHERE: &str = "elsewhere/team/acme";

/// The id of the company's link at Petra.
pub fn link_id(scene: &Scene) -> LinkId {
    LinkId::derive(COMPANY, &scene.sims.host("api-na.myconnectwise.localhost"))
}

fn adopt(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link.adopt_from(ELSEWHERE).field("deletionPolicy", json!("Unlink")))?;
    scene.wait(LINK, READY).map(drop)
}

fn delete(scene: &Scene) -> Result<()> {
    scene.delete(LINK)?;
    scene.wait_gone(LINK)
}

fn linked_to_be_orphaned(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link.field("deletionPolicy", json!("Orphan")))?;
    scene.wait(LINK, READY).map(drop)
}

/// Suspended, so that it makes no difference whether the namespace's Secret or its link is deleted first.
fn linked_and_suspended(scene: &Scene) -> Result<()> {
    linked(scene)?;
    scene.edit(LINK, &json!({"suspend": true}))?;
    scene.wait(LINK, READY).map(drop)
}

fn never_confirmed(scene: &Scene) -> Result<()> {
    scene.sims.petra().set(&json!({"confirmAfterMs": 3_600_000}))
}

fn delete_unconfirmed(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link)?;
    scene.wait(LINK, ("Ready", "Unknown", "AwaitingConfirmation"))?;
    delete(scene)
}

fn acknowledge_in_portal(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link.mode("Portal"))?;
    let asked = scene.wait(LINK, ASKED)?;
    let token = asked.message("Ready").rsplit(' ').next().unwrap_or_default();
    scene.edit(LINK, &json!({"registration": {"acknowledged": token}}))?;
    scene.wait(LINK, READY).map(drop)
}

fn leave_api(scene: &Scene) -> Result<()> {
    scene.edit(LINK, &json!({"registration": {"mode": "Portal"}}))?;
    scene.wait(LINK, ASKED).map(drop)
}
