//! What a run left behind, in words that are the same in every run, and what no run may ever do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use harness::gate::Write;
use harness::simulators::Service;
use harness::{Error, Result};
use serde_json::{Value, json};

use super::scene::{NEIGHBOUR, Scene};
use super::workload::{Workload, link_id, link_id_of};
use crate::stage::cluster;
use harness::admin_api as api;

/// Fields that tell when something was, or in which version.
const TIMES: &[&str] = &[
    "confirmedAt",
    "confirmedTime",
    "lastFullCheckTime",
    "lastTransitionTime",
    "lastValidatedTime",
    "registeredTime",
    "renewTime",
    "secretResourceVersion",
    "secretUid",
    "updatedAt",
    "version",
];

/// How things stand: every link with its finalizers and its status, and Petra's books.
#[derive(Clone, Debug, PartialEq)]
pub struct State(Value);

impl State {
    /// How they stand now.
    pub fn of(scene: &Scene) -> Result<Self> {
        let namespace = cluster().api().get(&api::namespace(&scene.namespace))?;
        let listed = cluster().api().get(&api::links(&scene.namespace))?.unwrap_or_default();
        let items = || listed["items"].as_array().into_iter().flatten();
        let links = items().map(|link| {
            json!({
                "name": link["metadata"]["name"],
                "finalizers": link["metadata"]["finalizers"],
                "deleting": link["metadata"]["deletionTimestamp"].is_string(),
                "status": link["status"],
            })
        });
        let mut at_petra = scene.sims.petra().links()?;
        // Petra orders them by ids, which differ from run to run.
        at_petra.sort_by_key(|link| link["owner"].to_string());
        let mut state = json!({
            "namespace": namespace.is_some(),
            "links": links.collect::<Vec<_>>(),
            "petra": at_petra,
        });
        // ConnectWise's version stands in `site` and is no time; it is the same in every run.
        take_times_out(&mut state);
        let names =
            items().filter_map(|link| Some((link["metadata"]["uid"].as_str()?, &link["metadata"]["name"])));
        name_resources(&mut state, &names.collect());
        let text = plain(scene, &state.to_string());
        Ok(Self(serde_json::from_str(&text).map_err(|error| unreadable(&error))?))
    }

    /// As people read it.
    pub fn text(&self) -> String {
        format!("{:#}", self.0)
    }
}

/// What happened in a run.
pub struct Story {
    /// How things stood at the end.
    pub end: State,
    /// The changes that Petra accepted, company by company.
    pub changes: Vec<String>,
    /// What was ever found wrong with a link: reasons with which Ready was False.
    pub accusations: BTreeSet<String>,
}

impl Story {
    /// What a scene tells of its run.
    pub fn of(scene: &Scene, end: State) -> Result<Self> {
        let mut changes = scene.sims.petra().changes()?;
        // Which of two companies comes first is up to the scheduler.
        changes.sort_by_key(|change| change["companyId"].to_string());
        let changes = changes.iter().map(|change| plain(scene, &told(change))).collect();
        let writes = scene.fuse.writes();
        let accusations = writes.iter().filter_map(Write::ready).filter_map(|it| it.strip_prefix("False/"));
        Ok(Self { end, changes, accusations: accusations.map(str::to_owned).collect() })
    }

    /// What differs from the run without a crash, and should not.
    pub fn differences(&self, without_crash: &Self, workload: &Workload) -> Vec<String> {
        let mut found = Vec::new();
        if self.end != without_crash.end {
            found.push(format!("it ended as {}\ninstead of {}", self.end.text(), without_crash.end.text()));
        }
        let was_spared = workload.may_be_spared && self.changes.is_empty();
        if self.changes != without_crash.changes && !was_spared {
            found.push(format!("Petra accepted {:#?} instead of {:#?}", self.changes, without_crash.changes));
        }
        let new: Vec<_> = self.accusations.difference(&without_crash.accusations).collect();
        if !new.is_empty() {
            found.push(format!("a link was said to be {new:?}, which it never is without a crash"));
        }
        found
    }
}

/// What no run may do, crash or not: more than one live link of a company, a change by somebody who does not hold it, one
/// in the cluster that would undo what somebody else did meanwhile, or any at ConnectWise.
pub fn violations(scene: &Scene) -> Result<Vec<String>> {
    let mut live: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for change in scene.sims.petra().changes()? {
        let text = |field: &str| change[field].as_str().unwrap_or_default().to_owned();
        let links = live.entry(text("companyId").to_lowercase()).or_default();
        match text("action").as_str() {
            "deleted" | "vanished" => links.remove(&text("linkId")),
            _ => links.insert(text("linkId")),
        };
        if links.len() > 1 {
            found.push(format!("one company has {} links after {change}", links.len()));
        }
        let of_others = matches!(text("action").as_str(), "replaced" | "deleted");
        if of_others && change["by"] != change["previousOwner"] {
            found.push(format!("not by its owner: {change}"));
        }
    }
    let log = scene.sims.counts().log();
    let changes = log.iter().filter(|it| it.service == Service::ConnectWise && it.method != "GET");
    found.extend(changes.map(|change| format!("a change at ConnectWise: {change:?}")));
    let unguarded = scene.fuse.writes().into_iter().filter(Write::is_unguarded);
    found.extend(unguarded.map(|write| format!("not guarded by a resource version: {write}")));
    Ok(found)
}

fn told(change: &Value) -> String {
    let text = |field: &str| change[field].as_str().unwrap_or("nobody").to_owned();
    format!(
        "{} {} by {}, held before by {}, keys {}",
        text("action"),
        text("linkId"),
        text("by"),
        text("previousOwner"),
        text("credentialsVersion")
    )
}

/// Without what differs from run to run: the namespace, the simulators' port, and what is derived from it.
fn plain(scene: &Scene, text: &str) -> String {
    let id = link_id(scene);
    let short: String = id.as_str().trim_start_matches("cw-").chars().take(8).collect();
    let site = scene.sims.site();
    let port = site.rsplit(':').next().unwrap_or_default();
    text.replace(&format!("\"{}\"", scene.operator_namespace), "\"OPERATOR\"")
        .replace(&scene.namespace, "NAMESPACE")
        .replace(id.as_str(), "LINK")
        .replace(link_id_of(scene, NEIGHBOUR).as_str(), "NEIGHBOUR")
        .replace(&short, "SHORT")
        .replace(&format!(":{port}"), ":PORT")
}

/// Uids differ from run to run: the name of the resource instead, or that it is gone.
fn name_resources(value: &mut Value, names: &HashMap<&str, &Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(uid)) = fields.get("ownerUid") {
                let name = names
                    .get(uid.as_str())
                    .map_or_else(|| json!("a resource that is gone"), |name| (*name).clone());
                fields.insert("ownerUid".to_owned(), name);
            }
            fields.values_mut().for_each(|value| name_resources(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name_resources(item, names)),
        _ => {}
    }
}

fn take_times_out(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !TIMES.contains(&name.as_str()));
            fields.values_mut().for_each(take_times_out);
        }
        Value::Array(items) => items.iter_mut().for_each(take_times_out),
        _ => {}
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::Unreadable { what: "a state".to_owned(), problem: error.to_string() }
}
