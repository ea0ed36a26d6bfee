//! The client: GET, and nothing else, under the guard.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use zeroize::Zeroizing;

use super::answers::Inconclusive;
use super::classify::{Asked, Meaning, classify};
use super::company::CompanyId;
use super::keys::Keys;
use super::probe::{ProbeAnswer, ProbeRoute};
use super::tenant::{Tenant, is_router};
use crate::secret_file::SecretFile;
use crate::upstream::allow::Purpose;
use crate::upstream::guard::Guard;
use crate::upstream::hosts::HostPort;
use crate::upstream::json;
use crate::upstream::memory::{Budget, Memory, SMALL_VALUES};
use crate::upstream::request::{Call, CheckLimits, Message, Target, secret_header};
use crate::upstream::{Answer, Fault, Service};

/// The largest companyinfo that is read: a real one has a few hundred bytes.
const COMPANYINFO_BYTES: usize = 64 << 10;
/// The largest single record, or list of one, that is read.
const RECORD_BYTES: usize = 1 << 20;
/// The largest page that is read: 1,000 rows of `mySecurity` or, should a server disregard `fields`, of boards.
pub(crate) const PAGE_BYTES: usize = 4 << 20;

const CLIENT_ID: HeaderName = HeaderName::from_static("clientid");

/// Plain JSON rather than `application/vnd.connectwise.com+json; version=…`: every server takes it, while a pinned version
/// is not known to be taken by the older servers that companies run themselves, and the few fields read here are in all.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The part of the guard that this client needs.
pub trait Transport: Send + Sync {
    /// Makes a GET.
    fn get(&self, call: Call<'_>, message: Message) -> impl Future<Output = Result<Answer, Fault>> + Send;
    /// Whether keys may be sent to this host.
    fn takes_keys(&self, host: &HostPort) -> bool;
}

impl Transport for Arc<Guard> {
    fn get(&self, call: Call<'_>, message: Message) -> impl Future<Output = Result<Answer, Fault>> + Send {
        self.send(call, message)
    }

    fn takes_keys(&self, host: &HostPort) -> bool {
        self.allow().check(Service::ConnectWise, host, Purpose::Api).is_ok()
    }
}

/// ConnectWise, wherever a tenant lives.
pub struct ConnectWise<T = Arc<Guard>> {
    transport: T,
    /// The operator's `clientId`; read at each call, because the mounted file may change.
    client_id: SecretFile,
    timeout: Duration,
    /// The memory for large answers of all checks.
    budget: Budget,
}

/// Who asks, and what its check may take.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The link's namespace: the rate limits are shared out by it.
    pub namespace: &'a str,
    /// The limits of the check.
    pub limits: CheckLimits<'a>,
}

impl<T: Transport> ConnectWise<T> {
    /// A client that waits this long for each answer ([`crate::timings::Timeouts::connectwise`]).
    #[must_use]
    pub(crate) fn new(transport: T, client_id: SecretFile, timeout: Duration) -> Self {
        Self { transport, client_id, timeout, budget: Budget::default() }
    }

    /// The memory of one check, within that of all.
    pub(crate) fn memory_of_check(&self) -> Memory {
        self.budget.of_check()
    }

    /// Whether keys may be sent to this host.
    pub(crate) fn takes_keys(&self, host: &HostPort) -> bool {
        self.transport.takes_keys(host)
    }

    /// `GET /login/companyinfo/{company}`, which takes neither keys nor a `clientId`.
    pub(crate) async fn companyinfo(
        &self,
        site: &HostPort,
        company: &CompanyId,
        asker: Asker<'_>,
    ) -> Result<Value, NoAnswer> {
        // A company has no white space, the one thing that this encodes otherwise than a path does.
        let segment: String = url::form_urlencoded::byte_serialize(company.as_str().as_bytes()).collect();
        let call = Call {
            operation: "companyinfo",
            target: Target::ConnectWise {
                host: site,
                company: company.as_str(),
                purpose: Purpose::Discovery,
            },
            share: Some(asker.namespace),
            check: Some(asker.limits),
        };
        let message = Message {
            path_and_query: format!("/login/companyinfo/{segment}"),
            headers: vec![(ACCEPT, JSON)],
            body: None,
            timeout: self.timeout,
            max_bytes: COMPANYINFO_BYTES,
        };
        let answer = self.transport.get(call, message).await.map_err(NoAnswer::Fault)?;
        let weight = json::weight(&answer.body);
        read(&answer, weight, Asked::Discovery, asker.limits).await
    }

    /// A tenant's API under these keys.
    pub(crate) fn api<'a>(
        &'a self,
        tenant: &'a Tenant,
        company: &'a CompanyId,
        keys: &Keys,
        asker: Asker<'a>,
    ) -> Api<'a, T> {
        Api { connectwise: self, tenant, company, authorization: keys.authorization(company), asker }
    }
}

/// A tenant's API under one member's keys.
pub(crate) struct Api<'a, T> {
    connectwise: &'a ConnectWise<T>,
    tenant: &'a Tenant,
    company: &'a CompanyId,
    authorization: HeaderValue,
    pub(crate) asker: Asker<'a>,
}

