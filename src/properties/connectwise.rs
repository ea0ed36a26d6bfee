//! A whole round against a ConnectWise that answers with anything.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use crate::connectwise::client::{ConnectWise, Transport};
use crate::connectwise::profile::Profiles;
use crate::connectwise::round::{self, Inputs};
use crate::connectwise::{CompanyId, Depth, Keys, KeysAnswer, Round, Tenant};
use crate::upstream::allow::{AllowList, Purpose};
use crate::upstream::hosts::HostPort;
use crate::upstream::request::{Call, Message, Target};
use crate::upstream::{Answer, Fault, Service};

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
        *self.calls.lock().expect("one thread") += 1;
        match self.replies.lock().expect("one thread").next() {
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
    let company = CompanyId::parse("acme").expect("a company");
    Tenant::recorded(company, "api-na.myconnectwise.net", "v2025_1/", None).expect("a tenant")
}

/// A round ends after a bounded number of calls, sends keys to allowed hosts alone, and nothing of the answers' free text is
/// in what it found out. Only a 401 among the answers can have refused the keys.
///
/// # Panics
/// Where that does not hold.
#[must_use]
pub fn round(replies: Vec<Reply>, depth: Depth) -> Round {
    let refused = replies.iter().any(|reply| matches!(reply, Reply::Answer { status: 401, json: true, .. }));
    let script = Arc::new(Script { replies: Mutex::new(replies.into_iter()), calls: Mutex::new(0) });
    let client_id = Arc::new(|| Some("00000000-0000-4000-8000-000000000000".into()));
    let connectwise = ConnectWise::new(Arc::clone(&script), client_id, Duration::from_secs(35));
    let keys = Keys::from_secret_data(Some(b"public"), Some(b"private")).expect("keys");
    let inputs = Inputs {
        site: &"na.myconnectwise.net".parse().expect("a host"),
        company: &CompanyId::parse("acme").expect("a company"),
        keys: &keys,
        profile: PROFILES.get(Profiles::DEFAULT).expect("built in"),
        board: Some("Help Desk"),
        namespace: "team",
    };
    let found = futures::executor::block_on(async {
        match depth {
            Depth::Full => round::full(&connectwise, inputs).await,
            Depth::Cheap => round::cheap(&connectwise, inputs, &known_tenant()).await,
        }
    });
    let calls = *script.calls.lock().expect("one thread");
    assert!(calls <= MOST_CALLS, "{calls} calls for one round");
    assert!(found.keys != KeysAnswer::Rejected || refused, "keys were refused by no 401");
    super::tells_nothing(&format!("{found:?}"));
    found
}
