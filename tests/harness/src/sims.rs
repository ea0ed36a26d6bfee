//! ConnectWise and Petra, behind blocking calls.

use simulators::{Counts, Faults, Filter, Options, PETRA_HOSTS, Scenario, Service, Simulators, World};
use tokio::runtime::Runtime;

use crate::{Error, PetraBooks, Result};

/// Product name in the operator's `User-Agent`; Petra's own calls to ConnectWise have another.
const OPERATOR: &str = "cwlink";

/// The cloud site of the demo scenario.
const SITE: &str = "na.myconnectwise.localhost";

/// Both simulators, on threads of their own. They end with this value.
pub struct Sims {
    // Dropped before the runtime that it runs on.
    simulators: Simulators,
    petra_key: String,
    _runtime: Runtime,
}

impl Sims {
    /// Starts the demo scenario with a Petra that confirms within half a second and has no limit of requests: an operator
    /// whose time runs faster asks more often.
    ///
    /// # Errors
    ///
    /// The system refused a port or a thread.
    pub fn start_demo() -> Result<Self> {
        let confirm_after = std::time::Duration::from_millis(500);
        Self::start(Scenario::demo(), Options { petra_rate_limit: None, confirm_after, ..Options::default() })
    }

    /// Starts both simulators.
    ///
    /// # Errors
    ///
    /// The scenario contradicts itself, or the system refused a port or a thread.
    pub fn start(scenario: Scenario, options: Options) -> Result<Self> {
        let runtime = Runtime::new().map_err(Error::io("starting threads for", "the simulators"))?;
        let petra_key = options.petra_keys.first().cloned().unwrap_or_default();
        let simulators = runtime.block_on(Simulators::start(scenario, options))?;
        Ok(Self { simulators, petra_key, _runtime: runtime })
    }

    /// `siteUrl` of the demo's cloud site: `na.myconnectwise.localhost:PORT`.
    #[must_use]
    pub fn site(&self) -> String {
        self.host(SITE)
    }

    /// A host of ConnectWise with its port.
    #[must_use]
    pub fn host(&self, name: &str) -> String {
        format!("{name}:{}", self.simulators.connectwise_port())
    }

    /// Every host of the scenario with its port: what the operator has to be allowed to call.
    #[must_use]
    pub fn sites(&self) -> Vec<String> {
        let scenario = self.world().scenario();
        scenario.sites.iter().flat_map(|site| &site.hosts).map(|host| self.host(host)).collect()
    }

    /// For `--petra-url`.
    #[must_use]
    pub fn petra_url(&self) -> String {
        format!("https://{}:{}", PETRA_HOSTS[0], self.simulators.petra_port())
    }

    /// An API key that Petra accepts.
    #[must_use]
    pub fn petra_key(&self) -> &str {
        &self.petra_key
    }

    /// The certificate authority of both.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.simulators.ca_pem()
    }

    /// The tenants, to be changed as their administrators would.
    #[must_use]
    pub fn world(&self) -> &World {
        self.simulators.world()
    }

    /// Failures to order.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.simulators.faults()
    }

    /// Everything that was asked.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        self.simulators.counts()
    }

    /// Requests of the operator to ConnectWise about a company, or about any.
    #[must_use]
    pub fn connectwise_requests(&self, company: Option<&str>) -> u64 {
        self.counts().total(&Filter {
            service: Some(Service::ConnectWise),
            company: company.map(str::to_ascii_lowercase),
            agent: Some(OPERATOR.to_owned()),
            ..Filter::default()
        })
    }

    /// Requests to Petra by method and route, such as `PUT` and `/v1/integrations/connectwise/{linkId}`; absent: any.
    #[must_use]
    pub fn petra_requests(&self, method: Option<&str>, route: Option<&str>) -> u64 {
        self.counts().total(&Filter {
            service: Some(Service::Petra),
            method: method.map(str::to_owned),
            route: route.map(str::to_owned),
            ..Filter::default()
        })
    }

    /// What Petra holds.
    #[must_use]
    pub fn petra(&self) -> PetraBooks {
        PetraBooks::new(self.admin_port())
    }

    /// Port of the simulators' admin routes, for people with `curl`.
    #[must_use]
    pub fn admin_port(&self) -> u16 {
        self.simulators.admin_port()
    }
}
