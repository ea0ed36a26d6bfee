//! The steps of the demo. Each step describes what a person does, shows the output of kubectl, and waits for the result.

use std::collections::BTreeSet;

use harness::simulators::scenario::{KeyPair, Level, Override, PrivateKey};
use harness::simulators::world::MemberChange;
use harness::{Cluster, Error, Link, Result, Status, credentials};
use serde_json::json;

use crate::page::Page;
use crate::stage::{NAMESPACE, Stage};
use crate::table::{Expected, follow};

/// The links with problems, and the status that each one gets.
const BROKEN: [Expected<'static>; 5] = [
    ("bravo", "False", "CredentialsRejected"),
    ("charlie", "False", "PermissionsMissing"),
    // After five minutes of the operator's time, it shows False/SecretNotFound.
    ("echo", "Unknown", "WaitingForSecret"),
    ("foxtrot", "False", "PortalActionRequired"),
    ("golf", "False", "CompanyUnknown"),
];

/// The role of the API member of "charlie", which is missing two permissions.
pub(crate) const ROLE: &str = "Petra Two Lines Short";

/// Part of every private key in the simulators, and of Petra's key. If it is visible anywhere, a key leaked.
const CANARY: &str = "CANARY";

pub(crate) fn run(stage: &Stage, page: &mut Page) -> Result<()> {
    apply_good(stage, page)?;
    apply_broken(stage, page)?;
    read_messages(stage, page)?;
    fix_role(stage, page)?;
    rotate_key(stage, page)?;
    correct_company(stage, page)?;
    create_secret(stage, page)?;
    acknowledge(stage, page)?;
    all_ready(stage, page)?;
    delete_one(stage, page)?;
    nothing_leaked(stage, page)
}

pub(crate) fn apply_good(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Create a Secret and a link: the link is valid");
    let Stage { cluster, sims, .. } = stage;
    let link = Link::new("acme", sims).field("serviceBoard", json!("Help Desk")).yaml();
    link.lines().for_each(|line| page.output(line));
    cluster.apply(NAMESPACE, &credentials("acme-keys", "acme-public", "CANARY-acme-private"))?;
    cluster.apply(NAMESPACE, &link)?;
    becomes_linked(cluster, page, "acme", "Confirmed")
}

/// Creates the other five links, and waits until each one has its problem.
pub(crate) fn apply_broken(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Create five more links, each with a problem");
    page.text(
        "The Secret of \"bravo\" has a wrong private key. The security role of \"charlie\" is missing two permissions. \
         The Secret of \"echo\" does not exist yet. \"foxtrot\" uses mode Portal, in which a person saves the link. \"golf\" \
         is on a self-hosted server, and its company has a typing error.",
    );
    let Stage { cluster, sims, .. } = stage;
    for (company, private_key) in [
        ("bravo", "CANARY-bravo-privat"),
        ("charlie", "CANARY-charlie-private"),
        ("foxtrot", "CANARY-foxtrot-private"),
        ("golf", "CANARY-golf-private"),
    ] {
        let secret = credentials(&format!("{company}-keys"), &format!("{company}-public"), private_key);
        cluster.apply(NAMESPACE, &secret)?;
    }
    let links = [
        Link::new("bravo", sims),
        Link::new("charlie", sims),
        Link::new("echo", sims),
        Link::new("foxtrot", sims).mode("Portal"),
        Link::new("golf", sims).company("gulf").site(&sims.host("psa.golf.localhost")),
    ];
    let manifests: Vec<_> = links.iter().map(Link::yaml).collect();
    cluster.apply(NAMESPACE, &manifests.join("---\n"))?;
    follow(cluster, page, None, &BROKEN)
}

fn read_messages(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Read the messages (kubectl describe cwlink, or kubectl get cwlinks -o wide)");
    for (name, _, reason) in BROKEN {
        let status = stage.cluster.status(NAMESPACE, name)?;
        page.message(name, status.reason("Ready"), status.message("Ready"));
        let later = reason == "WaitingForSecret" && status.reason("Ready") == "SecretNotFound";
        expect(later || status.reason("Ready") == reason, &format!("{name} still shows {reason}"), &status)?;
    }
    let Stage { cluster, .. } = stage;
    let bravo = cluster.status(NAMESPACE, "bravo")?;
    expect(bravo.is("AuthFailed", "True", "CredentialsRejected"), "AuthFailed of bravo is True", &bravo)?;
    let charlie = cluster.status(NAMESPACE, "charlie")?;
    let missing = charlie.field("/permissions/missing").as_array().map_or(0, Vec::len);
    expect(missing == 2, "exactly two permissions of charlie are missing", &charlie)?;
    expect(charlie.state("PermissionDenied") == "True", "PermissionDenied of charlie is True", &charlie)?;
    companies_at_petra(stage, page, &["acme"])
}

fn fix_role(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("The ConnectWise administrator sets the two permissions of \"charlie\"");
    page.text("The operator rechecks automatically, at first every minute.");
    stage.sims.world().change_role(ROLE, |role| {
        let line = |module: &str, function: &str| Override {
            module: module.to_owned(),
            function: function.to_owned(),
            add: None,
            edit: None,
            delete: None,
            inquire: None,
        };
        role.overrides.push(Override { add: Some(Level::All), ..line("Finance", "Agreements") });
        role.overrides
            .push(Override { edit: Some(Level::All), ..line("Service Desk", "Close Service Tickets") });
    })?;
    becomes_linked(&stage.cluster, page, "charlie", "Confirmed")?;
    let charlie = stage.cluster.status(NAMESPACE, "charlie")?;
    expect(charlie.field("/permissions/missing").is_null(), "no permission of charlie is missing", &charlie)
}

