//! Histories in which somebody mends something: Secret, role, keys, site, suspension.

use harness::simulators::scenario::Level;
use harness::simulators::world::MemberChange;
use harness::{Link, OperatorOptions, Result, wait_for};
use serde_json::json;

use super::timeline::{Sight, Timeline, maybe, sure};
use super::{
    ACCEPTED, AWAITING, BLANK, CONFIRMED, GRANTED, LINKED, NOT_JUDGED, NOTHING_YET, STRAIGHT, checking, of,
    pending, refused, shared,
};
use crate::ledger::MY_SECURITY;
use crate::linked::{OFTEN, RARELY, private_key};
use crate::stage::Stage;

#[test]
fn a_secret_that_comes_three_minutes_after_the_link() -> Result<()> {
    // Slow enough that three minutes by a neighbour's checks are never the five of the grace period.
    const SPEED: f64 = 20.0;
    let options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace("histories-secret") };
    let stage = Stage::set_with(options)?;
    // The neighbour lacks two lines, and is looked at every minute.
    stage.apply_link("charlie", |link| link)?;
    stage.wait_for("charlie", ("Ready", "False", "PermissionsMissing"))?;

    let mut history = Timeline::begin(&stage, SPEED, "echo", "echo")?;
    history.deed("the link is applied without its Secret");
    let moment = stage.moment()?;
    stage.cluster.apply(&stage.namespace, &Link::new("echo", &stage.sims).yaml())?;
    history.sees(&[maybe(BLANK), sure(["Unknown WaitingForSecret", NOT_JUDGED, NOT_JUDGED, NOTHING_YET])])?;
    wait_for("three checks of the neighbour, a minute apart", || {
        let span = stage.since(&moment).map_err(|error| error.to_string())?;
        match span.connectwise_at(MY_SECURITY, "charlie").len() {
            checks @ 0..3 => Err(format!("{checks} checks")),
            _ => Ok(()),
        }
    })?;
    assert_eq!(stage.since(&moment)?.connectwise(Some("echo")).len(), 0, "there is nothing to ask with");
    history.deed("three minutes later the Secret arrives");
    stage.apply_keys("echo", &private_key("echo"))?;
    history.sees(&[maybe(checking(NOTHING_YET)), sure(AWAITING), sure(LINKED)])?;
    assert_eq!(history.end()?.changes, ["created"]);
    Ok(())
}

#[test]
fn a_role_line_that_is_taken_away_and_given_back() -> Result<()> {
    const ROLE: &str = "Charlie's own";
    let stage = shared();
    let world = stage.sims.world();
    let good = world.scenario().roles["Petra"].clone();
    world.set_role(ROLE, good)?;
    let member = MemberChange { role: Some(ROLE.to_owned()), ..MemberChange::default() };
    world.change_member("charlie", "petraapi", member)?;
    let set_closing = |level| {
        world.change_role(ROLE, |role| {
            let closing = role.overrides.iter_mut().find(|it| it.function == "Close Service Tickets");
            closing.expect("the role has this line").edit = Some(level);
        })
    };

    let mut history = of("charlie")?;
    history.deed("the link is applied");
    stage.apply_link("charlie", |link| link.field("interval", json!(OFTEN)))?;
    history.sees(&STRAIGHT)?;
    history.deed("Service Desk > Close Service Tickets: Edit Level is set to None");
    set_closing(Level::None)?;
    let lacking = ["False PermissionsMissing", ACCEPTED, "True PermissionsMissing", CONFIRMED];
    history.sees(&[sure(lacking)])?;
    history.deed("Edit Level is set to All");
    set_closing(Level::All)?;
    history.sees(&[sure(LINKED)])?;
    assert_eq!(history.end()?.changes, ["created"], "Petra has no part in it");
    Ok(())
}

#[test]
fn a_rotation_to_a_wrong_key_then_to_a_right_one_then_back_to_the_first() -> Result<()> {
    let stage = shared();
    let first = private_key("bravo");
    stage.set_good_keys("bravo", &[&first, "CANARY-bravo-second"])?;
    let again = [pending(CONFIRMED), checking(CONFIRMED)];

    let mut history = of("bravo")?;
    history.deed("the link is applied");
    stage.apply_link("bravo", |link| link.field("interval", json!(RARELY)))?;
    let before = history.sees(&STRAIGHT)?;
    history.deed("the Secret gets a mistyped key");
    stage.apply_keys("bravo", "CANARY-bravo-mistyped")?;
    // Refused once, they are checked once more.
    let wrong = history.sees(&[sure(again[0]), sure(again[1]), sure(refused(CONFIRMED))])?;
    assert!(wrong.message("Ready").contains("Petra still has the previous keys"), "{wrong}");
    history.deed("the Secret gets the right new key");
    stage.apply_keys("bravo", "CANARY-bravo-second")?;
    history.sees(&[sure(again[0]), maybe(again[1]), sure(AWAITING), sure(LINKED)])?;
    history.deed("the Secret gets the first key again");
    stage.apply_keys("bravo", &first)?;
    let after = history.sees(&[sure(again[0]), maybe(again[1]), sure(AWAITING), sure(LINKED)])?;
    assert_eq!(after.field("/link/credentialsVersion"), before.field("/link/credentialsVersion"));
    assert_eq!(after.field("/link/id"), before.field("/link/id"));
    assert_eq!(history.end()?.changes, ["created", "replaced", "replaced"], "never the wrong key");
    Ok(())
}

