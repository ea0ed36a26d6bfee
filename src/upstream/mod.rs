//! The HTTP guard: the only way out of this process to ConnectWise and Petra.
//!
//! It decides which hosts may be called at all ([`hosts`], [`allow`]), resolves their names itself and connects to the
//! very address that it checked ([`resolve`], [`address`]), trusts what the operator was told to ([`tls`]), and bounds
//! every call: timeout, bytes, redirects, rate ([`guard`], [`limits`]). What a call is, [`request`] says; what of an
//! answer's headers is read, [`reply`]; its JSON is read within a bound of memory by `json`.

pub mod address;
pub mod allow;
pub mod guard;
pub mod hosts;
pub(crate) mod json;
pub mod limits;
pub mod reply;
pub mod request;
pub mod resolve;
pub mod tls;

use std::time::Duration;

/// The two services that this operator talks to. Also a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// ConnectWise PSA, wherever the tenant lives.
    ConnectWise,
    /// Petra Security.
    Petra,
}

impl Service {
    /// The name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectWise => "connectwise",
            Self::Petra => "petra",
        }
    }
}

/// An answer, whole and within the byte limit. Its body is remote text: it is parsed into closed types or dropped, never
/// shown, so `Debug` leaves it out.
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// `Content-Type` without parameters, in lower case; empty when absent.
    pub content_type: String,
    /// `Retry-After` or Petra's `Retry-After-public-api`: seconds, or a date less the server's `Date`. Unreadable or
    /// negative values are `None`; no upper bound is applied here.
    pub retry_after: Option<Duration>,
    /// Target of the `Link` header's `rel="next"`: path and query only; empty where there is one that is not on this host.
    pub next: Option<String>,
    /// The server's clock (`Date`), by which Petra judges `notAfter`.
    pub date: Option<jiff::Timestamp>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no [`Answer`]. Holds no remote text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host is not among those that the operator may call.
    #[error("the host is not allowed")]
    HostNotAllowed,
    /// The name resolves to an address that is private, local or otherwise not public, and the host was not configured.
    #[error("the host resolves to a private address")]
    PrivateAddress,
    /// The name does not exist (NXDOMAIN).
    #[error("the host name does not exist")]
    NoSuchName,
    /// The name could not be resolved for another reason.
    #[error("the host name could not be resolved")]
    Resolve,
    /// TLS failed because the certificate is not trusted, has expired or names another host.
    #[error("the certificate is not trusted")]
    BadCertificate,
    /// No connection, or it broke before the answer was whole.
    #[error("the connection failed")]
    Connection,
    /// No whole answer within the timeout.
    #[error("no answer in time")]
    Timeout,
    /// The answer is larger than the limit.
    #[error("the answer is too large")]
    TooLarge,
    /// Nothing was sent, because the service's rate is used up or it asked us to wait: with how much longer, if it said
    /// so (its own seconds, as in [`Answer::retry_after`]).
    #[error("the rate limit is used up")]
    RateLimited(Option<Duration>),
}

impl Fault {
    /// The metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostNotAllowed => "host_not_allowed",
            Self::PrivateAddress => "private_address",
            Self::NoSuchName => "no_such_name",
            Self::Resolve => "resolve",
            Self::BadCertificate => "bad_certificate",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::RateLimited(_) => "rate_limited",
        }
    }
}

/// Told of every call that left (or was refused) and of every wait for a limiter. Implemented by the metrics.
pub trait Observer: Send + Sync + 'static {
    /// One call ended: `operation` is a closed name such as `mySecurity`, `outcome` an HTTP status class (`2xx`, `4xx`, …)
    /// or a [`Fault`]'s name.
    fn called(&self, service: Service, operation: &'static str, outcome: &'static str, took: Duration);
    /// A call waited this long for a rate limiter before it was sent.
    fn waited(&self, service: Service, operation: &'static str, wait: Duration);
}
