//! What a call is: whom it asks, and what it says.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use zeroize::Zeroizing;

use super::Service;
use super::allow::Purpose;
use super::hosts::HostPort;

/// Whom a call asks. ConnectWise has no method here: nothing but GET can be written for it.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// GET at a ConnectWise host.
    ConnectWise {
        /// The host; it must be allowed for the purpose.
        host: &'a HostPort,
        /// Whether a key is sent.
        purpose: Purpose,
    },
    /// Petra, on the one host that the operator's configuration gives it.
    Petra(PetraMethod),
}

impl Target<'_> {
    /// The service.
    #[must_use]
    pub fn service(&self) -> Service {
        match self {
            Self::ConnectWise { .. } => Service::ConnectWise,
            Self::Petra(_) => Service::Petra,
        }
    }

    /// The HTTP method.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::ConnectWise { .. } | Self::Petra(PetraMethod::Get) => Method::GET,
            Self::Petra(PetraMethod::Put) => Method::PUT,
            Self::Petra(PetraMethod::Delete) => Method::DELETE,
        }
    }
}

/// What may be done at Petra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetraMethod {
    /// Read.
    Get,
    /// Create or replace a link.
    Put,
    /// Delete a link.
    Delete,
}

/// The part of a call that decides whether, and when, it may be made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// A closed name, such as `mySecurity`: the metric label. At Petra it names method and route template, for each of
    /// which Petra counts, so that every call of one route bears one name.
    pub operation: &'static str,
    /// Whom it asks.
    pub target: Target<'a>,
    /// For whom it is made: the namespace of the link, by which the limiter's turns are shared out. `None` for the
    /// operator's own calls.
    pub share: Option<&'a str>,
}

/// The part of a call that is sent.
#[derive(Debug)]
pub struct Message {
    /// Path and query, percent-encoded, beginning with a slash. It cannot change the host.
    pub path_and_query: String,
    /// Headers; those that hold a key are marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The JSON body of a PUT, wiped once it is sent. Nothing else has one.
    pub body: Option<Body>,
    /// How long the answer may take, whole; the wait for the limiter does not count.
    pub timeout: Duration,
    /// How large the answer's body may be.
    pub max_bytes: usize,
}

/// A JSON body. It may hold keys: `Debug` leaves it out.
pub struct Body(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}
