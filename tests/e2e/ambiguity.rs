//! Answers of ConnectWise that can mean several things accuse nobody.

use harness::Result;
use harness::simulators::scenario::{MySecurity, Role, Scenario};
use harness::simulators::world::MemberChange;
use harness::simulators::{Effect, Rule, Service};
use serde_json::{Value, json};

use crate::conditions::LINKED;
use crate::linked::{MEMBER, OFTEN, RARELY};
use crate::stage::Stage;

/// What ConnectWise is asked about the company is answered as ever, but for a key that is there twice.
fn answer_twice(stage: &Stage, company: &str, path: &str, key: &str, value: Value) {
    let effect = Effect::Twice { key: key.to_owned(), value };
    let rule = Rule::on(Service::ConnectWise, effect).company(company).path_contains(path);
    stage.sims.faults().add(rule).expect("the rule can be carried out");
}

#[test]
fn a_key_that_is_twice_in_an_answer_accuses_nobody() -> Result<()> {
    let stage = Stage::set("twice")?;
    let linked = LINKED[0];
    let unavailable = ("Ready", "Unknown", "ConnectWiseUnavailable");
    for (company, path, key, value, ready) in [
        ("acme", "mySecurity", "inquireLevel", json!("None"), linked),
        ("bravo", "myMembers/info", "inactiveFlag", json!(true), linked),
        ("charlie", "companyinfo", "Codebase", json!("v4_6_other/"), unavailable),
        ("delta", "/teams", "defaultFlag", json!(false), unavailable),
    ] {
        answer_twice(&stage, company, path, key, value);
        stage.apply_link(company, |link| {
            link.field("interval", json!(RARELY)).field("serviceBoard", json!("Help Desk"))
        })?;
        let status = stage.wait_for(company, ready)?;
        for accused in ["AuthFailed", "PermissionDenied"] {
            assert_ne!(status.state(accused), "True", "{company}: {status}");
        }
        if key == "inquireLevel" {
            assert!(status.is("PermissionDenied", "Unknown", "NotVerifiable"), "{status}");
        }
    }
    Ok(())
}

#[test]
fn a_role_that_is_empty_once_is_not_verifiable_until_the_next_check() -> Result<()> {
    let stage = Stage::set("empty-role")?;
    let world = stage.sims.world();
    let role = Scenario::demo().roles.remove("Petra").expect("the demo has a role that fits the guide");
    let show = |my_security| world.set_role("shown", Role { my_security, ..role.clone() });
    show(MySecurity::Listed)?;
    let change = MemberChange { role: Some("shown".to_owned()), ..MemberChange::default() };
    world.change_member("acme", MEMBER, change)?;
    stage.linked("acme", |link| link.field("interval", json!(OFTEN)))?;

    let mut history = stage.follow("acme")?;
    show(MySecurity::Empty)?;
    history.until("an empty role", |status| status.is("PermissionDenied", "Unknown", "NotVerifiable"))?;
    show(MySecurity::Listed)?;
    history.until("a role that is shown", |status| {
        status.is("PermissionDenied", "False", "GrantedAsFarAsVisible")
    })?;
    assert_eq!(history.course("Ready"), ["True Linked"]);
    Ok(())
}