impl<T: Transport> Api<'_, T> {
    /// The path of a route, which is written as it follows `apis/3.0/`.
    pub(crate) fn path(&self, route: &str) -> String {
        format!("/{}apis/3.0/{route}", self.tenant.codebase)
    }

    /// One record.
    pub(crate) async fn record(&self, operation: &'static str, route: &str) -> Result<Value, NoAnswer> {
        let Got { value, .. } = self.get(operation, self.path(route), RECORD_BYTES).await?;
        if value.is_object() { Ok(value) } else { Err(NoAnswer::NOT_THE_API) }
    }

    /// One page of a list.
    pub(crate) async fn page(
        &self,
        operation: &'static str,
        path_and_query: String,
        max_bytes: usize,
    ) -> Result<Page, NoAnswer> {
        match self.get(operation, path_and_query, max_bytes).await? {
            Got { value: Value::Array(rows), next, weight } => Ok(Page { rows, next, weight }),
            Got { .. } => Err(NoAnswer::NOT_THE_API),
        }
    }

    /// What a probe shows.
    pub(crate) async fn probe(&self, route: ProbeRoute) -> Result<ProbeAnswer, NoAnswer> {
        let path = self.path(&format!("{}?{}", route.path(), route.query()));
        match self.page(route.operation(), path, RECORD_BYTES).await {
            Ok(_) => Ok(ProbeAnswer::Answered),
            Err(refused) if refused.means(Meaning::PermissionDenied) => Ok(ProbeAnswer::Refused),
            Err(no_answer) => Err(no_answer),
        }
    }

    async fn get(
        &self,
        operation: &'static str,
        path_and_query: String,
        max_bytes: usize,
    ) -> Result<Got, NoAnswer> {
        let client_id = self.connectwise.client_id.current();
        let client_id = Zeroizing::new(client_id.expose_secret().as_bytes().to_vec());
        let client_id = secret_header(client_id).expect("a secret file holds visible ASCII alone");
        let call = Call {
            operation,
            target: Target::ConnectWise {
                host: &self.tenant.api_host,
                company: self.company.as_str(),
                purpose: Purpose::Api,
            },
            share: Some(self.asker.namespace),
            check: Some(self.asker.limits),
        };
        let message = Message {
            path_and_query,
            headers: vec![
                (AUTHORIZATION, self.authorization.clone()),
                (CLIENT_ID, client_id),
                (ACCEPT, JSON),
            ],
            body: None,
            timeout: self.connectwise.timeout,
            max_bytes,
        };
        let answer = self.connectwise.transport.get(call, message).await.map_err(NoAnswer::Fault)?;
        let weight = json::weight(&answer.body);
        let asked = Asked::Api { router: is_router(self.tenant) };
        let value = read(&answer, weight, asked, self.asker.limits).await?;
        Ok(Got { value, weight, next: answer.next })
    }
}

/// What a GET gave.
struct Got {
    value: Value,
    next: Option<String>,
    weight: usize,
}

/// One page of a list.
pub(crate) struct Page {
    /// Its rows.
    pub(crate) rows: Vec<Value>,
    /// The path of the next one.
    pub(crate) next: Option<String>,
    /// How much memory the rows take, as [`json::weight`] estimates it.
    pub(crate) weight: usize,
}

/// Reads an answer whose values take this much memory. If that is much, the check needs a place first; if it is too much,
/// nothing is read.
async fn read(
    answer: &Answer,
    weight: usize,
    asked: Asked,
    limits: CheckLimits<'_>,
) -> Result<Value, NoAnswer> {
    if weight > SMALL_VALUES && weight <= json::MOST_MEMORY {
        limits.claim_place().await.map_err(NoAnswer::Fault)?;
    }
    let not = |meaning| NoAnswer::Means { meaning, status: answer.status };
    match classify(answer, asked) {
        Meaning::Ok => json::read_value(&answer.body).ok_or(not(Meaning::NotJson)),
        meaning => Err(not(meaning)),
    }
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Something answered, but not with what was asked for.
    Means {
        /// What it means; never [`Meaning::Ok`].
        meaning: Meaning,
        /// The HTTP status.
        status: u16,
    },
    /// Nothing answered.
    Fault(Fault),
}

impl NoAnswer {
    /// JSON came, but of another shape than this API's.
    pub(crate) const NOT_THE_API: Self = Self::Means { meaning: Meaning::Ambiguous, status: 200 };

    /// Whether the answer means this.
    pub(crate) fn means(self, this: Meaning) -> bool {
        matches!(self, Self::Means { meaning, .. } if meaning == this)
    }

    /// Whether ConnectWise answered, but has or gives nothing on this one route: another route may do better.
    pub(crate) fn is_of_this_route(self) -> bool {
        use Meaning::{BadRequest, EndpointMissing, PermissionDenied, RecordNotFound};
        [PermissionDenied, EndpointMissing, RecordNotFound, BadRequest]
            .into_iter()
            .any(|meaning| self.means(meaning))
    }

    /// Whether any further call would have the same result: the keys are refused, or the rate is used up.
    pub(crate) fn ends_the_round(self) -> bool {
        self.means(Meaning::CredentialsRejected)
            || matches!(self.inconclusive(), Inconclusive::RateLimited(_))
    }

    /// Whether the codebase may be out of date: it changes when ConnectWise upgrades the tenant, and calls turn 404.
    pub(crate) fn leads_nowhere(self) -> bool {
        self.means(Meaning::CompanyOrCodebaseInvalid)
            || matches!(self, Self::Means { meaning: Meaning::Ambiguous, status: 404 })
    }

    /// The same, reduced to what decides when to ask again.
    pub(crate) fn inconclusive(self) -> Inconclusive {
        match self {
            Self::Means { meaning: Meaning::RateLimited(wait), .. }
            | Self::Fault(Fault::RateLimited(wait)) => Inconclusive::RateLimited(wait),
            Self::Fault(Fault::NoSuchName) => Inconclusive::NoSuchName,
            Self::Fault(Fault::BadCertificate) => Inconclusive::BadCertificate,
            Self::Means { .. } | Self::Fault(_) => Inconclusive::Unavailable,
        }
    }
}
