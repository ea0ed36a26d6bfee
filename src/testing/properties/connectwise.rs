//! A whole round against a ConnectWise that answers with anything.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use crate::connectwise::client::{Asker, ConnectWise, Transport};
use crate::connectwise::profile::Profiles;
use crate::connectwise::round::{self, Inputs};
use crate::connectwise::{
    Actual, CompanyAnswer, CompanyId, Depth, Keys, KeysAnswer, MemberAnswer, PermissionsAnswer, Round, Tenant,
};
use crate::crd::LinkSpec;
use crate::secret_file::SecretFile;
use crate::upstream::allow::{AllowList, Purpose};
use crate::upstream::hosts::HostPort;
use crate::upstream::request::{Call, CheckLimits, Message, Target};
use crate::upstream::{Answer, Fault, Service, json};

/// A round asks no more than this, whatever it is answered: lists are followed for 20 pages each.
const MOST_CALLS: usize = 200;

static PROFILES: LazyLock<Profiles> = LazyLock::new(Profiles::builtin);

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This came.
    Answer {
        /// HTTP status.
        status: u16,
        /// Declared as JSON, else as HTML.
        json: bool,
        /// The target of `rel="next"`.
        next: Option<String>,
        /// The body.
        body: Vec<u8>,
    },
    /// Nothing came.
    Fault(Fault),
}

impl Reply {
    /// Reads replies from a fuzzer's bytes: a byte for the kind, and the body up to a zero byte.
    #[must_use]
    pub fn script(bytes: &[u8]) -> Vec<Self> {
        bytes.split(|byte| *byte == 0).filter_map(Self::read).collect()
    }

    fn read(part: &[u8]) -> Option<Self> {
        const STATUSES: [u16; 10] = [200, 200, 200, 400, 401, 403, 404, 429, 500, 302];
        const FAULTS: [Fault; 4] =
            [Fault::Timeout, Fault::NoSuchName, Fault::TooLarge, Fault::BadCertificate];
        let (kind, body) = part.split_first()?;
        let kind = usize::from(*kind);
        Some(match FAULTS.get(kind.wrapping_sub(40)) {
            Some(fault) => Self::Fault(*fault),
            None => Self::Answer {
                status: STATUSES[kind % STATUSES.len()],
                json: kind % 40 < 30,
                next: (kind % 7 == 6).then(|| "/v2025_1/apis/3.0/service/boards?page=2".to_owned()),
                body: body.to_vec(),
            },
        })
    }
}

/// Answers with its replies in order, and then with nothing.
struct Script {
    replies: Mutex<std::vec::IntoIter<Reply>>,
    calls: Mutex<usize>,
}

impl Transport for Arc<Script> {
    async fn get(&self, call: Call<'_>, message: Message) -> Result<Answer, Fault> {
        let Target::ConnectWise { host, purpose, .. } = call.target else {
            panic!("not a call to ConnectWise")
        };
        // Promise 5: whatever was answered before, keys go to allowed hosts alone, below a plain path.
        let keyed = message.headers.iter().any(|(name, _)| name == http::header::AUTHORIZATION);
        assert_eq!(keyed, purpose == Purpose::Api);
        assert!(!keyed || self.takes_keys(host), "keys for {host}");
        let path = &message.path_and_query;
        assert!(path.starts_with('/') && !path.contains([' ', '\r', '\n', '#']), "{path:?}");
        *self.calls.lock() += 1;
        match self.replies.lock().next() {
            None => Err(Fault::Timeout),
            Some(Reply::Fault(fault)) => Err(fault),
            Some(Reply::Answer { status, json, next, body }) => Ok(Answer {
                status,
                content_type: if json { "application/json" } else { "text/html" }.to_owned(),
                retry_after: Some(Duration::from_secs(7)),
                next,
                date: None,
                body,
            }),
        }
    }

    fn takes_keys(&self, host: &HostPort) -> bool {
        AllowList::default().check(Service::ConnectWise, host, Purpose::Api).is_ok()
    }
}

/// The tenant of an earlier round.
fn known_tenant() -> Tenant {
    Tenant::of_test("acme", "api-na.myconnectwise.net", "v2025_1/")
}

