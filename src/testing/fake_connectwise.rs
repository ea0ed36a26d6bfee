//! A ConnectWise that answers from a table, and records the requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connectwise::client::{Asker, ConnectWise, Transport};
use crate::connectwise::profile::Profiles;
use crate::connectwise::round::{Inputs, cheap, full};
use crate::connectwise::{CompanyId, Depth, Keys, Round, Tenant};
use crate::crd::LinkSpec;
use crate::secret_file::SecretFile;
use crate::timings::Timings;
use crate::upstream::allow::{AllowList, Purpose};
use crate::upstream::hosts::HostPort;
use crate::upstream::memory::Memory;
use crate::upstream::request::{Call, CheckLimits, Message, Target};
use crate::upstream::{Answer, Fault, Service};

pub(crate) const PERMISSION: &str = "You do not have security permission to perform this action.";

/// The table's entry for a path.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    content_type: &'static str,
    body: String,
    next: Option<String>,
    fault: Option<Fault>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string(), next: None, fault: None }
    }

    /// JSON as it is written here.
    pub(crate) fn written(status: u16, body: &str) -> Self {
        Self { content_type: "application/json", ..Self::page(status, body) }
    }

    /// A list that was answered, in which every object that has this key has it once more, with this value.
    pub(crate) fn twice(self, key: &str, value: &Value) -> Self {
        let found = format!("\"{key}\":");
        Self { body: self.body.replace(&found, &format!("{found}{value},{found}")), ..self }
    }

    pub(crate) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"code": code, "message": message}))
    }

    pub(crate) fn refused() -> Self {
        Self::error(403, "Security", PERMISSION)
    }

    pub(crate) fn rejected() -> Self {
        Self::error(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn page(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/html", body: body.to_owned(), next: None, fault: None }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self { content_type: "text/plain", ..Self::page(status, body) }
    }

    pub(crate) fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::page(0, "") }
    }

    pub(crate) fn then(self, next: &str) -> Self {
        Self { next: Some(next.to_owned()), ..self }
    }
}

/// The table. What is not in it answers as a router does: 404 and a page; or with one reply for everything else.
#[derive(Default)]
pub(crate) struct Fake {
    replies: BTreeMap<String, Reply>,
    otherwise: Option<Reply>,
    /// How long each answer takes.
    delay: Duration,
    asked: Mutex<Vec<String>>,
}

impl Fake {
    /// A reply for a path; with a query, for just that query.
    pub(crate) fn with(mut self, path: &str, reply: Reply) -> Self {
        self.replies.insert(path.to_owned(), reply);
        self
    }

    /// Each answer takes this long.
    pub(crate) fn slow(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// A reply for a route of codebase `v2025_1/`.
    pub(crate) fn api(self, route: &str, reply: Reply) -> Self {
        self.with(&format!("/v2025_1/apis/3.0/{route}"), reply)
    }

    pub(crate) fn connect(self) -> (ConnectWise<Arc<Self>>, Arc<Self>) {
        let fake = Arc::new(self);
        let client_id = SecretFile::fixed("3f6f1c5e-0000-4000-8000-000000000000");
        (ConnectWise::new(Arc::clone(&fake), client_id, Duration::from_secs(35)), fake)
    }

    /// What was asked, as `HOST PATH?QUERY`, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

impl Transport for Arc<Fake> {
    async fn get(&self, call: Call<'_>, message: Message) -> Result<Answer, Fault> {
        let Target::ConnectWise { host, purpose, .. } = call.target else {
            panic!("not a call to ConnectWise")
        };
        let header =
            |name: &str| message.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value);
        let is_secret = |value: Option<&HeaderValue>| value.is_some_and(HeaderValue::is_sensitive);
        let with_keys = purpose == Purpose::Api;
        assert_eq!(
            (is_secret(header("authorization")), is_secret(header("clientid"))),
            (with_keys, with_keys)
        );
        assert_eq!(call.share, Some("team-a"));

        let asked = message.path_and_query;
        self.asked.lock().push(format!("{host} {asked}"));
        let path = asked.split('?').next().unwrap_or_default();
        let reply = self.replies.get(&asked).or_else(|| self.replies.get(path)).cloned();
        let reply = reply.or_else(|| self.otherwise.clone()).unwrap_or_else(|| Reply::page(404, ""));
        if !self.delay.is_zero() {
            let check = call.check.expect("every call is part of a check");
            let comes = async {
                tokio::time::sleep(self.delay).await;
                Ok(())
            };
            check.in_time(comes).await?;
        }
        match reply.fault {
            Some(fault) => Err(fault),
            None => Ok(Answer {
                status: reply.status,
                content_type: reply.content_type.to_owned(),
                retry_after: (reply.status == 429).then_some(Duration::from_secs(30)),
                next: reply.next,
                date: None,
                body: reply.body.into_bytes(),
            }),
        }
    }

    fn takes_keys(&self, host: &HostPort) -> bool {
        AllowList::default().check(Service::ConnectWise, host, Purpose::Api).is_ok()
    }
}

/// One published body, as an entry of `testdata/error-bodies.json`.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    pub name: String,
    status: u16,
    content_type: String,
    body: Value,
    path: Option<String>,
}

