//! Tenants with a role each, and what the operator says of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use harness::simulators::scenario::{
    Company, HiddenBoards, KeyPair, Level, Member, Override, PrivateKey, Role, Scenario, Settings, SiteUrl,
};
use harness::{Error, Link, OperatorOptions, Result, Status, credentials, wait_for};
use serde_json::{Value, json};

use super::own_profiles;
use crate::linked::{RARELY, private_key};
use crate::stage::{SPEED, Stage};

/// The Secret of all links here: every member has the same keys.
const KEYS: &str = "roles-keys";
const PUBLIC_KEY: &str = "roles-public";

/// The tables of boards as one line: both are read from one list, and its refusal does not tell which of them is missing.
pub const BOTH_BOARDS: &str = "Project / Project Board and Service / Service Board";

/// Begins every `fix`.
const EDITOR: &str = "System > Security Roles > the API member's role";

/// A tenant of its own, with a link of its name.
pub struct Tenant {
    name: String,
    role: Role,
    license_class: &'static str,
    hidden_boards: Vec<String>,
    spec: Vec<(&'static str, Value)>,
}

impl Tenant {
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, license_class: "A", hidden_boards: Vec::new(), spec: Vec::new() }
    }

    pub fn profile(self, name: &str) -> Self {
        self.field("permissionProfile", json!(name))
    }

    /// The link names a board.
    pub fn board(self, name: &str) -> Self {
        self.field("serviceBoard", json!(name))
    }

    /// The member is kept from a board.
    pub fn without_board(mut self, name: &str) -> Self {
        self.hidden_boards.push(name.to_owned());
        self
    }

    /// The keys are those of a person with this licence.
    pub fn license(mut self, class: &'static str) -> Self {
        self.license_class = class;
        self
    }

    fn field(mut self, name: &'static str, value: Value) -> Self {
        self.spec.push((name, value));
        self
    }

    fn link(&self, stage: &Stage) -> Link {
        let link = Link::new(&self.name, &stage.sims).secret(KEYS).field("interval", json!(RARELY));
        self.spec.iter().fold(link, |link, (name, value)| link.field(name, value.clone()))
    }

    fn company(self) -> Company {
        let demo = Scenario::demo().companies.swap_remove(0);
        let keys =
            vec![KeyPair { public: PUBLIC_KEY.to_owned(), private: PrivateKey::new(private_key("roles")) }];
        let member = Member {
            identifier: "petraapi".to_owned(),
            role: self.name.clone(),
            inactive: false,
            license_class: self.license_class.to_owned(),
            keys,
            hidden_boards: self.hidden_boards,
        };
        Company {
            name: self.name.clone(),
            id: self.name,
            members: vec![member],
            site_url: SiteUrl::default(),
            ..demo
        }
    }
}

/// One operator for all roles here, each of a tenant of its own.
pub fn shared() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| stage("roles").expect("no test here can do without an operator"))
}

/// An operator with the team's own profiles, and a ConnectWise whose list of boards hides nothing: so the operator gets
/// to see that a board is there and withheld.
pub fn stage(namespace: &str) -> Result<Stage> {
    let file = file_for(namespace, own_profiles::FILE)?;
    let mut options = OperatorOptions { time_speed: SPEED, ..OperatorOptions::in_namespace(namespace) };
    options.extra_args.push(format!("--profiles={}", file.display()));
    let stage = Stage::set_with(options)?;
    let settings = Settings { hidden_boards: HiddenBoards::Listed, ..Settings::default() };
    stage.sims.world().set_settings(settings);
    let keys = credentials(KEYS, PUBLIC_KEY, &private_key("roles"));
    stage.cluster.apply(&stage.namespace, &keys)?;
    Ok(stage)
}

