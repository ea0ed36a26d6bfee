//! Starting and ending both services.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinHandle;

use crate::counts::{Counts, Service};
use crate::faults::Faults;
use crate::front::Front;
use crate::gate::Gate;
use crate::petra::{self, ConnectWiseProbe, Petra, RetryAfterHeader};
use crate::scenario::{Scenario, ScenarioError};
use crate::tls::{Authority, CertificateKind, TlsError, server_config};
use crate::world::World;
use crate::{admin, connectwise, serve};

/// The names that Petra's listener has a certificate for.
pub const PETRA_HOSTS: [&str; 3] = ["api.petrasecurity.localhost", "petra.localhost", "localhost"];

/// How a run is set up; ports are on loopback, and 0 takes any that is free.
#[derive(Clone)]
pub struct Options {
    /// Port of every ConnectWise host.
    pub connectwise_port: u16,
    /// Port of Petra.
    pub petra_port: u16,
    /// Port of the admin routes.
    pub admin_port: u16,
    /// API keys that Petra accepts.
    pub petra_keys: Vec<String>,
    /// The organisation those keys belong to.
    pub petra_organization: String,
    /// From a link's PUT to its confirmation; the real Petra takes one to two minutes.
    pub confirm_after: Duration,
    /// Requests a minute for each of Petra's routes; absent: no limit. The real Petra takes 10.
    pub petra_rate_limit: Option<u32>,
    /// The header in which Petra's 429 says how long to wait.
    pub petra_retry_after: RetryAfterHeader,
    /// How much later than at once ConnectWise answers; real calls take about a second.
    pub connectwise_latency: Duration,
    /// Requests a minute for each company at ConnectWise; absent: as the scenario says.
    pub connectwise_rate_limit: Option<u32>,
    /// What every request to Petra has to pass; absent: nothing.
    pub petra_gate: Option<Arc<dyn Gate>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connectwise_port: 0,
            petra_port: 0,
            admin_port: 0,
            petra_keys: vec!["petra_CANARY-operator-key".to_owned()],
            petra_organization: "Example MSP".to_owned(),
            confirm_after: Duration::from_secs(2),
            petra_rate_limit: Some(10),
            petra_retry_after: RetryAfterHeader::Standard,
            connectwise_latency: Duration::ZERO,
            connectwise_rate_limit: None,
            petra_gate: None,
        }
    }
}

/// Why a run could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The scenario contradicts itself.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No certificate authority could be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Petra could not be set up.
    #[error("failed to set up petra: {0}")]
    Petra(#[from] petra::Error),
    /// A port is taken.
    #[error("failed to listen for {what} on port {port} of loopback: {source}")]
    Listen {
        /// Which listener.
        what: &'static str,
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// Both services, running.
#[derive(Debug)]
pub struct Simulators {
    connectwise_port: u16,
    petra_port: u16,
    admin_port: u16,
    ca_pem: String,
    world: World,
    faults: Faults,
    counts: Counts,
    tasks: Vec<JoinHandle<()>>,
}

impl Simulators {
    /// Starts both services and the admin port; when it returns they answer.
    ///
    /// # Errors
    /// [`StartError`] says what could not be set up.
    pub async fn start(mut scenario: Scenario, options: Options) -> Result<Self, StartError> {
        let limit = options.connectwise_rate_limit.or(scenario.settings.rate_limit_per_minute);
        scenario.settings.rate_limit_per_minute = limit;
        let (connectwise_listener, connectwise_port) =
            listen("connectwise", options.connectwise_port).await?;
        let (petra_listener, petra_port) = listen("petra", options.petra_port).await?;
        let (admin_listener, admin_port) = listen("admin", options.admin_port).await?;

        let authority = Arc::new(Authority::generate()?);
        let ca_pem = authority.pem().to_owned();
        let world = World::new(scenario, connectwise_port)?;
        let (faults, counts) = (Faults::default(), Counts::default());
        let petra = Petra::new(petra::Config {
            api_keys: options.petra_keys,
            organization: options.petra_organization,
            confirm_after: options.confirm_after,
            rate_per_minute: options.petra_rate_limit,
            retry_after_header: options.petra_retry_after,
            connectwise: ConnectWiseProbe { ca_pem: ca_pem.clone(), port: connectwise_port },
        })?;

        let front = |service, router, latency| Front {
            service,
            router,
            faults: faults.clone(),
            counts: counts.clone(),
            latency,
            gate: None,
        };
        let psa =
            front(Service::ConnectWise, connectwise::router(world.clone()), options.connectwise_latency);
        let link_api = front(Service::Petra, petra.router(), Duration::ZERO);
        let link_api = Front { gate: options.petra_gate, ..link_api };
        let hosts = world.clone();
        let psa_tls =
            server_config(Arc::clone(&authority), Arc::new(move |name| hosts.certificate_of(name)))?;
        let petra_tls = server_config(authority, Arc::new(petra_certificate))?;
        let controls = admin::Controls {
            world: world.clone(),
            faults: faults.clone(),
            counts: counts.clone(),
            ca_pem: ca_pem.clone(),
        };
        let admin = admin::router(controls, petra.admin_router());
        let tasks = vec![
            tokio::spawn(serve::tls(connectwise_listener, psa_tls, psa)),
            tokio::spawn(serve::tls(petra_listener, petra_tls, link_api)),
            tokio::spawn(serve::admin(admin_listener, admin)),
        ];
        Ok(Self { connectwise_port, petra_port, admin_port, ca_pem, world, faults, counts, tasks })
    }

    /// Port of every ConnectWise host.
    #[must_use]
    pub fn connectwise_port(&self) -> u16 {
        self.connectwise_port
    }

    /// Port of Petra.
    #[must_use]
    pub fn petra_port(&self) -> u16 {
        self.petra_port
    }

    /// Port of the admin routes.
    #[must_use]
    pub fn admin_port(&self) -> u16 {
        self.admin_port
    }

    /// The certificate authority of this run, as clients take it.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The tenants.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Failures to order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was asked so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Ends everything; when it returns the ports are free.
    pub async fn shutdown(mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // The only outcome of an aborted task that is of interest is that it has ended.
            drop(task.await);
        }
    }
}

impl Drop for Simulators {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(what: &'static str, port: u16) -> Result<(tokio::net::TcpListener, u16), StartError> {
    serve::listen(port).await.map_err(|source| StartError::Listen { what, port, source })
}

fn petra_certificate(name: &str) -> Option<CertificateKind> {
    PETRA_HOSTS.contains(&name).then_some(CertificateKind::Valid)
}
