//! Petra Security, played: the link routes of `petra-links.openapi.yaml` and the three published routes.
//!
//! `links` is the contract as a state machine without I/O; everything else is the shell around it. In the order in
//! which a request meets them: `gate` (who calls, how often), `routes` and `published` (what is asked),
//! `links` (what changes), `confirmation` (what ConnectWise says about the keys). `admin` is for tests: it looks
//! inside and plays the people and the bad days.

mod admin;
mod changes;
mod confirmation;
mod gate;
mod limit;
mod link;
mod links;
mod past;
mod problem;
mod published;
mod routes;
mod settings;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use self::confirmation::ConnectWise;
use self::limit::RequestLog;
use self::links::Links;
use self::settings::Settings;

pub use self::confirmation::{CLIENT_ID, ConnectWiseProbe};
pub use self::settings::RetryAfterHeader;

/// What tells the time, so that a test of `notAfter` or of the rate limit need not wait.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How this Petra behaves at first. `POST /settings` on the admin routes changes it while it runs.
pub struct Config {
    /// The API keys it accepts.
    pub api_keys: Vec<String>,
    /// The organisation that all keys belong to, as `/v1/usage` names it.
    pub organization: String,
    /// From an accepted PUT to the first question to ConnectWise. The real service takes one to two minutes.
    pub confirm_after: Duration,
    /// How many requests each method and route takes in any sixty seconds; `None`: without limit. Petra's is 10.
    pub rate_per_minute: Option<u32>,
    /// The header of a 429 that says how long to wait.
    pub retry_after_header: RetryAfterHeader,
    /// Where ConnectWise is.
    pub connectwise: ConnectWiseProbe,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_keys, organization, confirm_after, rate_per_minute, retry_after_header, connectwise } =
            self;
        f.debug_struct("Config")
            .field("api_keys", &format_args!("{} redacted", api_keys.len()))
            .field("organization", organization)
            .field("confirm_after", confirm_after)
            .field("rate_per_minute", rate_per_minute)
            .field("retry_after_header", retry_after_header)
            .field("connectwise", connectwise)
            .finish()
    }
}

/// Why a Petra could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The certificate authority of ConnectWise is not PEM.
    #[error("cannot read the certificate authority of ConnectWise; give it as PEM")]
    CertificateUnreadable(#[source] rustls::pki_types::pem::Error),
    /// The PEM holds no certificate, so that no ConnectWise could ever be trusted.
    #[error("the PEM for ConnectWise holds no certificate; give its certificate authority")]
    CertificateAbsent,
    /// TLS takes no trust from that certificate, or cannot be set up.
    #[error("cannot set up TLS towards ConnectWise")]
    Tls(#[from] rustls::Error),
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client towards ConnectWise")]
    Client(#[from] reqwest::Error),
}

/// One Petra organisation. Clones are the same organisation.
#[derive(Clone)]
pub struct Petra(Arc<Organization>);

impl Petra {
    /// A Petra without links, by the system's clock.
    ///
    /// # Errors
    /// Where `config.connectwise.ca_pem` cannot be trusted; see [`Error`].
    pub fn new(config: Config) -> Result<Self, Error> {
        Self::with_clock(config, Arc::new(Timestamp::now))
    }

    /// A Petra without links, by a clock of the caller's.
    ///
    /// # Errors
    /// Where `config.connectwise.ca_pem` cannot be trusted; see [`Error`].
    pub fn with_clock(config: Config, clock: Clock) -> Result<Self, Error> {
        let connectwise = ConnectWise::new(&config.connectwise)?;
        let name = config.organization.clone();
        let books = Books {
            links: Links::default(),
            settings: Settings::new(config),
            requests: RequestLog::default(),
        };
        Ok(Self(Arc::new(Organization { name, clock, connectwise, books: Mutex::new(books) })))
    }

    /// The routes that the operator calls, to be served over TLS.
    pub fn router(&self) -> Router {
        let answered = routes::router(self).merge(published::router()).fallback(routes::no_such_route);
        gate::guard(self, answered.with_state(self.clone()))
    }

    /// The routes that a test calls: `GET /links`, `PUT` and `DELETE /links/{linkId}`, `POST /links/{linkId}/state`,
    /// `POST /settings`, `GET /log`. They have no authentication.
    pub fn admin_router(&self) -> Router {
        admin::router().with_state(self.clone())
    }
}

struct Organization {
    name: String,
    clock: Clock,
    connectwise: ConnectWise,
    books: Mutex<Books>,
}

/// All that changes, under one lock, which is never held across an await.
struct Books {
    links: Links,
    settings: Settings,
    requests: RequestLog,
}

impl Organization {
    fn books(&self) -> MutexGuard<'_, Books> {
        // A handler that panicked has failed its test already; the others shall still get their answers.
        self.books.lock()
    }

    /// The time on this server's clock, which a test may have set wrong.
    fn now(&self, settings: &Settings) -> Timestamp {
        let now = (self.clock)();
        now.checked_add(settings.clock_ahead).unwrap_or(now)
    }
}
