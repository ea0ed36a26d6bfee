//! What a call returns: an answer, or why there is none.

use std::time::Duration;

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
    pub(crate) fn as_str(self) -> &'static str {
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
