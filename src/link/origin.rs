//! Whose word a failure rests on.

use crate::upstream::allow::is_company_host;
use crate::upstream::hosts::HostPort;

/// Whose word a failure rests on. What one origin says proves nothing about another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// ConnectWise's own cloud, which is one server as far as the operator's clientId is concerned.
    Cloud,
    /// A ConnectWise server that a company hosts itself.
    SelfHosted(HostPort),
    /// Petra.
    Petra,
    /// The flags and files of this operator.
    Configuration,
}

impl Origin {
    /// The class of a ConnectWise server.
    #[must_use]
    pub(crate) fn of_server(host: &HostPort) -> Self {
        if host.is_cloud() || is_company_host(host) { Self::Cloud } else { Self::SelfHosted(host.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cloud_is_one_server_and_each_other_host_is_its_own() {
        let of = |text: &str| Origin::of_server(&text.parse().expect("a host"));
        for cloud in ["na.myconnectwise.net", "api-eu.myconnectwise.net", "mycompany.connectwise.com"] {
            assert_eq!(of(cloud), Origin::Cloud, "{cloud}");
        }
        assert_eq!(of("psa.example.com"), of("psa.example.com:443"));
        assert_ne!(of("psa.example.com"), of("psa.example.com:8443"));
        assert_ne!(of("psa.example.com"), of("psa.example.org"));
    }
}
