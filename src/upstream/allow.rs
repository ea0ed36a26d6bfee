//! Which hosts may be called at all.

use std::collections::HashSet;

use super::answer::Fault;
use super::cloud::PRODUCTION;
use super::hosts::{HTTPS, Host, HostPort, SiteUrlProblem};
use super::service::Service;

/// Customers are given `mycompany.connectwise.com`. It is asked where the API is, and never given a key.
const COMPANY_HOSTS: &str = ".connectwise.com";

/// The base of Petra's published API, used where no `--petra-url` is given.
const PETRA: &str = "api.petrasecurity.com";

/// What a ConnectWise host is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `companyinfo`: no key is sent.
    Discovery,
    /// Everything else: keys are sent.
    Api,
}

/// The hosts that the operator may call: those built in, and those that its own configuration names.
///
/// Only names from the configuration may have private addresses or ports other than 443.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    sites: HashSet<HostPort>,
    petra: Option<HostPort>,
}

impl AllowList {
    /// A list with the entries of `--allow-site` and the host of `--petra-url`.
    ///
    /// Each site is allowed with its `api-` host on the same port, because that is where ConnectWise serves the API of a
    /// site whose codebase is not `v4_6_release/`: an operator who allows one and not the other could never check a key. The
    /// flag's help says so, and the operator logs every host at start.
    /// With a Petra host given, no other host is called as Petra, the published one included.
    pub(crate) fn new(sites: impl IntoIterator<Item = HostPort>, petra: Option<HostPort>) -> Self {
        let mut all = HashSet::new();
        for site in sites {
            all.extend(site.api());
            all.insert(site);
        }
        Self { sites: all, petra }
    }

    /// Reads one `--allow-site`: exactly `HOST[:PORT]`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the entry, and how one is written.
    pub(crate) fn parse_entry(text: &str) -> Result<HostPort, AllowEntryProblem> {
        let entry = if text.contains("://") || text.contains('/') {
            Err(AllowEntryProblem::NotBare)
        } else if text.contains('*') {
            Err(AllowEntryProblem::Wildcard)
        } else {
            Ok(text)
        };
        entry?.parse().map_err(AllowEntryProblem::Host)
    }

    /// The host that is called as Petra: that of `--petra-url`, else the published API's.
    ///
    /// # Panics
    ///
    /// Never: the published host is a host name.
    #[must_use]
    pub(crate) fn petra(&self) -> HostPort {
        self.petra.clone().unwrap_or_else(|| PETRA.parse().expect("the published host is a host name"))
    }

    /// Whether the host may be called by this service, and for this purpose.
    ///
    /// # Errors
    ///
    /// [`Fault::HostNotAllowed`] when it may not.
    pub(crate) fn check(&self, service: Service, host: &HostPort, purpose: Purpose) -> Result<(), Fault> {
        let allowed = match service {
            Service::Petra => *host == self.petra(),
            Service::ConnectWise => {
                self.sites.contains(host)
                    || host.is_production_cloud()
                    || (purpose == Purpose::Discovery && is_company_host(host))
            }
        };
        if allowed { Ok(()) } else { Err(Fault::HostNotAllowed) }
    }

    /// The ConnectWise hosts that keys may be sent to, sorted.
    #[must_use]
    pub(crate) fn hosts_for_keys(&self) -> Vec<String> {
        let cloud = PRODUCTION.iter().flat_map(|site| [(*site).to_owned(), format!("api-{site}")]);
        let mut hosts: Vec<String> = self.sites.iter().map(ToString::to_string).chain(cloud).collect();
        hosts.sort();
        hosts
    }

    /// Whether the operator's configuration names this host, so that it may have private addresses.
    #[must_use]
    pub(crate) fn is_configured(&self, host: &Host) -> bool {
        self.sites.iter().chain(&self.petra).any(|entry| entry.host() == host)
    }
}

/// Whether the vendor of ConnectWise runs this host, so that it may speak for any company of the cloud.
#[must_use]
pub(crate) fn is_vendors(host: &HostPort) -> bool {
    host.is_cloud() || is_company_host(host)
}

/// One label under `connectwise.com`: where companies of ConnectWise's cloud log in.
pub(crate) fn is_company_host(host: &HostPort) -> bool {
    let label = host.host().as_str().strip_suffix(COMPANY_HOSTS);
    host.port() == HTTPS && label.is_some_and(|label| !label.contains('.'))
}

