//! The one way out: every call of both services goes through [`Guard`].

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hickory_resolver::net::NetError;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method};
use url::Url;

use super::allow::{AllowList, Purpose};
use super::answer::{Answer, Fault};
use super::hosts::{Host, HostPort};
use super::limits::{Lane, Limits, Rates};
use super::memory::SMALL_BODY;
use super::observer::Observer;
use super::reply;
use super::request::{Call, Message, Target};
use super::resolve::Resolver;
use super::service::Service;
use super::tls::{self, TlsError};
use crate::timings::Timings;

/// A connection that nobody uses is closed after this long: sooner than servers and load balancers do, so that no call
/// is written to a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(20);

/// What a [`Guard`] is made of.
pub struct GuardConfig {
    /// The hosts that may be called.
    pub allow: AllowList,
    /// PEM certificates to trust besides the system's roots.
    pub ca_bundle_pem: Option<Vec<u8>>,
    /// A proxy for all calls, `http` or `https`. It resolves the names, so that behind it the allow-list alone holds.
    pub egress_proxy: Option<Url>,
    /// Periods; of the timeouts only `connect` is used, the rest comes with each call.
    pub timings: Timings,
    /// Calls a minute.
    pub rates: Rates,
    /// `User-Agent` of all calls. Petra is reported to answer 403 without one.
    pub user_agent: String,
    /// Is informed of every call and every wait.
    pub observer: Arc<dyn Observer>,
}

/// Why no [`Guard`] could be made.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// No roots, or a bundle that cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system's name servers are not known.
    #[error("failed to read the name servers from /etc/resolv.conf")]
    Resolver(#[source] NetError),
    /// The egress proxy is not `http(s)://HOST[:PORT]`.
    #[error(
        "the egress proxy cannot be used; enter http://HOST:PORT or https://HOST:PORT without a user name and with the full \
         host name, such as squid.proxy.svc.cluster.local, because search domains are not used"
    )]
    Proxy,
    /// The HTTP client refused its configuration.
    #[error("failed to set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Makes calls, and only those that may be made.
pub struct Guard {
    client: reqwest::Client,
    allow: Arc<AllowList>,
    limits: Limits,
    observer: Arc<dyn Observer>,
    proxy_has_certificate: bool,
}

impl Guard {
    /// Builds the one client of this process. Environment proxies, redirects, retries and compressed answers are off:
    /// an answer of a few bytes could otherwise unpack beyond its limit.
    ///
    /// # Errors
    ///
    /// See [`GuardError`].
    pub(crate) fn new(config: GuardConfig) -> Result<Self, GuardError> {
        Self::with_names_by(config, Resolver::from_system)
    }

    fn with_names_by(
        config: GuardConfig,
        resolver: impl FnOnce(Arc<AllowList>, Option<Host>) -> Result<Resolver, NetError>,
    ) -> Result<Self, GuardError> {
        let allow = Arc::new(config.allow);
        let proxy_has_certificate = config.egress_proxy.as_ref().is_some_and(|url| url.scheme() == "https");
        let proxy = config.egress_proxy.map(usable_proxy).transpose()?;
        let (proxy_host, proxy) = proxy.unzip();
        let resolver = resolver(Arc::clone(&allow), proxy_host.flatten()).map_err(GuardError::Resolver)?;
        let mut client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(config.ca_bundle_pem.as_deref())?)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(config.timings.timeouts.connect)
            .pool_idle_timeout(IDLE)
            .user_agent(config.user_agent);
        if let Some(proxy) = proxy {
            client = client.proxy(proxy);
        }
        Ok(Self {
            client: client.build().map_err(GuardError::Client)?,
            allow,
            limits: Limits::new(config.rates, config.timings),
            observer: config.observer,
            proxy_has_certificate,
        })
    }

    /// The hosts that may be called.
    #[must_use]
    pub(crate) fn allow(&self) -> &AllowList {
        &self.allow
    }

    /// What went wrong with a call. Behind a proxy that has a certificate of its own, a bad one may be the proxy's.
    fn fault(&self, error: &reqwest::Error) -> Fault {
        match fault(error) {
            Fault::BadCertificate if self.proxy_has_certificate => Fault::Connection,
            fault => fault,
        }
    }

    /// Makes a call: [`Guard::admit`] and [`Admission::send`].
    ///
    /// # Errors
    ///
    /// A [`Fault`] when there is no answer. A redirect or a 500 is an answer too.
    pub(crate) async fn send(&self, call: Call<'_>, message: Message) -> Result<Answer, Fault> {
        self.admit(call).await?.send(message).await
    }

    /// The first half of a call: is the host allowed, and is it this call's turn? Waits for the limiter. What has to be
    /// decided at the last moment (a fence, a `notAfter`) is decided between the halves.
    ///
    /// # Errors
    ///
    /// [`Fault::HostNotAllowed`], [`Fault::RateLimited`], or [`Fault::Timeout`] when its check is over; nothing was sent.
    pub(crate) async fn admit<'a>(&'a self, call: Call<'a>) -> Result<Admission<'a>, Fault> {
        let began = Instant::now();
        let admitted = match call.check {
            Some(check) => check.in_time(self.admitted(call)).await,
            None => self.admitted(call).await,
        };
        let took = began.elapsed();
        let service = call.target.service();
        match &admitted {
            Ok(_) => self.observer.waited(service, call.operation, took),
            Err(fault) => self.observer.called(service, call.operation, fault.as_str(), took),
        }
        admitted
    }

    async fn admitted<'a>(&'a self, call: Call<'a>) -> Result<Admission<'a>, Fault> {
        let (host, purpose) = match call.target {
            Target::ConnectWise { host, purpose, .. } => (host.clone(), purpose),
            Target::Petra(_) => (self.allow.petra(), Purpose::Api),
        };
        self.allow.check(call.target.service(), &host, purpose)?;
        let lane = match call.target.service() {
            Service::ConnectWise => Lane::Host(host.clone()),
            Service::Petra => Lane::Route(call.operation),
        };
        self.limits.turn(&lane, call.share, call.target.company()).await?;
        Ok(Admission { guard: self, call, host, lane })
    }
}

