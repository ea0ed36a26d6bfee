//! What a call is: its target, and its message.

use std::time::Duration;

use bytes::Bytes;
use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue, Method};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::allow::Purpose;
use super::answer::Fault;
use super::hosts::HostPort;
use super::memory::Memory;
use super::service::Service;

/// The target of a call. ConnectWise has no method here: nothing but GET can be written for it.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// GET at a ConnectWise host.
    ConnectWise {
        /// The host; it must be allowed for the purpose.
        host: &'a HostPort,
        /// The company that it is asked about: whose member is throttled is paused alone.
        company: &'a str,
        /// Whether a key is sent.
        purpose: Purpose,
    },
    /// Petra, on the one host that the operator's configuration gives it.
    Petra(PetraMethod),
}

impl Target<'_> {
    /// The service.
    #[must_use]
    pub(crate) fn service(&self) -> Service {
        match self {
            Self::ConnectWise { .. } => Service::ConnectWise,
            Self::Petra(_) => Service::Petra,
        }
    }

    /// The company, of a call to ConnectWise.
    pub(super) fn company(&self) -> Option<&str> {
        match self {
            Self::ConnectWise { company, .. } => Some(company),
            Self::Petra(_) => None,
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

/// The methods that are used at Petra.
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
    /// Its target.
    pub target: Target<'a>,
    /// The namespace of the link that it is made for, by which the limiter's turns are shared out. `None` for the
    /// operator's own calls.
    pub share: Option<&'a str>,
    /// The limits of the check that it is part of.
    pub check: Option<CheckLimits<'a>>,
}

/// What all calls of one check may take together.
#[derive(Clone, Copy, Debug)]
pub struct CheckLimits<'a> {
    /// When the check ends. What was not answered by then is not answered in time.
    pub deadline: Instant,
    /// The memory that its answers take.
    pub memory: &'a Memory,
}

impl CheckLimits<'_> {
    /// Lets a part of the check go on until the deadline.
    ///
    /// # Errors
    ///
    /// That of the part, or [`Fault::Timeout`].
    pub(crate) async fn in_time<T>(&self, part: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if Instant::now() >= self.deadline {
            return Err(Fault::Timeout);
        }
        tokio::time::timeout_at(self.deadline, part).await.unwrap_or(Err(Fault::Timeout))
    }

    /// Makes sure that the check has a place for large answers; waits for one until the deadline.
    ///
    /// # Errors
    ///
    /// [`Fault::Timeout`].
    pub(crate) async fn claim_place(&self) -> Result<(), Fault> {
        if self.memory.try_claim() {
            return Ok(());
        }
        self.in_time(async {
            self.memory.claim().await;
            Ok(())
        })
        .await
    }
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

/// A header that holds a key: marked sensitive, so that no client shows it. It keeps the wiped memory as its own, where
/// the usual ways to make a header copy the text into memory that nobody wipes.
///
/// # Errors
///
/// The text has bytes that no header may hold.
pub(crate) fn secret_header(value: Zeroizing<Vec<u8>>) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(value))?;
    header.set_sensitive(true);
    Ok(header)
}

/// A JSON body. It may hold keys: `Debug` leaves it out.
pub struct Body(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("bytes", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_header_is_shown_to_nobody_and_is_no_copy() {
        let text = Zeroizing::new(b"Bearer CANARY".to_vec());
        let place = text.as_ptr();
        let header = secret_header(text).expect("visible ASCII");
        assert_eq!((header.as_bytes(), header.as_bytes().as_ptr()), (b"Bearer CANARY".as_slice(), place));
        assert_eq!(format!("{header:?}"), "Sensitive");
        let sent = HeaderValue::clone(&header);
        assert!(sent.is_sensitive() && sent.as_bytes().as_ptr() == place, "nor is what is handed on");
        assert!(secret_header(Zeroizing::new(b"two\nlines".to_vec())).is_err());
    }

    #[test]
    fn a_message_that_holds_keys_can_be_printed_without_them() {
        let secret = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let message = Message {
            path_and_query: "/v1/links".to_owned(),
            headers: vec![(
                http::header::AUTHORIZATION,
                secret_header(secret("CANARY")).expect("visible ASCII"),
            )],
            body: Some(Body(secret(r#"{"privateKey":"CANARY"}"#))),
            timeout: Duration::from_secs(1),
            max_bytes: 1,
        };
        let shown = format!("{message:?} {message:#?}");
        assert!(!shown.contains("CANARY") && !shown.contains("67, 65, 78"), "{shown}");
    }
}