/// A round ends after a bounded number of calls, sends keys to allowed hosts alone, and of the answers' texts nothing is in
/// what it found out but where the tenant is, which is text of a closed form. It accuses of nothing that no answer told.
///
/// # Panics
/// Where that does not hold.
#[must_use]
pub fn round(replies: Vec<Reply>, depth: Depth) -> Round {
    let told = Told::by(&replies);
    let script = Arc::new(Script { replies: Mutex::new(replies.into_iter()), calls: Mutex::new(0) });
    let client_id = SecretFile::fixed("00000000-0000-4000-8000-000000000000");
    let connectwise = ConnectWise::new(Arc::clone(&script), client_id, Duration::from_secs(35));
    let keys = Keys::from_secret_data(Some(b"public"), Some(b"private")).expect("keys");
    let memory = connectwise.memory_of_check();
    let deadline = Instant::now() + Duration::from_mins(3);
    let inputs = Inputs {
        site: &"na.myconnectwise.net".parse().expect("a host"),
        company: &CompanyId::parse("acme").expect("a company"),
        keys: &keys,
        profile: PROFILES.get(LinkSpec::DEFAULT_PROFILE).expect("built in"),
        board: Some("Help Desk"),
        asker: Asker { namespace: "team", limits: CheckLimits { deadline, memory: &memory } },
    };
    let found = futures::executor::block_on(async {
        match depth {
            Depth::Full => round::full(&connectwise, inputs).await,
            Depth::Cheap => round::cheap(&connectwise, inputs, Some(&known_tenant())).await,
        }
    });
    let calls = *script.calls.lock();
    assert!(calls <= MOST_CALLS, "{calls} calls for one round");
    told.covers(&found);
    super::tells_nothing(&format!("{:?}", without_tenant(found.clone())));
    found
}

/// What was answered, whatever was asked.
struct Told {
    /// Status, whether it was declared as JSON, and the JSON that it is all the same.
    answers: Vec<(u16, bool, Value)>,
}

impl Told {
    fn by(replies: &[Reply]) -> Self {
        let read = |reply: &Reply| match reply {
            Reply::Answer { status, json, body, .. } => Some((*status, *json, json::read_value(body)?)),
            Reply::Fault(_) => None,
        };
        Self { answers: replies.iter().filter_map(read).collect() }
    }

    /// Whether there was ConnectWise's own error with one of these statuses.
    fn error(&self, statuses: &[u16]) -> bool {
        let is_own =
            |body: &Value| ["code", "message"].iter().all(|of| body.get(of).is_some_and(Value::is_string));
        self.answers.iter().any(|(status, json, body)| *json && statuses.contains(status) && is_own(body))
    }

    fn success(&self, of: impl Fn(&Value) -> bool) -> bool {
        self.answers.iter().any(|(status, _, body)| *status == 200 && of(body))
    }

    fn levels(&self) -> bool {
        let is_level = |row: &Value| {
            ["addLevel", "editLevel", "deleteLevel", "inquireLevel"]
                .iter()
                .any(|level| row.get(level).is_some())
        };
        self.success(|body| body.as_array().is_some_and(|rows| rows.iter().any(is_level)))
    }

    /// Each accusation of the round has an answer that may have told it.
    fn covers(&self, round: &Round) {
        match round.keys {
            KeysAnswer::Rejected => assert!(self.error(&[401]), "keys were refused by no 401"),
            KeysAnswer::Accepted | KeysAnswer::Inconclusive(_) => {}
        }
        if round.company == CompanyAnswer::Unknown {
            assert!(self.error(&[404]) || self.success(Value::is_null), "no answer knows no such company");
        }
        if round.member == MemberAnswer::Inactive {
            let inactive = |body: &Value| body.get("inactiveFlag") == Some(&Value::Bool(true));
            assert!(self.success(inactive), "no answer tells of an inactive member");
        }
        let PermissionsAnswer::Judged(found) = &round.permissions else { return };
        for line in &found.missing {
            let told = match line.actual {
                Actual::Level(_) => self.levels(),
                Actual::Refused | Actual::Disallowed => self.error(&[401, 403]),
                Actual::Allowed | Actual::Unknown => false,
            };
            assert!(told, "missing, and no answer told: {line:?}");
        }
    }
}

/// The round without the texts that it may hold of an answer, each of which has a form of its own.
fn without_tenant(mut round: Round) -> Round {
    let CompanyAnswer::Found(tenant) = &mut round.company else { return round };
    // Every field is named, so that another one that holds text cannot be forgotten.
    let Tenant { canonical_company, api_host, codebase, version } = &*tenant;
    // The company only ever becomes part of a hash.
    assert!(canonical_company.as_str().len() <= CompanyId::MAX_BYTES, "{canonical_company}");
    assert!(AllowList::default().check(Service::ConnectWise, api_host, Purpose::Api).is_ok(), "{api_host}");
    let parts = codebase.strip_prefix('v').and_then(|rest| rest.strip_suffix('/')).expect("a codebase");
    let is_part = |part: &str| {
        let digits = part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        digits || (part.len() <= 12 && part.bytes().all(|b| b.is_ascii_lowercase()))
    };
    assert!(parts.len() <= 32 && parts.split('_').all(is_part), "{codebase}");
    let plain = |text: &String| text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    assert!(version.as_ref().is_none_or(plain), "{version:?}");
    *tenant = known_tenant();
    round
}
