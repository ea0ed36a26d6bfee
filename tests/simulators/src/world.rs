//! The state of the ConnectWise world while it runs: a scenario that the admin port and tests may change.

mod change;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::scenario::{Board, Company, Member, Role, Scenario, ScenarioError, Settings, Site, SiteUrl};
use crate::tls::CertificateKind;

pub use change::{ChangeError, CompanyChange, MemberChange, SiteChange};

/// The window of the rate limit.
const MINUTE: Duration = Duration::from_mins(1);

/// Shared handle to the state.
#[derive(Debug, Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    client_ids: Vec<String>,
    settings: Settings,
    sites: Vec<Site>,
    roles: BTreeMap<String, Arc<Role>>,
    /// By the company's id in lower case.
    companies: BTreeMap<String, Company>,
    certificates: BTreeMap<String, CertificateKind>,
    /// Start of the current minute and requests in it, by company.
    rates: BTreeMap<String, (Instant, u32)>,
    port: u16,
}

/// Who makes a call, as its keys say.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) member: Member,
    pub(crate) role: Arc<Role>,
    pub(crate) boards: Vec<Board>,
}

impl World {
    /// A world that begins as the scenario says, served at `port`.
    ///
    /// # Errors
    /// [`ScenarioError`] where the scenario contradicts itself.
    pub fn new(scenario: Scenario, port: u16) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let Scenario { client_ids, settings, sites, roles, companies } = scenario;
        let state = State {
            client_ids,
            settings,
            sites,
            roles: roles.into_iter().map(|(name, role)| (name, Arc::new(role))).collect(),
            companies: companies
                .into_iter()
                .map(|company| (company.id.to_ascii_lowercase(), company))
                .collect(),
            certificates: BTreeMap::new(),
            rates: BTreeMap::new(),
            port,
        };
        Ok(Self { state: Arc::new(Mutex::new(state)) })
    }

    /// The state as a scenario; private keys show only as `[redacted]` when it is serialised.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        self.lock().scenario()
    }

    /// Which certificate a ConnectWise host shows; `None` where no site has that host.
    pub(crate) fn certificate_of(&self, host: &str) -> Option<CertificateKind> {
        let state = self.lock();
        let known = host == "localhost" || state.site_at(host).is_some();
        known.then(|| state.certificates.get(host).copied().unwrap_or_default())
    }

    pub(crate) fn settings(&self) -> Settings {
        self.lock().settings.clone()
    }

    /// The site that a host belongs to, and whether the host is its `api-` form.
    pub(crate) fn site_at(&self, host: &str) -> Option<(Site, bool)> {
        self.lock().site_at(host).map(|(site, api)| (site.clone(), api))
    }

    /// A company as companyinfo finds it: in any case, on the site that was asked.
    pub(crate) fn company_on(&self, site: &Site, id: &str) -> Option<Company> {
        let state = self.lock();
        state
            .companies
            .get(&id.to_ascii_lowercase())
            .filter(|company| site.hosts.contains(&company.site))
            .cloned()
    }

    /// companyinfo's `SiteUrl` for a company.
    pub(crate) fn site_url(&self, site: &Site, company: &Company) -> Option<String> {
        let state = self.lock();
        match &company.site_url {
            SiteUrl::Shown(false) => None,
            SiteUrl::Text(text) => Some(text.clone()),
            SiteUrl::Shown(true) => {
                let prefix = if site.cloud { "api-" } else { "" };
                let port = match state.port {
                    port if port != 443 && state.settings.site_url_port => format!(":{port}"),
                    _ => String::new(),
                };
                Some(format!("{prefix}{}{port}", company.site))
            }
        }
    }

    /// Who holds a key pair of a company.
    pub(crate) fn caller(&self, company: &str, public: &str, private: &str) -> Option<Caller> {
        let state = self.lock();
        let company = state.companies.get(&company.to_ascii_lowercase())?;
        let member = company
            .members
            .iter()
            .find(|member| member.keys.iter().any(|key| key.public == public && key.private.is(private)))?;
        let role = Arc::clone(state.roles.get(&member.role)?);
        Some(Caller { member: member.clone(), role, boards: company.boards.clone() })
    }

    /// Whether a `clientId` header is one that the service takes.
    pub(crate) fn accepts_client_id(&self, client_id: &str) -> bool {
        let state = self.lock();
        if state.client_ids.is_empty() {
            is_guid(client_id) && client_id.contains(|digit: char| digit.is_ascii_hexdigit() && digit != '0')
        } else {
            state.client_ids.iter().any(|known| known.eq_ignore_ascii_case(client_id))
        }
    }

    /// Counts a request against the company's rate limit; above it, gives the seconds until the next minute.
    pub(crate) fn over_rate(&self, company: &str) -> Option<u64> {
        let mut state = self.lock();
        let limit = state.settings.rate_limit_per_minute?;
        let now = Instant::now();
        let (start, requests) = state.rates.entry(company.to_ascii_lowercase()).or_insert((now, 0));
        if now.duration_since(*start) >= MINUTE {
            (*start, *requests) = (now, 0);
        }
        *requests += 1;
        (*requests > limit).then(|| (MINUTE.saturating_sub(now.duration_since(*start))).as_secs().max(1))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    fn scenario(&self) -> Scenario {
        Scenario {
            client_ids: self.client_ids.clone(),
            settings: self.settings.clone(),
            sites: self.sites.clone(),
            roles: self.roles.iter().map(|(name, role)| (name.clone(), Role::clone(role))).collect(),
            companies: self.companies.values().cloned().collect(),
        }
    }

    fn site_at(&self, host: &str) -> Option<(&Site, bool)> {
        let named =
            |name: &str| self.sites.iter().find(|s| s.hosts.iter().any(|h| h.eq_ignore_ascii_case(name)));
        if let Some(site) = named(host) {
            return Some((site, false));
        }
        let base = host.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("api-")).map(|_| &host[4..])?;
        named(base).filter(|site| site.cloud).map(|site| (site, true))
    }
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> World {
        World::new(Scenario::demo(), 8443).expect("the demo scenario is valid")
    }

    #[test]
    fn a_cloud_site_answers_under_its_api_host_and_an_on_premise_one_does_not() {
        let world = demo();
        assert!(world.site_at("API-na.myconnectwise.localhost").is_some_and(|(_, api)| api));
        assert!(world.site_at("na.myconnectwise.localhost").is_some_and(|(_, api)| !api));
        assert!(world.site_at("api-psa.golf.localhost").is_none());
    }

    #[test]
    fn any_guid_but_the_empty_one_is_accepted_while_no_list_is_set() {
        let world = demo();
        assert!(world.accepts_client_id("8d3f0f0e-1111-4222-8333-944455556666"));
        assert!(!world.accepts_client_id("00000000-0000-0000-0000-000000000000"));
        assert!(!world.accepts_client_id("my-integration"));
    }

    #[test]
    fn keys_of_one_company_are_nobody_at_another() {
        let world = demo();
        assert!(world.caller("ACME", "acme-public", "CANARY-acme-private").is_some());
        assert!(world.caller("bravo", "acme-public", "CANARY-acme-private").is_none());
    }
}