/// A file of profiles with this content, for the operator of a namespace.
pub fn file_for(namespace: &str, content: &str) -> Result<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("profiles-{namespace}.yaml"));
    fs::write(&path, content).map_err(|source| Error::Io {
        action: "writing",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}

/// Makes the tenants, applies their links at once, and returns what each was found to be.
pub fn verdicts(stage: &Stage, tenants: Vec<Tenant>) -> Result<BTreeMap<String, Status>> {
    let names: Vec<_> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let manifests: Vec<_> = tenants.iter().map(|tenant| tenant.link(stage).yaml()).collect();
    for tenant in tenants {
        stage.sims.world().set_role(&tenant.name, tenant.role.clone())?;
        stage.sims.world().set_company(tenant.company())?;
    }
    stage.cluster.apply(&stage.namespace, &manifests.join("\n---\n"))?;
    wait_for("a verdict on every tenant", || {
        let list = ["get", "connectwiselinks", "--namespace", &stage.namespace];
        let links = stage.cluster.json(&list).map_err(|error| error.to_string())?;
        let mut verdicts = BTreeMap::new();
        for link in links["items"].as_array().into_iter().flatten() {
            let (name, status) = (link["metadata"]["name"].as_str().unwrap_or_default(), Status::of(link));
            let is_settled = ["True", "False"].contains(&status.state("Ready"));
            if is_settled && *status.field("/observedGeneration") == link["metadata"]["generation"] {
                verdicts.insert(name.to_owned(), status);
            }
        }
        verdicts.retain(|name, _| names.contains(name));
        let open: Vec<_> = names.iter().filter(|name| !verdicts.contains_key(*name)).collect();
        if open.is_empty() { Ok(verdicts) } else { Err(format!("none on {open:?}")) }
    })
}

/// Makes one tenant, and returns what it was found to be.
pub fn verdict(stage: &Stage, tenant: Tenant) -> Result<Status> {
    let name = tenant.name.clone();
    let status = verdicts(stage, vec![tenant])?.remove(&name);
    Ok(status.expect("there is a verdict on every tenant"))
}

/// Exactly what `GuideV1` asks for.
pub fn guide() -> Role {
    Scenario::demo().roles.remove("Petra").expect("the demo has a role that fits the guide")
}

/// Exactly what `TicketingV2` asks for.
pub fn ticketing() -> Role {
    let mut role = guide();
    role.overrides.retain(|line| line.module != "Finance");
    role.customize.allow.extend(["Company / Company Status", "Service / Priority"].map(str::to_owned));
    role
}

/// Sets one level of a role.
pub fn set(role: &mut Role, (module, function, action): (&str, &str, &str), level: Level) {
    let at = |name| (name == action).then_some(level);
    role.overrides.push(Override {
        module: module.to_owned(),
        function: function.to_owned(),
        add: at("add"),
        edit: at("edit"),
        delete: at("delete"),
        inquire: at("inquire"),
    });
}

/// A function's line in `status.permissions`, with the click that mends it.
pub fn line((module, function, action): (&str, &str, &str), required: &str, actual: &str) -> Value {
    let capital = action[..1].to_ascii_uppercase() + &action[1..];
    let fix = format!("{EDITOR} > {module} > {function}: set {capital} Level to {required}");
    json!({"module": module, "function": function, "action": action, "required": required, "actual": actual, "fix": fix})
}

/// A line of too much.
pub fn excess(module: &str, function: &str, action: &str) -> Value {
    let capital = action[..1].to_ascii_uppercase() + &action[1..];
    let fix = format!("{EDITOR} > {module} > {function}: {capital} Level can be lowered to None");
    json!({"module": module, "function": function, "action": action, "required": "None", "actual": "All", "fix": fix})
}

/// Items of Table Setup's allow-list, as lines.
pub fn items(names: &[&str], actual: &str) -> Value {
    let item = |name: &&str| {
        let fix = format!("{EDITOR} > System > Table Setup (customize): move {name} to the Allow list");
        let function = format!("Table Setup / {name}");
        json!({
            "module": "System", "function": function, "action": "customize", "required": "allowed",
            "actual": actual, "fix": fix,
        })
    };
    names.iter().map(item).collect()
}

/// Of the lines of `status.permissions`, these; an empty list stands for an absent one.
pub fn lines(status: &Status, list: &str) -> Value {
    match status.field(&format!("/permissions/{list}")) {
        Value::Null => json!([]),
        lines => lines.clone(),
    }
}

/// Status and reason of a condition.
pub fn column(status: &Status, condition: &str) -> String {
    format!("{} {}", status.state(condition), status.reason(condition))
}

/// Nothing is missing, and the link is good.
#[track_caller]
pub fn assert_ready(name: &str, status: &Status, denied: &str) {
    assert_eq!(column(status, "Ready"), "True Linked", "{name}: {status}");
    assert_eq!(column(status, "PermissionDenied"), denied, "{name}: {status}");
    assert_eq!(lines(status, "missing"), json!([]), "{name}: {status}");
}

/// The role lacks exactly these lines.
#[track_caller]
pub fn assert_lacking(name: &str, status: &Status, missing: &Value) {
    assert_eq!(column(status, "Ready"), "False PermissionsMissing", "{name}: {status}");
    assert_eq!(column(status, "PermissionDenied"), "True PermissionsMissing", "{name}: {status}");
    assert_eq!(column(status, "AuthFailed"), "False CredentialsAccepted", "{name}: {status}");
    assert_eq!(lines(status, "missing"), *missing, "{name}: {status}");
}
