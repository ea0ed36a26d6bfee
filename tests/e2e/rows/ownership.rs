//! Whose link it is: one company has at most one link, and one resource holds it.

use harness::simulators::scenario::SiteUrl;
use harness::simulators::world::CompanyChange;
use harness::{Link, OperatorOptions, Result, Status, wait_for};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{RARELY, private_key};
use crate::stage::{SPEED, Stage};

/// So slow that a link which lost looks again by itself only after any test has given up: what it sees before, it was
/// woken for.
const SLOW: f64 = 2.0;

/// Three resources of one company in two namespaces, by three spellings of its host.
struct Rivals {
    stage: Stage,
    /// Namespace and name.
    all: [(String, &'static str); 3],
}

impl Rivals {
    fn set(own: &str, petra: bool) -> Result<Self> {
        let other = format!("{own}-other");
        let options = OperatorOptions {
            watch_namespaces: vec![own.to_owned(), other.clone()],
            time_speed: SLOW,
            petra,
            ..OperatorOptions::in_namespace(own)
        };
        let mut stage = Stage::set_with(options)?;
        let all = [(own.to_owned(), "first"), (other, "second"), (own.to_owned(), "third")];
        let hosts = [
            "na.myconnectwise.localhost",
            "API-na.myconnectwise.localhost",
            "mycompany.connectwise.localhost",
        ];
        for (nth, ((namespace, name), host)) in all.iter().zip(hosts).enumerate() {
            namespace.clone_into(&mut stage.namespace);
            stage.apply_keys("acme", &private_key("acme"))?;
            let company = ["acme", "ACME", "Acme"][nth];
            let site = format!("https://{}/", stage.sims.host(host));
            let link = Link::new(name, &stage.sims).company(company).site(&site).secret("acme-keys");
            stage.cluster.apply(namespace, &link.yaml())?;
            if nth == 0 {
                // It comes first, however the others hurry.
                let wins = if petra { LINKED[0] } else { ASKED };
                stage.cluster.wait_for_condition(namespace, name, wins)?;
            }
        }
        Ok(Self { stage, all })
    }

    fn wait(&self, nth: usize, condition: (&str, &str, &str)) -> Result<Status> {
        let (namespace, name) = &self.all[nth];
        self.stage.cluster.wait_for_condition(namespace, name, condition)
    }

    /// Waits until one of the two later ones is as wanted, and returns which.
    fn wait_for_either(&self, wanted: (&str, &str, &str)) -> Result<usize> {
        let (type_, status, reason) = wanted;
        wait_for(&format!("second or third: {type_} {status}/{reason}"), || {
            for nth in [1, 2] {
                let (namespace, name) = &self.all[nth];
                let now = self.stage.cluster.status(namespace, name).map_err(|error| error.to_string())?;
                if now.is(type_, status, reason) {
                    return Ok(nth);
                }
            }
            Err("neither".to_owned())
        })
    }

    fn delete(&self, nth: usize) -> Result<()> {
        let (namespace, name) = &self.all[nth];
        self.stage.cluster.delete(namespace, name)?;
        self.stage.cluster.wait_gone(namespace, name)
    }

    /// Both losers name the winner only where it is in their own namespace.
    fn assert_losers_messages(&self) -> Result<()> {
        let elsewhere = self.wait(1, CONFLICT)?;
        let beside = self.wait(2, CONFLICT)?;
        for lost in [&elsewhere, &beside] {
            assert!(lost.is("Registered", "False", "LinkConflict"), "{lost}");
            assert_eq!(lost.state("Stalled"), "True", "{lost}");
        }
        assert!(beside.message("Ready").contains("ConnectWiseLink \"first\" in this namespace"), "{beside}");
        let (own, _) = &self.all[0];
        let message = elsewhere.message("Ready");
        assert!(!message.contains("first") && !message.contains(&format!("{own}/")), "{message}");
        Ok(())
    }
}

const CONFLICT: (&str, &str, &str) = ("Ready", "False", "LinkConflict");
const ASKED: (&str, &str, &str) = ("Ready", "False", "PortalActionRequired");

#[test]
fn three_spellings_of_one_host_are_one_link_and_a_loser_is_woken() -> Result<()> {
    let rivals = Rivals::set("rivals-api", true)?;
    rivals.assert_losers_messages()?;
    let petra = rivals.stage.sims.petra();
    let (first, puts) = (petra.links()?, petra.changes()?);
    assert_eq!((first.len(), puts.len()), (1, 1), "{first:?} {puts:?}");
    assert_eq!(first[0]["owner"], "harness/rivals-api/first");

    rivals.delete(0)?;
    let winner = rivals.wait_for_either(LINKED[0])?;
    let loser = 3 - winner;
    rivals.wait(loser, CONFLICT)?;
    let second = petra.links()?;
    assert_eq!(second.len(), 1, "{second:?}");
    assert_eq!(second[0]["linkId"], first[0]["linkId"]);
    assert_eq!(second[0]["owner"], format!("harness/{}/{}", rivals.all[winner].0, rivals.all[winner].1));

    rivals.delete(winner)?;
    rivals.wait(loser, LINKED[0])?;
    assert_eq!(petra.links()?.len(), 1);
    Ok(())
}

#[test]
fn in_portal_mode_the_oldest_wins_and_the_next_is_woken_when_it_goes() -> Result<()> {
    let rivals = Rivals::set("rivals-portal", false)?;
    rivals.assert_losers_messages()?;
    rivals.delete(0)?;
    let winner = rivals.wait_for_either(ASKED)?;
    rivals.delete(winner)?;
    rivals.wait(3 - winner, ASKED)?;
    Ok(())
}

/// Petra holds a link of the company already.
fn place(stage: &Stage, id: &str, company: &str, owner: &Value) -> Result<()> {
    let link = json!({"companyId": company, "siteUrl": stage.sims.site(), "owner": owner});
    stage.sims.petra().place(id, &link)
}

/// The id that this company's link has at Petra.
fn id_of(stage: &Stage, company: &str) -> String {
    let api_host = stage.sims.host("api-na.myconnectwise.localhost");
    cwlink::petra::LinkId::derive(company, &api_host).as_str().to_owned()
}

/// A link that Petra holds for somebody else is taken over; when that owner takes it back, it is not taken again.
fn adopted_once(namespace: &str, from: &Value) -> Result<()> {
    let stage = Stage::set(namespace)?;
    let id = id_of(&stage, "acme");
    // A list that were empty all of a sudden would not be believed.
    stage.linked("bravo", |link| link)?;
    place(&stage, &id, "acme", from)?;
    let owner = from.as_str().unwrap_or("unowned");
    let status =
        stage.linked("acme", |link| link.adopt_from(owner).field("deletionPolicy", json!("Unlink")))?;
    assert_eq!(status.text("/link/id"), id);
    let changes = stage.sims.petra().changes()?;
    let adopted: Vec<_> = changes.iter().filter(|change| change["action"] == "adopted").collect();
    assert_eq!(adopted.len(), 1, "{changes:?}");
    assert_eq!(adopted[0]["previousOwner"], *from);

    place(&stage, &id, "acme", from)?;
    stage.wait_for("acme", CONFLICT)?;
    let changes = stage.sims.petra().changes()?;
    assert_eq!(changes.iter().filter(|change| change["action"] == "adopted").count(), 1, "{changes:?}");
    stage.cluster.delete(namespace, "acme")?;
    stage.cluster.wait_gone(namespace, "acme")?;
    let left = stage.sims.petra().links_of("acme")?;
    assert_eq!(left.len(), 1, "what it does not hold it cannot delete");
    assert_eq!(left[0]["owner"], *from);
    Ok(())
}

#[test]
fn a_link_is_taken_over_from_the_owner_that_is_named_and_only_once() -> Result<()> {
    adopted_once("adopted", &json!("elsewhere/team/acme"))
}

#[test]
fn a_link_made_by_hand_is_taken_over_once_where_the_spec_says_so() -> Result<()> {
    adopted_once("adopted-unowned", &Value::Null)
}

#[test]
fn a_link_of_another_owner_than_the_named_one_is_not_taken_over() -> Result<()> {
    let stage = Stage::set("not-adopted")?;
    place(&stage, &id_of(&stage, "acme"), "acme", &json!("elsewhere/team/acme"))?;
    stage.apply_link("acme", |link| {
        link.adopt_from("elsewhere/team/other").field("deletionPolicy", json!("Unlink"))
    })?;
    stage.wait_for("acme", CONFLICT)?;
    let changes = stage.sims.petra().changes()?;
    assert!(changes.iter().all(|change| change["action"] == "placed"), "{changes:?}");
    Ok(())
}

/// Petra holds a link of another company, which a resource of the same name left.
fn place_leftover(stage: &Stage, id: &str, name: &str, uid: &Value) -> Result<()> {
    let owner = format!("harness/{}/{name}", stage.namespace);
    let company = format!("{name}-before");
    let link = json!({"companyId": company, "siteUrl": stage.sims.site(), "owner": owner, "ownerUid": uid});
    stage.sims.petra().place(id, &link)
}

#[test]
fn what_a_resource_left_goes_by_its_policy_and_a_namesakes_is_kept() -> Result<()> {
    let stage = Stage::set("leftovers")?;
    stage.linked("bravo", |link| {
        link.field("deletionPolicy", json!("Orphan")).field("interval", json!(RARELY))
    })?;
    stage.linked("acme", |link| link)?;
    let own: Vec<_> = ["acme", "bravo"].iter().map(|company| id_of(&stage, company)).collect();
    for name in ["acme", "bravo"] {
        let uid = &stage.cluster.link(&stage.namespace, name)?["metadata"]["uid"];
        place_leftover(&stage, &format!("cw-left-by-{name}"), name, uid)?;
        place_leftover(&stage, &format!("cw-left-before-{name}"), name, &json!("former"))?;
    }
    let ids = || -> Result<Vec<String>> {
        let links = stage.sims.petra().links()?;
        Ok(links.iter().filter_map(|link| link["linkId"].as_str()).map(str::to_owned).collect())
    };
    let kept = ["cw-left-by-bravo", "cw-left-before-acme", "cw-left-before-bravo"].map(str::to_owned);
    let mut wanted = [&kept[..], &own[..]].concat();
    wanted.sort_unstable();
    wait_for("what acme left itself goes", || {
        let mut ids = ids().map_err(|error| error.to_string())?;
        ids.sort_unstable();
        if ids == wanted { Ok(()) } else { Err(format!("{ids:?}")) }
    })?;
    wait_for("what their namesakes left is counted", || {
        match stage.operator.metric("cwlink_petra_orphans", &[]) {
            Ok(count) if (count - 2.0).abs() < 0.5 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert!(ids()?.contains(&"cw-left-before-acme".to_owned()), "nor does its deletion remove it");
    Ok(())
}

/// A copy of the resource in another cluster takes its link over.
fn take_over(stage: &Stage, name: &str, uid: &str) -> Result<()> {
    let link = json!({
        "companyId": name, "siteUrl": stage.sims.site(), "owner": format!("harness/{}/{name}", stage.namespace),
        "ownerUid": uid, "credentialsVersion": "0123456789abcdef",
    });
    stage.sims.petra().place(&id_of(stage, name), &link)
}

#[test]
fn a_link_that_a_copy_took_over_is_left_to_it_whatever_happens() -> Result<()> {
    let stage = Stage::set("copies")?;
    stage.set_good_keys("acme", &[&private_key("acme"), "CANARY-acme-second"])?;
    stage.linked("acme", |link| link.field("interval", json!(RARELY)))?;
    take_over(&stage, "acme", "copy")?;
    let lost = stage.wait_for("acme", CONFLICT)?;
    assert!(lost.message("Ready").contains("A copy of this resource has taken over"), "{lost}");
    let changes = stage.sims.petra().changes()?;

    stage.apply_keys("acme", "CANARY-acme-second")?;
    let before = lost.text("/inputs/credentialsVersion").to_owned();
    stage.cluster.wait_until(&stage.namespace, "acme", "the new keys are checked", |status| {
        status.is("Ready", "False", "LinkConflict") && status.text("/inputs/credentialsVersion") != before
    })?;
    stage.cluster.delete(&stage.namespace, "acme")?;
    stage.cluster.wait_gone(&stage.namespace, "acme")?;
    assert_eq!(stage.sims.petra().changes()?, changes, "the copy's link stays as it is");

    // Who creates it again wants the link for it.
    stage.linked("acme", |link| link)?;
    assert_eq!(stage.sims.petra().links_of("acme")?.len(), 1);
    Ok(())
}

#[test]
fn links_whose_resource_is_gone_are_reported_and_never_deleted() -> Result<()> {
    // They are looked for as seldom as Petra is asked while nobody waits.
    let options = OperatorOptions { time_speed: 600.0, ..OperatorOptions::in_namespace("orphans") };
    let stage = Stage::set_with(options)?;
    place(&stage, "cw-orphan", "acme", &json!("harness/orphans/gone"))?;
    place(&stage, "cw-others", "bravo", &json!("elsewhere/orphans/gone"))?;
    wait_for("the metric counts one", || match stage.operator.metric("cwlink_petra_orphans", &[]) {
        Ok(count) if (count - 1.0).abs() < 0.5 => Ok(()),
        other => Err(format!("{other:?}")),
    })?;
    let note = wait_for("an event about the operator's pod", || {
        let events = stage.cluster.events("orphans", "reason=OrphanedLinks,involvedObject.kind=Pod");
        let events = events.map_err(|error| error.to_string())?;
        let note = events.first().and_then(|event| event["message"].as_str());
        note.map(str::to_owned).ok_or_else(|| format!("{events:?}"))
    })?;
    assert!(note.contains("never deletes such links"), "{note}");
    assert_eq!(stage.sims.petra().links()?.len(), 2);
    assert_eq!(stage.sims.petra_requests(Some("DELETE"), None), 0);
    Ok(())
}

#[test]
fn a_site_url_that_comes_and_goes_changes_no_id() -> Result<()> {
    let stage =
        Stage::set_with(OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace("site-url") })?;
    let linked = stage.linked("echo", |link| link.field("interval", json!(RARELY)))?;
    let id = linked.text("/link/id").to_owned();
    let other = stage.sims.host("api-mycompany.connectwise.localhost");
    let usual = stage.sims.host("api-na.myconnectwise.localhost");
    let course = [
        (SiteUrl::Shown(false), &usual),
        (SiteUrl::Text(other.clone()), &other),
        (SiteUrl::Shown(true), &usual),
    ];
    for (nth, (site_url, api_host)) in course.into_iter().enumerate() {
        let site_url = Some(site_url);
        stage.sims.world().change_company("echo", CompanyChange { site_url, ..CompanyChange::default() })?;
        let asked = format!("look-{nth}");
        let annotation = json!({"integrations.petrasecurity.com/requestedAt": asked});
        stage.cluster.patch("site-url", "echo", &json!({"metadata": {"annotations": annotation}}))?;
        let status = stage.cluster.wait_until("site-url", "echo", "it was looked at", |status| {
            status.text("/lastHandledReconcileAt") == asked
        })?;
        assert!(status.is("Ready", "True", "Linked"), "{status}");
        assert_eq!(status.text("/site/apiHost"), api_host, "{status}");
        assert_eq!(status.text("/link/id"), id, "{status}");
    }
    stage.wait_for_event("echo", "LinkIdKept")?;
    let links = stage.sims.petra().links()?;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0]["linkId"], id);
    Ok(())
}
