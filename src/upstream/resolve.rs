//! Names to addresses. The address that was checked is the one that is connected to: reqwest is given this resolver and
//! no other, so there is no second look-up that could answer differently.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::LookupIpStrategy;
#[cfg(test)]
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};

use super::address::is_public;
use super::allow::AllowList;
use super::answer::Fault;
use super::hosts::Host;

/// No answer of a name server is believed for longer, whatever its TTL: a name that was just made, or moved, is seen.
const CACHE_AT_MOST: Duration = Duration::from_mins(1);

/// Resolves the names of the hosts that may be called.
#[derive(Clone)]
pub struct Resolver {
    dns: TokioResolver,
    allow: Arc<AllowList>,
    proxy: Option<Host>,
}

impl Resolver {
    /// A resolver with the system's name servers and hosts file. `proxy` is the egress proxy's host: the operator's
    /// configuration names it, so that it may be private like any other configured host.
    ///
    /// # Errors
    ///
    /// When the system's configuration (`/etc/resolv.conf`) cannot be read.
    pub(crate) fn from_system(allow: Arc<AllowList>, proxy: Option<Host>) -> Result<Self, NetError> {
        Self::built(TokioResolver::builder_tokio()?, allow, proxy)
    }

    /// A resolver that asks nobody but the name server at this address.
    #[cfg(test)]
    pub(super) fn asking(server: SocketAddr, allow: Arc<AllowList>) -> Result<Self, NetError> {
        let mut udp = ConnectionConfig::udp();
        udp.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![udp]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Self::built(builder, allow, None)
    }

    fn built(
        mut builder: ResolverBuilder<TokioRuntimeProvider>,
        allow: Arc<AllowList>,
        proxy: Option<Host>,
    ) -> Result<Self, NetError> {
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.positive_max_ttl = Some(CACHE_AT_MOST);
        options.negative_max_ttl = Some(CACHE_AT_MOST);
        Ok(Self { dns: builder.build()?, allow, proxy })
    }

    /// The addresses of a name, all of them checked.
    ///
    /// Names are looked up as written, never with the search domains of a pod: with the usual `ndots:5`,
    /// `na.myconnectwise.net` would first be looked for inside the cluster, where anybody with a Service may answer.
    /// Names under `localhost` mean this machine, and no name server is asked (RFC 6761, section 6.3).
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchName`] for NXDOMAIN, [`Fault::Resolve`] for every other failure (a name without addresses
    /// included), [`Fault::PrivateAddress`] when one address of many is not public and no configuration names the host.
    pub(crate) async fn lookup(&self, host: &Host) -> Result<Vec<IpAddr>, Fault> {
        let addresses = if host.is_localhost() {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            self.ask(host).await?
        };
        self.checked(host, addresses)
    }

    async fn ask(&self, host: &Host) -> Result<Vec<IpAddr>, Fault> {
        match self.dns.lookup_ip(format!("{host}.")).await {
            Ok(answer) => Ok(answer.iter().collect()),
            Err(error) if error.is_nx_domain() => Err(Fault::NoSuchName),
            Err(_) => Err(Fault::Resolve),
        }
    }

    /// A proxy whose name does not exist says nothing about the site behind it.
    fn of_site(&self, host: &Host, fault: Fault) -> Fault {
        if self.proxy.as_ref() == Some(host) && fault == Fault::NoSuchName { Fault::Resolve } else { fault }
    }

    fn checked(&self, host: &Host, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Fault> {
        let configured = self.allow.is_configured(host) || self.proxy.as_ref() == Some(host);
        if addresses.is_empty() {
            Err(Fault::Resolve)
        } else if configured || addresses.iter().copied().all(is_public) {
            Ok(addresses)
        } else {
            Err(Fault::PrivateAddress)
        }
    }
}

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let host = Host::parse(name.as_str()).map_err(|_| Fault::HostNotAllowed)?;
            let addresses = resolver.lookup(&host).await.map_err(|fault| resolver.of_site(&host, fault))?;
            // Port 0 is replaced by the URL's.
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(sites: &[&str]) -> Resolver {
        let sites = sites.iter().map(|text| text.parse().expect("a host"));
        Resolver::from_system(Arc::new(AllowList::new(sites, None)), None)
            .expect("a system with name servers")
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[tokio::test]
    async fn a_name_under_localhost_is_this_machine_and_only_when_configured() {
        let host = Host::parse("acme.localhost").expect("a host");
        let loopback = addresses(&["127.0.0.1", "::1"]);
        assert_eq!(resolver(&["acme.localhost:9443"]).lookup(&host).await, Ok(loopback));
        assert_eq!(resolver(&[]).lookup(&host).await, Err(Fault::PrivateAddress));
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_not_a_failure_to_resolve() {
        // Names under `invalid` do not exist, and no name server is asked to say so (RFC 6761, section 6.4).
        let host = Host::parse("psa.invalid").expect("a host");
        assert_eq!(resolver(&[]).lookup(&host).await, Err(Fault::NoSuchName));
    }

    /// A name server that answers every question with this code (RFC 1035, section 4.1.1) and nothing else.
    async fn name_server(code: u8) -> SocketAddr {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("it is bound");
        tokio::spawn(async move {
            let mut message = [0; 512];
            while let Ok((length, asker)) = socket.recv_from(&mut message).await {
                message[2] |= 0x80;
                message[3] = (message[3] & 0xf0) | code;
                let _ = socket.send_to(&message[..length], asker).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn only_a_name_server_that_says_so_knows_that_a_name_does_not_exist() {
        let host = Host::parse("psa.example.com").expect("a host");
        for (code, fault) in [(2, Fault::Resolve), (3, Fault::NoSuchName), (5, Fault::Resolve)] {
            let resolver = Resolver::asking(name_server(code).await, Arc::new(AllowList::new([], None)));
            let found = resolver.expect("it needs no system").lookup(&host).await;
            assert_eq!(found, Err(fault), "code {code}");
        }
    }

    #[tokio::test]
    async fn a_proxy_whose_name_does_not_exist_says_nothing_about_a_site() {
        use reqwest::dns::Resolve as _;
        let name = "proxy.invalid";
        let asked = async |proxy: Option<Host>| {
            let resolver = Resolver { proxy, ..resolver(&[]) };
            let error = resolver.resolve(name.parse().expect("a name")).await.err().expect("there is none");
            error.downcast_ref::<Fault>().copied()
        };
        let proxy = Host::parse(name).expect("a host");
        assert_eq!(asked(Some(proxy)).await, Some(Fault::Resolve));
        assert_eq!(asked(None).await, Some(Fault::NoSuchName));
    }

    #[tokio::test]
    async fn one_private_address_among_public_ones_refuses_the_name() {
        let host = Host::parse("psa.example.com").expect("a host");
        let mixed = addresses(&["1.1.1.1", "10.0.0.1"]);
        assert_eq!(resolver(&[]).checked(&host, mixed.clone()), Err(Fault::PrivateAddress));
        assert_eq!(resolver(&["psa.example.com:8443"]).checked(&host, mixed.clone()), Ok(mixed));
        assert_eq!(resolver(&[]).checked(&host, addresses(&["1.1.1.1"])), Ok(addresses(&["1.1.1.1"])));
        assert_eq!(resolver(&[]).checked(&host, Vec::new()), Err(Fault::Resolve));
    }
}
