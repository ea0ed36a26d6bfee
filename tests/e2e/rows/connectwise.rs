//! Rows that ConnectWise decides.

use std::collections::BTreeMap;

use harness::Result;
use harness::simulators::Effect;
use harness::simulators::scenario::{MySecurity, SiteUrl};
use harness::simulators::tls::CertificateKind;
use harness::simulators::world::{CompanyChange, MemberChange, SiteChange};
use serde_json::json;

use super::scene::Actor;

/// A name that does not exist: `invalid` is reserved for such (RFC 6761), so that no name server is asked.
pub const NOWHERE: &str = "psa.nowhere.invalid";

const COMPANYINFO: &str = "companyinfo";
const ANYWHERE: &str = "/";
const OUTAGE: Effect = Effect::Html { status: 503 };

pub fn first_round_takes_long(actor: &Actor) -> Result<()> {
    actor.trouble(COMPANYINFO, Effect::Latency(1_500));
    actor.begin(|link| link)
}

pub fn other_host_is_named(actor: &Actor) -> Result<()> {
    let site_url = Some(SiteUrl::Text("psa.elsewhere.example".to_owned()));
    actor.world().change_company(&actor.link, CompanyChange { site_url, ..CompanyChange::default() })?;
    actor.begin(|link| link)
}

pub fn no_connectwise(actor: &Actor) -> Result<()> {
    actor.trouble(COMPANYINFO, Effect::Html { status: 200 });
    actor.begin(|link| link)
}

pub fn no_such_name(actor: &Actor) -> Result<()> {
    actor.begin(|link| link.site(NOWHERE))
}

pub fn bad_certificate(actor: &Actor) -> Result<()> {
    let certificate = Some(CertificateKind::Expired);
    actor.world().change_site(&actor.host_name(), SiteChange { certificate, ..SiteChange::default() })?;
    actor.begin(|link| link)
}

pub fn company_unknown(actor: &Actor) -> Result<()> {
    actor.world().remove_company(&actor.link)?;
    actor.begin(|link| link)
}

pub fn member_inactive(actor: &Actor) -> Result<()> {
    actor.change_member(MemberChange { inactive: Some(true), ..MemberChange::default() })?;
    actor.begin(|link| link)
}

pub fn two_lines_short(actor: &Actor) -> Result<()> {
    let role = Some("Petra Two Lines Short".to_owned());
    actor.change_member(MemberChange { role, ..MemberChange::default() })?;
    actor.begin(|link| link)
}

pub fn board_unknown(actor: &Actor) -> Result<()> {
    with_board(actor, "Nowhere")
}

pub fn board_inactive(actor: &Actor) -> Result<()> {
    with_board(actor, "Retired")
}

pub fn board_hidden(actor: &Actor) -> Result<()> {
    with_board(actor, "Executive")
}

pub fn board_without_default_team(actor: &Actor) -> Result<()> {
    with_board(actor, "No Default Team")
}

fn with_board(actor: &Actor, board: &str) -> Result<()> {
    actor.begin(|link| link.field("serviceBoard", json!(board)))
}

pub fn my_security_refused(actor: &Actor) -> Result<()> {
    actor.change_role(|role| role.my_security = MySecurity::Forbidden)?;
    actor.begin(|link| link)
}

pub fn my_security_empty(actor: &Actor) -> Result<()> {
    actor.change_role(|role| role.my_security = MySecurity::Empty)?;
    actor.begin(|link| link)
}

pub fn line_not_listed(actor: &Actor) -> Result<()> {
    actor.change_role(|role| role.unlisted = vec!["API Reports".to_owned()])?;
    actor.begin(|link| link)
}

pub fn out_for_too_long(actor: &Actor) -> Result<()> {
    actor.linked(|link| link.field("interval", json!("5m")))?;
    actor.trouble(ANYWHERE, OUTAGE);
    Ok(())
}

pub fn out(actor: &Actor) -> Result<()> {
    actor.trouble(ANYWHERE, OUTAGE);
    actor.begin(|link| link)
}

pub fn out_in_the_middle(actor: &Actor) -> Result<()> {
    actor.trouble("mySecurity", OUTAGE);
    actor.begin(|link| link)
}

pub fn asks_to_slow_down(actor: &Actor) -> Result<()> {
    actor.trouble(ANYWHERE, Effect::Status { status: 429, headers: BTreeMap::new(), body: String::new() });
    actor.begin(|link| link)
}
