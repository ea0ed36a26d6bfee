//! Host names, and what people type for them.
//!
//! [`Host`] and [`HostPort`] cannot hold anything but a plain DNS name: no address in any spelling, no user name, no
//! upper case, no trailing dot. Everything that is compared, allowed, resolved or shown is one of these, so a check made
//! on one spelling cannot be passed by another.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::Host as UrlHost;

use super::cloud;
use crate::dns_name;

/// The longest name that DNS carries (RFC 1035, without the root's dot).
const MAX_NAME: usize = 253;
/// The longest text taken for a site; the limit of `spec.siteUrl`.
const MAX_SITE: usize = 255;
/// The port of https, left out when a [`HostPort`] is shown.
pub(crate) const HTTPS: u16 = 443;

/// A DNS name: lower case, punycode, letters, digits and hyphens, at least two labels (or `localhost`), no address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Box<str>);

impl Host {
    /// Reads a name; one trailing dot is taken off, and Unicode names become punycode (UTS 46).
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text. An IPv4 address is found in every spelling that a browser knows (octal,
    /// hexadecimal, one number), because the WHATWG rules turn those into addresses too.
    pub(crate) fn parse(text: &str) -> Result<Self, SiteUrlProblem> {
        if text.is_empty() {
            return Err(SiteUrlProblem::Empty);
        }
        if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
            return Err(SiteUrlProblem::IsAddress);
        }
        if text.contains('%') {
            return Err(SiteUrlProblem::NotAName);
        }
        let name = match UrlHost::parse(text) {
            Ok(UrlHost::Domain(name)) => name,
            Ok(UrlHost::Ipv4(_) | UrlHost::Ipv6(_)) => return Err(SiteUrlProblem::IsAddress),
            Err(_) => return Err(SiteUrlProblem::NotAName),
        };
        let name = name.strip_suffix('.').unwrap_or(&name);
        if name.len() > MAX_NAME {
            return Err(SiteUrlProblem::TooLong);
        }
        if !name.split('.').all(dns_name::is_label) {
            return Err(SiteUrlProblem::NotAName);
        }
        if !name.contains('.') && name != "localhost" {
            return Err(SiteUrlProblem::NotFull);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name always means this machine: `localhost` and everything under it (RFC 6761, section 6.3).
    #[must_use]
    pub(crate) fn is_localhost(&self) -> bool {
        self.as_str() == "localhost" || self.as_str().ends_with(".localhost")
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host and the port of its https server. Shown and parsed as `HOST[:PORT]`, without `:443`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    host: Host,
    port: u16,
}

impl HostPort {
    /// Reads what people type in `spec.siteUrl`: a bare host, or an https URL with or without a path, query and
    /// trailing slash, of which only host and port count. `api-` hosts stay as typed: see [`HostPort::site_key`].
    ///
    /// Whether the host may be called, and on this port, is for [`super::allow::AllowList`] to say.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text; see [`SiteUrlProblem`].
    pub(crate) fn parse_site(text: &str) -> Result<Self, SiteUrlProblem> {
        let text = text.trim_ascii();
        if text.len() > MAX_SITE {
            return Err(SiteUrlProblem::TooLong);
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(SiteUrlProblem::HasSpace);
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some(_) => return Err(SiteUrlProblem::NotHttps),
            None => text,
        };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        authority.parse()
    }

    /// This host on another port.
    #[must_use]
    pub(crate) fn new(host: Host, port: std::num::NonZeroU16) -> Self {
        Self { host, port: port.get() }
    }

    /// The host.
    #[must_use]
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is one of ConnectWise's own cloud hosts, with or without `api-`, the one for tests included.
    #[must_use]
    pub(crate) fn is_cloud(&self) -> bool {
        self.port == HTTPS && cloud::is_cloud(self.host.as_str())
    }

    /// Whether this is one of the cloud hosts that serve tenants, with or without `api-`.
    #[must_use]
    pub(crate) fn is_production_cloud(&self) -> bool {
        self.port == HTTPS && cloud::is_production(self.host.as_str())
    }

    /// The site that this host belongs to: on ConnectWise's cloud `api-na.…` and `na.…` are one site, and this is
    /// `na.…`. Any other host is a site of its own, whatever its name begins with.
    #[must_use]
    pub(crate) fn site_key(&self) -> Self {
        match self.host.as_str().strip_prefix("api-") {
            Some(site) if self.is_cloud() => Self { host: Host(site.into()), port: self.port },
            _ => self.clone(),
        }
    }

    /// The one host that is used for all names of this server: on ConnectWise's cloud the `api-` host of the region. Any other
    /// host is a server of its own. The ids of links are derived from it.
    #[must_use]
    pub(crate) fn canonical(&self) -> Self {
        if !self.is_cloud() {
            return self.clone();
        }
        let site = self.site_key();
        let region = Self { host: Host(cloud::region(site.host.as_str()).into()), port: self.port };
        region.api().unwrap_or(region)
    }

    /// Whether both are one server, as far as the names tell: a server and its `api-` host are one.
    #[must_use]
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        let (one, other) = (self.canonical(), other.canonical());
        one == other || one.api().is_some_and(|api| other.api() == Some(api))
    }

    /// The host that serves the API of this one, `api-` put before it; itself when it begins so already. `None` when
    /// the name would become too long.
    #[must_use]
    pub(crate) fn api(&self) -> Option<Self> {
        if self.host.as_str().starts_with("api-") {
            return Some(self.clone());
        }
        let host = Host::parse(&format!("api-{}", self.host)).ok()?;
        Some(Self { host, port: self.port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            HTTPS => write!(f, "{}", self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// Reads `HOST[:PORT]` and nothing else: no scheme, no path.
impl FromStr for HostPort {
    type Err = SiteUrlProblem;

    fn from_str(text: &str) -> Result<Self, SiteUrlProblem> {
        if text.contains('@') {
            return Err(SiteUrlProblem::HasUser);
        }
        // An IPv6 address would be cut apart at its last colon.
        if text.starts_with('[') || text.parse::<IpAddr>().is_ok() {
            return Err(SiteUrlProblem::IsAddress);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, read_port(port).ok_or(SiteUrlProblem::BadPort)?),
            None => (text, HTTPS),
        };
        Ok(Self { host: Host::parse(host)?, port })
    }
}

/// A port from 1 to 65535, digits only.
fn read_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// Why a text is not a site. `Display` is the end of a sentence that begins with the field's name; it never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteUrlProblem {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// Over 255 characters, or a name over 253.
    #[error("is longer than a host name can be")]
    TooLong,
    /// White space or control characters inside.
    #[error("contains a space or a control character")]
    HasSpace,
    /// Another scheme, `http` included.
    #[error("is not an https URL; enter https://HOST or HOST")]
    NotHttps,
    /// `user@` or `user:password@`.
    #[error("contains a user name; enter only the host")]
    HasUser,
    /// The port is not a number from 1 to 65535.
    #[error("has a port that is not a number from 1 to 65535")]
    BadPort,
    /// An IPv4 or IPv6 address, however it is written.
    #[error("is an IP address; enter the host name")]
    IsAddress,
    /// One label only, such as `na`.
    #[error("is not a full host name; enter one such as na.myconnectwise.net")]
    NotFull,
    /// Not a DNS name.
    #[error("is not a host name")]
    NotAName,
}

#[cfg(test)]
mod tests;