fn rotate_key(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Create a new key pair for \"bravo\" in ConnectWise, and put it into the Secret");
    let (public, private) = ("bravo-public-2", "CANARY-bravo-private-2");
    let pair = KeyPair { public: public.to_owned(), private: PrivateKey::new(private) };
    let change = MemberChange { keys: Some(vec![pair]), ..MemberChange::default() };
    stage.sims.world().change_member("bravo", "petraapi", change)?;
    stage.cluster.apply(NAMESPACE, &credentials("bravo-keys", public, private))?;
    page.command(&format!("kubectl -n {NAMESPACE} apply -f bravo-keys.yaml"));
    becomes_linked(&stage.cluster, page, "bravo", "Confirmed")
}

fn correct_company(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Correct the company of \"golf\"");
    let patch = json!({"spec": {"companyId": "golf"}});
    page.command(&format!("kubectl -n {NAMESPACE} patch cwlink golf --type=merge -p '{patch}'"));
    stage.cluster.patch(NAMESPACE, "golf", &patch)?;
    becomes_linked(&stage.cluster, page, "golf", "Confirmed")
}

fn create_secret(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Create the Secret of \"echo\"");
    stage.cluster.apply(NAMESPACE, &credentials("echo-keys", "echo-public", "CANARY-echo-private"))?;
    page.command(&format!("kubectl -n {NAMESPACE} apply -f echo-keys.yaml"));
    becomes_linked(&stage.cluster, page, "echo", "Confirmed")
}

fn acknowledge(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Save \"foxtrot\" in Petra's portal, and acknowledge it with the token from the message");
    let status = stage.cluster.status(NAMESPACE, "foxtrot")?;
    let token = status.message("Ready").rsplit(' ').next().unwrap_or_default().to_owned();
    let patch = json!({"spec": {"registration": {"acknowledged": token}}});
    page.command(&format!("kubectl -n {NAMESPACE} patch cwlink foxtrot --type=merge -p '{patch}'"));
    stage.cluster.patch(NAMESPACE, "foxtrot", &patch)?;
    becomes_linked(&stage.cluster, page, "foxtrot", "Acknowledged")
}

fn all_ready(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("All links are valid");
    page.command(&format!("kubectl -n {NAMESPACE} get cwlinks"));
    let table = stage.cluster.kubectl(&["get", "cwlinks", "--namespace", NAMESPACE], None)?;
    table.lines().for_each(|line| page.output(line));
    for name in BROKEN.map(|(name, ..)| name).into_iter().chain(["acme"]) {
        let status = stage.cluster.status(NAMESPACE, name)?;
        expect(status.is("Ready", "True", "Linked"), &format!("{name} is still ready"), &status)?;
    }
    companies_at_petra(stage, page, &["acme", "bravo", "charlie", "echo", "golf"])
}

fn delete_one(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("Delete \"acme\": the operator removes its link at Petra");
    page.command(&format!("kubectl -n {NAMESPACE} delete cwlink acme"));
    stage.cluster.delete(NAMESPACE, "acme")?;
    stage.cluster.wait_gone(NAMESPACE, "acme")?;
    page.output("connectwiselink.integrations.petrasecurity.com \"acme\" deleted");
    companies_at_petra(stage, page, &["bravo", "charlie", "echo", "golf"])
}

fn nothing_leaked(stage: &Stage, page: &mut Page) -> Result<()> {
    page.heading("No API key leaked");
    let resources =
        stage.cluster.kubectl(&["get", "cwlinks,events", "--all-namespaces", "--output=yaml"], None)?;
    for (place, text) in [
        ("a status or an event", resources),
        ("the operator's log, at level trace", stage.operator.log()),
        ("the operator's metrics", stage.operator.metrics()?),
    ] {
        if let Some(line) = text.lines().find(|line| line.contains(CANARY)) {
            return Err(not_so(&format!("no API key is in {place}"), line));
        }
        page.output(&format!("no API key is in {place} ({} lines)", text.lines().count()));
    }
    page.blank();
    page.text("Every step gave the expected result.");
    Ok(())
}

/// Follows one link until it is ready, and shows its message.
fn becomes_linked(cluster: &Cluster, page: &Page, name: &str, registered: &str) -> Result<()> {
    follow(cluster, page, Some(name), &[(name, "True", "Linked")])?;
    let status = cluster.wait_for_condition(NAMESPACE, name, ("Ready", "True", "Linked"))?;
    expect(status.is("Registered", "True", registered), "the link is registered", &status)?;
    page.message(name, status.reason("Ready"), status.message("Ready"));
    Ok(())
}

/// Shows the links at Petra, which must be confirmed links of exactly these companies.
fn companies_at_petra(stage: &Stage, page: &Page, expected: &[&str]) -> Result<()> {
    page.blank();
    page.text("Links at Petra (mode Api only; a person manages the links of mode Portal):");
    let links = stage.sims.petra().links()?;
    for link in &links {
        let text = |field: &str| link[field].as_str().unwrap_or("-").to_owned();
        page.output(&format!("{:<9} {:<10} owned by {}", text("companyId"), text("state"), text("owner")));
    }
    let connected = links.iter().filter(|link| link["state"] == "connected");
    let companies: BTreeSet<_> = connected.filter_map(|link| link["companyId"].as_str()).collect();
    if links.len() == expected.len() && companies == expected.iter().copied().collect() {
        return Ok(());
    }
    Err(not_so(&format!("Petra has exactly the links {expected:?}"), &format!("{links:?}")))
}

fn expect(is_so: bool, what: &str, status: &Status) -> Result<()> {
    if is_so { Ok(()) } else { Err(not_so(what, &status.to_string())) }
}

fn not_so(what: &str, instead: &str) -> Error {
    Error::NotAsExpected { expected: what.to_owned(), found: instead.to_owned() }
}
