//! Single texts that people, Petra or ConnectWise write.

use crate::connectwise::{CompanyId, CredentialsVersion, Keys, Level};
use crate::crd::{Interval, Reason, StatusTime};
use crate::dns_name;
use crate::petra::wire::Organization;
use crate::petra::{LinkId, Owner, Version};
use crate::upstream::allow::{AllowList, Purpose};
use crate::upstream::hosts::{Host, HostPort};
use crate::upstream::{Fault, Service};

/// A host is a plain DNS name, however it was typed: no user, no address, no other port by another spelling; and what is shown
/// is read back as itself.
///
/// # Panics
/// Where that does not hold.
pub fn site(text: &str) {
    let Ok(site) = HostPort::parse_site(text) else { return };
    let (host, shown) = (site.host().as_str(), site.to_string());
    assert!(host.len() <= 253 && host.split('.').all(|label| (1..=63).contains(&label.len())), "{host}");
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    assert!(host.bytes().all(plain), "{host}");
    assert!(host.parse::<std::net::IpAddr>().is_err(), "{host} is an address");
    assert_eq!(shown.parse().as_ref(), Ok(&site), "{shown} is not read back");
    assert_eq!(HostPort::parse_site(&shown).as_ref(), Ok(&site), "{shown} is another site");
    assert_eq!(HostPort::parse_site(&format!("https://{shown}/a?b#c")).as_ref(), Ok(&site));
    assert_eq!(Host::parse(host).as_ref(), Ok(site.host()));
    let key = site.site_key();
    assert_eq!(key.site_key(), key, "the key of a site is its own key");
    // The host that the guard judges is the one that an HTTP client would connect to.
    let url = url::Url::parse(&format!("https://{shown}/")).expect("a host makes a URL");
    assert_eq!((url.host_str(), url.port_or_known_default()), (Some(host), Some(site.port())));
    assert!(url.username().is_empty() && url.password().is_none());
    let list = AllowList::default();
    for purpose in [Purpose::Discovery, Purpose::Api] {
        let allowed = list.check(Service::ConnectWise, &site, purpose);
        let cloud = ["myconnectwise.net", "connectwisedev.com", "connectwise.com"]
            .iter()
            .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')));
        assert!(allowed == Err(Fault::HostNotAllowed) || (cloud && site.port() == 443), "{site} is allowed");
    }
}

/// What an id, an owner, a version or a company was read from is what it prints, and nothing else fits.
///
/// # Panics
/// Where that does not hold.
pub fn identifiers(text: &str) {
    if let Ok(company) = CompanyId::parse(text) {
        assert_eq!(company.as_str(), text);
        assert!(text.len() <= CompanyId::MAX_BYTES && text.bytes().all(|b| b.is_ascii_graphic()));
        assert!(
            !text.contains(['+', ':', '/', '?', '#', '@', '%', '\\']),
            "{text} ends a path or a user name"
        );
    }
    if let Some(owner) = Owner::parse(text) {
        assert_eq!(owner.as_str(), text);
        let (installation, rest) = text.split_once('/').expect("three parts");
        assert!(rest.starts_with(&format!("{}/", owner.namespace())));
        // What may be shown are names of resources.
        if let Some((namespace, name)) = owner.within(installation) {
            assert_eq!(Owner::new(installation, namespace, name), owner);
            assert!(dns_name::is_label(namespace) && dns_name::is_subdomain(name), "{text}");
        }
    }
    if let Some(id) = LinkId::parse(text) {
        assert_eq!(id.as_str(), text);
        assert!(text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    }
    if let Some(version) = Version::parse(text) {
        assert_eq!(version.as_str(), text);
        assert!(text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic()));
    }
    if let Some(version) = CredentialsVersion::parse(text) {
        assert_eq!(version.as_str(), text);
    }
    if let Some(organization) = Organization::parse(text) {
        assert_eq!(organization.as_str(), text.trim_ascii());
        assert!(organization.as_str().len() <= 64 && organization.as_str().is_ascii());
    }
    if let Some(reason) = Reason::parse(text) {
        assert_eq!(reason.as_str(), text);
    }
    if let Some(level) = Level::read(Some(text)) {
        assert_eq!(Level::read(Some(level.as_str())), Some(level));
    }
    // Whatever the company, its id fits the type that reads it back.
    let id = LinkId::derive(text, "api-na.myconnectwise.net");
    assert_eq!(LinkId::parse(id.as_str()), Some(id));
}

/// A duration lies within its bounds and is the sum of its parts; a time is read back as it was written.
///
/// # Panics
/// Where that does not hold.
pub fn times(text: &str) {
    if let Some(interval) = Interval::parse(text) {
        let seconds = interval.duration().as_secs();
        assert!((300..=86_400).contains(&seconds), "{text}");
        let printed = format!("{seconds}s");
        assert_eq!(Interval::parse(&printed).map(Interval::duration), Some(interval.duration()));
    }
    let quoted = serde_json::Value::String(text.to_owned());
    if let Ok(time) = serde_json::from_value::<StatusTime>(quoted) {
        let printed = serde_json::to_value(time).expect("a time is text");
        assert_eq!(serde_json::from_value::<StatusTime>(printed).ok(), Some(time));
    }
}

/// Keys are taken or refused without a word about their content; the same content gives the same version.
///
/// # Panics
/// Where that does not hold.
pub fn keys(public: Option<&[u8]>, private: Option<&[u8]>) {
    let company = CompanyId::parse("acme").expect("a company");
    match Keys::from_secret_data(public, private) {
        Err(problem) => super::tells_nothing(&format!("{problem} {problem:?}")),
        Ok(keys) => {
            let version = keys.version(&company);
            assert_eq!(CredentialsVersion::parse(version.as_str()).as_ref(), Some(&version));
            assert!(keys.authorization(&company).is_sensitive());
            let padded = |key: Option<&[u8]>| [b"\n ", key.unwrap_or_default(), b"\t\r\n"].concat();
            let (public, private) = (padded(public), padded(private));
            let again = Keys::from_secret_data(Some(&public), Some(&private));
            assert_eq!(again.ok().map(|keys| keys.version(&company)), Some(version), "white space is no key");
        }
    }
}