/// All published bodies.
pub(crate) fn error_bodies() -> Vec<ErrorBody> {
    serde_json::from_str(include_str!("../connectwise/testdata/error-bodies.json")).unwrap()
}

/// A round of a tenant that answers every question, or the one that the body belongs to, with this body.
pub(crate) async fn round_against(error: &ErrorBody, depth: Depth) -> Round {
    let content_type = match error.content_type.as_str() {
        "text/html" => "text/html",
        "text/plain" => "text/plain",
        _ => "application/json",
    };
    let body = match &error.body {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let reply = Reply { content_type, ..Reply::page(error.status, &body) };
    let companyinfo = match &error.path {
        Some(_) => reply.clone(),
        None => Reply::ok(&companyinfo("v2025_1/")),
    };
    let fake =
        Fake { otherwise: Some(reply), ..Fake::default() }.with("/login/companyinfo/myco", companyinfo);
    ask(&fake.connect().0, depth, None, Some(&tenant("v2025_1/"))).await
}

/// One round about the company of this file.
pub(crate) async fn ask<T: Transport>(
    connectwise: &ConnectWise<T>,
    depth: Depth,
    board: Option<&str>,
    known: Option<&Tenant>,
) -> Round {
    let profiles = Profiles::builtin();
    let memory = connectwise.memory_of_check();
    let inputs = Inputs {
        site: &site(),
        company: &company(),
        keys: &keys(),
        profile: profiles.get(LinkSpec::DEFAULT_PROFILE).unwrap(),
        board,
        asker: asker(&memory),
    };
    match depth {
        Depth::Full => full(connectwise, inputs).await,
        Depth::Cheap => cheap(connectwise, inputs, known).await,
    }
}

/// Who asks in these tests, with the time that a check has.
pub(crate) fn asker(memory: &Memory) -> Asker<'_> {
    let deadline = Instant::now() + Timings::default().timeouts.check;
    Asker { namespace: "team-a", limits: CheckLimits { deadline, memory } }
}

pub(crate) fn site() -> HostPort {
    "na.myconnectwise.net".parse().unwrap()
}

pub(crate) fn company() -> CompanyId {
    CompanyId::parse("myco").unwrap()
}

pub(crate) fn keys() -> Keys {
    Keys::from_secret_data(Some(b"pub"), Some(b"priv")).ok().unwrap()
}

pub(crate) fn tenant(codebase: &str) -> Tenant {
    Tenant {
        canonical_company: CompanyId::parse("MyCo").unwrap(),
        api_host: "api-na.myconnectwise.net".parse().unwrap(),
        codebase: codebase.to_owned(),
        version: Some("4.6.100234".to_owned()),
    }
}

pub(crate) fn companyinfo(codebase: &str) -> Value {
    json!({
        "CompanyName": "My Company", "Codebase": codebase, "VersionCode": "v2025.1", "VersionNumber": "v4.6.100234",
        "CompanyID": "MyCo", "IsCloud": true, "SiteUrl": "api-na.myconnectwise.net",
    })
}

/// A row of `mySecurity` with one level for every action.
pub(crate) fn row(module: &str, function: &str, level: &str) -> Value {
    levels(module, function, [level; 4])
}

/// A row of `mySecurity` with its levels for add, edit, delete and inquire.
pub(crate) fn levels(module: &str, function: &str, [add, edit, delete, inquire]: [&str; 4]) -> Value {
    json!({
        "moduleName": module, "moduleFunctionName": function,
        "addLevel": add, "editLevel": edit, "deleteLevel": delete, "inquireLevel": inquire,
    })
}

/// Exactly the role that the first guide asks for.
pub(crate) fn guide_role() -> Vec<Value> {
    vec![
        levels("Companies", "Company Maintenance", ["None", "None", "None", "All"]),
        levels("Companies", "Contacts", ["None", "None", "None", "All"]),
        levels("Finance", "Agreements", ["All", "All", "None", "All"]),
        levels("Service Desk", "Close Service Tickets", ["None", "All", "None", "All"]),
        levels("Service Desk", "Service Tickets", ["All", "All", "None", "All"]),
        levels("System", "API Reports", ["None", "None", "None", "All"]),
        levels("System", "Table Setup", ["None", "None", "None", "All"]),
    ]
}