/// Why an `--allow-site` entry cannot be read. `Display` is the end of a sentence that begins with the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowEntryProblem {
    /// A URL.
    #[error("is a URL; enter only HOST or HOST:PORT")]
    NotBare,
    /// A pattern.
    #[error("is a pattern; enter each host in full")]
    Wildcard,
    /// No host name.
    #[error(transparent)]
    Host(SiteUrlProblem),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> HostPort {
        text.parse().expect("a host")
    }

    fn allows(list: &AllowList, service: Service, text: &str, purpose: Purpose) -> bool {
        list.check(service, &host(text), purpose).is_ok()
    }

    #[test]
    fn connectwise_is_called_on_its_cloud_and_on_configured_hosts_alone() {
        let list = AllowList::new([host("psa.example.com:8443")], None);
        let table = [
            ("na.myconnectwise.net", true, true),
            ("api-eu.myconnectwise.net", true, true),
            ("staging.connectwisedev.com", false, false),
            ("api-staging.connectwisedev.com", false, false),
            ("na.myconnectwise.net:8443", false, false),
            ("xx.myconnectwise.net", false, false),
            ("api-api-na.myconnectwise.net", false, false),
            ("na.myconnectwise.net.evil.example", false, false),
            ("mycompany.connectwise.com", true, false),
            ("mycompany.connectwise.com:8443", false, false),
            ("a.b.connectwise.com", false, false),
            ("evilconnectwise.com", false, false),
            ("connectwise.com", false, false),
            ("psa.example.com:8443", true, true),
            ("api-psa.example.com:8443", true, true),
            ("psa.example.com", false, false),
            ("api.petrasecurity.com", false, false),
        ];
        for (text, discovery, api) in table {
            assert_eq!(
                allows(&list, Service::ConnectWise, text, Purpose::Discovery),
                discovery,
                "{text} discovery"
            );
            assert_eq!(allows(&list, Service::ConnectWise, text, Purpose::Api), api, "{text} api");
        }
    }

    #[test]
    fn the_staging_cloud_gets_keys_only_where_the_configuration_names_it() {
        let named = AllowList::new([host("staging.connectwisedev.com")], None);
        for text in ["staging.connectwisedev.com", "api-staging.connectwisedev.com"] {
            assert!(host(text).is_cloud(), "it works as the rest of the cloud does");
            for purpose in [Purpose::Discovery, Purpose::Api] {
                assert!(!allows(&AllowList::default(), Service::ConnectWise, text, purpose), "{text}");
                assert!(allows(&named, Service::ConnectWise, text, purpose), "{text}");
            }
        }
    }

    #[test]
    fn every_host_that_keys_may_go_to_is_listed() {
        let list = AllowList::new([host("psa.example.com:8443")], Some(host("petra.example.com")));
        let hosts = list.hosts_for_keys();
        for text in ["psa.example.com:8443", "api-psa.example.com:8443", "na.myconnectwise.net"] {
            assert!(hosts.iter().any(|host| host == text), "{text} in {hosts:?}");
        }
        assert!(
            hosts.iter().all(|text| allows(&list, Service::ConnectWise, text, Purpose::Api)),
            "{hosts:?}"
        );
        assert_eq!(hosts.len(), 12);
    }

    #[test]
    fn petra_is_called_on_one_host() {
        let published = AllowList::default();
        assert!(allows(&published, Service::Petra, "api.petrasecurity.com", Purpose::Api));
        assert!(!allows(&published, Service::Petra, "na.myconnectwise.net", Purpose::Api));

        let configured = AllowList::new([], Some(host("petra.example.com:8443")));
        assert!(allows(&configured, Service::Petra, "petra.example.com:8443", Purpose::Api));
        assert!(!allows(&configured, Service::Petra, "petra.example.com", Purpose::Api));
        assert!(!allows(&configured, Service::Petra, "api.petrasecurity.com", Purpose::Api));
        assert!(!allows(&configured, Service::ConnectWise, "petra.example.com:8443", Purpose::Api));
    }

    #[test]
    fn built_in_hosts_are_not_configured_hosts() {
        let list = AllowList::new([host("psa.example.com")], Some(host("petra.example.com")));
        let configured = |text: &str| list.is_configured(host(text).host());
        assert!(
            configured("psa.example.com")
                && configured("api-psa.example.com")
                && configured("petra.example.com")
        );
        assert!(!configured("na.myconnectwise.net") && !configured("mycompany.connectwise.com"));
        assert!(!AllowList::default().is_configured(host(PETRA).host()));
    }

    #[test]
    fn an_entry_is_a_host_and_nothing_else() {
        assert_eq!(AllowList::parse_entry("psa.example.com:8443"), Ok(host("psa.example.com:8443")));
        let table = [
            ("https://psa.example.com", "is a URL; enter only HOST or HOST:PORT"),
            ("psa.example.com/", "is a URL; enter only HOST or HOST:PORT"),
            ("*.example.com", "is a pattern; enter each host in full"),
            ("10.0.0.1", "is an IP address; enter the host name"),
            ("", "is empty"),
        ];
        for (text, said) in table {
            assert_eq!(AllowList::parse_entry(text).map_err(|e| e.to_string()), Err(said.to_owned()));
        }
    }
}
