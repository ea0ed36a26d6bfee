//! Rows that stand before ConnectWise is asked: suspension, spec and Secret.

use harness::Result;
use serde_json::json;

use super::scene::Actor;

pub fn suspended_with_a_verdict(actor: &Actor) -> Result<()> {
    actor.linked(|link| link)?;
    actor.change_spec(&json!({"suspend": true}))
}

pub fn suspended_while_stalled(actor: &Actor) -> Result<()> {
    refused(actor)?;
    actor.wait_for_ready("False/CredentialsRejected")?;
    actor.change_spec(&json!({"suspend": true}))
}

pub fn suspended_from_the_start(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.field("suspend", json!(true)))
}

pub fn suspended_with_an_input_change(actor: &Actor) -> Result<()> {
    actor.linked(|link| link)?;
    actor.change_spec(&json!({"suspend": true, "permissionProfile": "TicketingV2"}))
}

pub fn profile_not_known(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.field("permissionProfile", json!("Nobody")))
}

pub fn site_not_readable(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.site("http://na.myconnectwise.net"))
}

pub fn api_mode(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.mode("Api"))
}

pub fn site_not_allowed(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.site("psa.elsewhere.example"))
}

pub fn good(actor: &Actor) -> Result<()> {
    actor.begin(|link| link)
}

pub fn secret_absent(actor: &Actor) -> Result<()> {
    actor.apply(&[&actor.manifest().yaml()])
}

pub fn refused(actor: &Actor) -> Result<()> {
    actor.apply(&[&actor.keys("mistyped"), &actor.manifest().yaml()])
}

pub fn key_absent(actor: &Actor) -> Result<()> {
    with_data(actor, &json!({"publicKey": "cHVibGlj"}))
}

pub fn key_empty(actor: &Actor) -> Result<()> {
    // Two spaces and a line break.
    with_data(actor, &json!({"publicKey": "cHVibGlj", "privateKey": "ICAK"}))
}

pub fn key_not_text(actor: &Actor) -> Result<()> {
    // The byte 0xff.
    with_data(actor, &json!({"publicKey": "/w==", "privateKey": "cHJpdmF0ZQ=="}))
}

pub fn key_with_a_line_break(actor: &Actor) -> Result<()> {
    // "pub", a line break, "lic".
    with_data(actor, &json!({"publicKey": "cHViCmxpYw==", "privateKey": "cHJpdmF0ZQ=="}))
}

pub fn public_key_with_a_colon(actor: &Actor) -> Result<()> {
    // "pub:lic".
    with_data(actor, &json!({"publicKey": "cHViOmxpYw==", "privateKey": "cHJpdmF0ZQ=="}))
}

pub fn key_too_long(actor: &Actor) -> Result<()> {
    actor.apply(&[&actor.keys(&"k".repeat(257)), &actor.manifest().yaml()])
}

/// A Secret with this data, in base64 as the API has it.
fn with_data(actor: &Actor, data: &serde_json::Value) -> Result<()> {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": format!("{}-keys", actor.link)},
        "data": data,
    });
    actor.apply(&[&secret.to_string(), &actor.manifest().yaml()])
}
