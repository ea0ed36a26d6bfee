//! What people do with links, each from beginning to end.

use cwlink::petra::LinkId;
use harness::Result;
use harness::simulators::scenario::Role;
use serde_json::json;

use self::Before::{Link, Services};
use super::scene::{COMPANY, Scene};
use crate::conditions::LINKED;
use crate::linked::private_key;
use crate::stage::is_soak;

/// A story that has one end, however often the operator dies in it.
pub struct Workload {
    /// What it is about; part of a namespace's name.
    pub name: &'static str,
    /// What was before it; no crash in it.
    pub before: Before,
    /// What people do, and what they wait for.
    pub steps: fn(&Scene) -> Result<()>,
    /// What they do while the operator is down.
    pub meanwhile: fn(&Scene) -> Result<()>,
    /// Whether that can spare Petra everything.
    pub may_be_spared: bool,
}

impl Workload {
    const fn new(name: &'static str, before: Before, steps: fn(&Scene) -> Result<()>) -> Self {
        Self { name, before, steps, meanwhile: nothing, may_be_spared: false }
    }
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
    Workload::new("create", Services(nothing), create),
    Workload::new("mend-a-role", Services(lines_are_missing), mend_a_role),
    Workload::new("rotate-keys", Link(linked_with_two_good_keys), rotate_keys),
    Workload::new("board-and-profile", Link(linked_with_a_wide_role), change_board_and_profile),
    Workload::new("rename-the-secret", Link(linked), rename_the_secret),
    Workload::new("conflict", Link(linked), conflict),
    Workload::new("adopt", Services(held_elsewhere), adopt),
    Workload::new("delete-unlink", Link(linked), delete),
    Workload::new("delete-orphan", Link(linked_to_be_orphaned), delete),
    Workload::new("delete-unconfirmed", Services(never_confirmed), delete_unconfirmed),
    Workload {
        meanwhile: delete_it,
        may_be_spared: true,
        ..Workload::new("delete-while-it-is-down", Services(nothing), create_and_delete)
    },
    Workload::new("delete-the-namespace", Link(linked_and_suspended), Scene::delete_namespace),
    Workload::new("acknowledge-in-portal", Services(nothing), acknowledge_in_portal),
    Workload::new("from-api-to-portal", Link(linked), leave_api),
];

/// The workloads of these names; all of them where everything is to be tried.
pub fn chosen(names: &[&str]) -> Vec<&'static Workload> {
    let known = |name: &&str| WORKLOADS.iter().any(|workload| workload.name == *name);
    assert!(names.iter().all(known), "{names:?}");
    WORKLOADS.iter().filter(|workload| is_soak() || names.contains(&workload.name)).collect()
}

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
    link_id_of(scene, COMPANY)
}

/// The id of another company's link at Petra.
pub fn link_id_of(scene: &Scene, company: &str) -> LinkId {
    LinkId::derive(company, &scene.sims.host("api-na.myconnectwise.localhost"))
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

fn create_and_delete(scene: &Scene) -> Result<()> {
    scene.create_link(LINK, |link| link)?;
    scene.wait_ready_or_gone(LINK)?;
    delete(scene)
}

fn delete_it(scene: &Scene) -> Result<()> {
    scene.delete(LINK)
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