/// A call whose turn it is. It is used for one message; dropping it sends nothing.
#[must_use = "an admission that is not used wastes a turn"]
pub struct Admission<'a> {
    guard: &'a Guard,
    call: Call<'a>,
    host: HostPort,
    lane: Lane,
}

impl Admission<'_> {
    /// The second half of a call: sends the message and reads the answer, whole, within the message's limits.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when there is no whole answer. Whether the message arrived is not known then.
    pub(crate) async fn send(self, message: Message) -> Result<Answer, Fault> {
        let began = Instant::now();
        let timeout = message.timeout;
        let exchange = async {
            let exchange = self.exchange(message);
            tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(Fault::Timeout))
        };
        let answer = match self.call.check {
            Some(check) => check.in_time(exchange).await,
            None => exchange.await,
        };
        if let Ok(Answer { status: 429, retry_after: Some(wait), .. }) = &answer {
            self.guard.limits.pause(&self.lane, self.call.target.company(), *wait);
        }
        let outcome =
            answer.as_ref().map_or_else(|fault| fault.as_str(), |answer| status_class(answer.status));
        self.guard.observer.called(self.call.target.service(), self.call.operation, outcome, began.elapsed());
        answer
    }

    async fn exchange(&self, message: Message) -> Result<Answer, Fault> {
        let method = self.call.target.method();
        let mut request = self
            .guard
            .client
            .request(method.clone(), url(&self.host, &message.path_and_query)?)
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        if let Some(body) = message.body.filter(|_| method == Method::PUT) {
            // The bytes keep their owner, which wipes them; copies that TLS makes while it encrypts are out of reach.
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(Bytes::from_owner(body.0));
        }
        let mut response = request.send().await.map_err(|error| self.guard.fault(&error))?;
        let mut answer = reply::answer(response.status().as_u16(), response.headers(), &self.host);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.guard.fault(&error))? {
            let size = answer.body.len() + chunk.len();
            if size > message.max_bytes {
                return Err(Fault::TooLarge);
            }
            if size > SMALL_BODY
                && let Some(check) = self.call.check
            {
                check.claim_place().await?;
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// The URL of a path on a host. Path and query are set apart from the host, so that no text in them can change it.
fn url(host: &HostPort, path_and_query: &str) -> Result<Url, Fault> {
    let mut url = Url::parse(&format!("https://{host}/")).map_err(|_| Fault::HostNotAllowed)?;
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    url.set_path(path);
    url.set_query(query);
    Ok(url)
}

/// The proxy, and its name if it has one to be resolved.
fn usable_proxy(url: Url) -> Result<(Option<Host>, reqwest::Proxy), GuardError> {
    let host = match url.host().ok_or(GuardError::Proxy)? {
        url::Host::Domain(name) => Some(Host::parse(name).map_err(|_| GuardError::Proxy)?),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    };
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err(GuardError::Proxy);
    }
    Ok((host, reqwest::Proxy::all(url).map_err(|_| GuardError::Proxy)?))
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

/// What went wrong, from the types in the error's chain of causes; its texts may hold what a server said.
fn fault(error: &reqwest::Error) -> Fault {
    for cause in error_chain(error) {
        if let Some(fault) = cause.downcast_ref::<Fault>() {
            return *fault;
        }
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return Fault::BadCertificate;
        }
    }
    if error.is_timeout() { Fault::Timeout } else { Fault::Connection }
}

/// An error and all below it. An [`io::Error`] hides what it wraps from `source`, which gives the cause of that instead.
pub(crate) fn error_chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error = *error;
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests;