#[test]
fn a_typo_in_site_url_that_is_mended_in_two_steps() -> Result<()> {
    let stage = shared();
    let site =
        |url: String| stage.cluster.patch(&stage.namespace, "golf", &json!({"spec": {"siteUrl": url}}));

    let mut history = of("golf")?;
    history.deed("the link is applied with a misspelt siteUrl");
    stage.apply_link("golf", |link| link.site(&stage.sims.host("psa.gulf.localhost")))?;
    history.sees(&[maybe(BLANK), sure(["False SiteNotAllowed", NOT_JUDGED, NOT_JUDGED, NOTHING_YET])])?;
    assert_eq!(stage.sims.connectwise_requests(Some("golf")), 0, "nobody was asked");
    history.deed("siteUrl is set to another server of ConnectWise");
    site(stage.sims.site())?;
    let unknown: Sight = ["False CompanyUnknown", "True CompanyUnknown", NOT_JUDGED, NOTHING_YET];
    history.sees(&[sure(pending(NOTHING_YET)), maybe(checking(NOTHING_YET)), sure(unknown)])?;
    history.deed("siteUrl is set to the company's own server");
    site(stage.sims.host("psa.golf.localhost"))?;
    history.sees(&[
        sure(pending(NOTHING_YET)),
        maybe(checking(NOTHING_YET)),
        sure(AWAITING),
        sure(LINKED),
    ])?;
    assert_eq!(history.end()?.changes, ["created"]);
    Ok(())
}

#[test]
fn a_link_that_is_suspended_at_creation_and_then_resumed() -> Result<()> {
    let stage = shared();
    let suspend =
        |suspend: bool| stage.cluster.patch(&stage.namespace, "echo", &json!({"spec": {"suspend": suspend}}));
    let mut history = of("echo")?;
    history.deed("the link is applied with suspend: true");
    stage.apply_link("echo", |link| link.field("suspend", json!(true)))?;
    let suspended = ["Unknown Suspended", "Unknown Suspended", "Unknown Suspended", NOTHING_YET];
    history.sees(&[maybe(BLANK), sure(suspended)])?;
    assert_eq!(stage.sims.connectwise_requests(Some("echo")), 0, "nobody was asked");
    history.deed("suspend is set to false");
    suspend(false)?;
    history.sees(&[maybe(checking(NOTHING_YET)), sure(AWAITING), sure(LINKED)])?;
    history.deed("suspend is set to true again: what was found stays");
    suspend(true)?;
    stage.cluster.wait_until(&stage.namespace, "echo", "the suspension is seen", |_| true)?;
    assert_eq!(history.end()?.changes, ["created"]);
    Ok(())
}

#[test]
fn a_portal_link_is_acknowledged_rotated_and_restored_without_status() -> Result<()> {
    let stage = shared();
    let acknowledged: Sight = ["True Linked", ACCEPTED, GRANTED, "True Acknowledged"];
    let acknowledge = |status: &harness::Status| {
        let token = status.message("Ready").rsplit(' ').next().unwrap_or_default().to_owned();
        let patch = json!({"spec": {"registration": {"acknowledged": token}}});
        stage.cluster.patch(&stage.namespace, "foxtrot", &patch).map(|()| token)
    };
    let asked = |registered| ["False PortalActionRequired", ACCEPTED, GRANTED, registered];
    stage.set_good_keys("foxtrot", &[&private_key("foxtrot"), "CANARY-foxtrot-second"])?;

    let mut history = of("foxtrot")?;
    history.deed("the link is applied with mode Portal");
    stage.apply_link("foxtrot", |link| link.mode("Portal").field("interval", json!(RARELY)))?;
    let first = history.sees(&[
        maybe(BLANK),
        maybe(pending(NOTHING_YET)),
        maybe(checking(NOTHING_YET)),
        sure(asked("False PortalActionRequired")),
    ])?;
    history.deed("the token of the message is acknowledged");
    let first_token = acknowledge(&first)?;
    history.sees(&[sure(acknowledged)])?;
    history.deed("the Secret gets another good key");
    stage.apply_keys("foxtrot", "CANARY-foxtrot-second")?;
    let rotated = history.sees(&[
        sure(pending("True Acknowledged")),
        maybe(checking("True Acknowledged")),
        sure(asked("True Acknowledged")),
    ])?;
    history.deed("the new token is acknowledged");
    assert_ne!(acknowledge(&rotated)?, first_token, "other keys have another token");
    history.sees(&[sure(acknowledged)])?;

    let backup = stage.cluster.link(&stage.namespace, "foxtrot")?;
    history.deed("the resource is lost and restored from a backup without its status");
    stage.cluster.delete(&stage.namespace, "foxtrot")?;
    stage.cluster.wait_gone(&stage.namespace, "foxtrot")?;
    let restored = json!({
        "apiVersion": backup["apiVersion"], "kind": backup["kind"],
        "metadata": {"name": "foxtrot"}, "spec": backup["spec"],
    });
    stage.cluster.apply(&stage.namespace, &restored.to_string())?;
    // Made again within the floor of the last round, it waits for the rest of that.
    history.sees(&[
        sure(BLANK),
        maybe(pending(NOTHING_YET)),
        maybe(checking(NOTHING_YET)),
        sure(acknowledged),
    ])?;
    let cost = history.end()?;
    assert_eq!(cost.changes, Vec::<String>::new(), "a person saves it in the portal");
    Ok(())
}
