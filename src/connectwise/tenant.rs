//! Where a tenant's API is: read from companyinfo, and from nothing else. A person who can write `status` must not be able to
//! say where keys are sent.

use serde_json::Value;

use super::company::CompanyId;
use crate::upstream::hosts::HostPort;

/// The codebase of servers that companies run themselves; on a cloud host it is a router in front of the tenants' servers.
const UNVERSIONED: &str = "v4_6_release/";

/// Where a tenant's API is, according to companyinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// companyinfo's own spelling of the company.
    pub canonical_company: CompanyId,
    /// The host that serves the API: from companyinfo's `SiteUrl`, else `api-` and the site's host on the cloud, else the site.
    pub api_host: HostPort,
    /// The codebase, such as `v2025_1/`: checked against a pattern, ends with a slash.
    pub codebase: String,
    /// The version, digits and dots only; `None` when unreadable.
    pub version: Option<String>,
}

#[cfg(any(test, fuzzing))]
impl Tenant {
    /// A tenant of the tests.
    pub(crate) fn of_test(company: &str, api_host: &str, codebase: &str) -> Self {
        Self {
            canonical_company: CompanyId::parse(company).expect("a company"),
            api_host: api_host.parse().expect("a host"),
            codebase: codebase.to_owned(),
            version: Some("2025.1".to_owned()),
        }
    }
}

/// Whether the tenant is reached through a router, whose refusals prove nothing.
pub(super) fn is_router(tenant: &Tenant) -> bool {
    tenant.codebase == UNVERSIONED && tenant.api_host.is_cloud()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoTenant {
    /// The JSON is not a companyinfo, or its codebase or company cannot be read.
    NoCompanyInfo,
    /// A field is there and holds no text, as one that is there twice: nobody can tell what was meant.
    Unclear,
    /// `SiteUrl` is not a host name, so it cannot be an allowed one.
    UnreadableHost,
}

/// Reads companyinfo, whose fields are in Pascal case. Only what is used is read: `IsCloud`, for one, is a bool here and a
/// word there.
pub(super) fn read_tenant(site: &HostPort, info: &Value) -> Result<Tenant, NoTenant> {
    let text = |field: &str| match info.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(NoTenant::Unclear),
    };
    let (codebase, company, named) = (text("Codebase")?, text("CompanyID")?, text("SiteUrl")?);
    let codebase = codebase.filter(|codebase| is_codebase(codebase)).ok_or(NoTenant::NoCompanyInfo)?;
    let company = company.ok_or(NoTenant::NoCompanyInfo)?;
    let named = named.filter(|url| !url.trim().is_empty());
    let named = named.map(HostPort::parse_site).transpose().map_err(|_| NoTenant::UnreadableHost)?;
    Ok(Tenant {
        canonical_company: CompanyId::parse(company).map_err(|_| NoTenant::NoCompanyInfo)?,
        api_host: named
            .map_or_else(|| unnamed_api_host(site, codebase), |named| named_api_host(named, codebase)),
        codebase: codebase.to_owned(),
        version: ["VersionNumber", "VersionCode"]
            .into_iter()
            .find_map(|field| read_version(text(field).ok().flatten()?)),
    })
}

/// A codebase is `v2025_1/` or `v4_6_release/` (facts, section 1): a `v`, numbers of at most four digits, and at most one
/// word in small letters. Anything else could lead the keys to another path, or put words of the server's, such as a key
/// that it was given, into `status.site.codebase`. U: whether there are codebases of another form.
fn is_codebase(text: &str) -> bool {
    let Some(parts) = text.strip_suffix('/').and_then(|segment| segment.strip_prefix('v')) else {
        return false;
    };
    let is_number = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let is_word = |part: &str| (1..=12).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    let parts: Vec<&str> = parts.split('_').collect();
    let (last, numbers) = parts.split_last().expect("a split has a part");
    parts.len() <= 4
        && numbers.iter().all(|part| is_number(part))
        && (is_number(last) || (!numbers.is_empty() && is_word(last)))
}

/// The host that serves a codebase where `SiteUrl` names none. A versioned one is served by the host with `api-` before
/// it; servers that companies run themselves have the unversioned one.
fn unnamed_api_host(site: &HostPort, codebase: &str) -> HostPort {
    let versioned = (codebase != UNVERSIONED).then(|| site.api()).flatten();
    versioned.unwrap_or_else(|| site.clone())
}

/// The host that `SiteUrl` names: as it is, but on ConnectWise's cloud, where it is seen with and without the `api-` that a
/// versioned codebase needs.
fn named_api_host(named: HostPort, codebase: &str) -> HostPort {
    if named.is_cloud() { unnamed_api_host(&named, codebase) } else { named }
}

/// `v2025.1` and `v4.6.98765` as digits and dots.
fn read_version(text: &str) -> Option<String> {
    let version = text.trim().trim_start_matches(['v', 'V']);
    let fits = (1..=32).contains(&version.len())
        && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    fits.then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn host(text: &str) -> HostPort {
        HostPort::parse_site(text).unwrap()
    }

    fn info() -> Value {
        json!({
            "CompanyName": "My Company", "Codebase": "v2025_1/", "VersionCode": "v2025.1",
            "VersionNumber": "v4.6.100234", "CompanyID": "MyCo", "IsCloud": "True",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut info = info();
        info[field] = value;
        info
    }

    #[test]
    fn companyinfo_gives_company_codebase_host_and_version() {
        let tenant = read_tenant(&host("na.myconnectwise.net"), &info()).unwrap();
        assert_eq!(tenant.canonical_company.as_str(), "MyCo");
        assert_eq!(tenant.codebase, "v2025_1/");
        assert_eq!(tenant.api_host, host("api-na.myconnectwise.net"));
        assert_eq!(tenant.version.as_deref(), Some("4.6.100234"));
    }

    #[test]
    fn the_api_host_is_the_named_one_with_the_clouds_prefix_exactly_once() {
        for (site, named, codebase, api) in [
            ("na.myconnectwise.net", None, "v2025_1/", "api-na.myconnectwise.net"),
            ("na.myconnectwise.net", Some(""), "v2025_1/", "api-na.myconnectwise.net"),
            (
                "na.myconnectwise.net",
                Some("api-na.myconnectwise.net"),
                "v2025_1/",
                "api-na.myconnectwise.net",
            ),
            ("na.myconnectwise.net", Some("na.myconnectwise.net"), "v2025_1/", "api-na.myconnectwise.net"),
            (
                "mycompany.connectwise.com",
                Some("https://api-eu.myconnectwise.net/"),
                "v2025_1/",
                "api-eu.myconnectwise.net",
            ),
            ("na.myconnectwise.net", None, "v4_6_release/", "na.myconnectwise.net"),
            ("psa.example.com:8443", None, "v4_6_release/", "psa.example.com:8443"),
            ("psa.example.com:8443", None, "v2025_1/", "api-psa.example.com:8443"),
            ("psa.example.com", Some("api.example.com:9443"), "v2025_1/", "api.example.com:9443"),
        ] {
            let mut info = with("Codebase", json!(codebase));
            info["SiteUrl"] = json!(named);
            assert_eq!(
                read_tenant(&host(site), &info).unwrap().api_host,
                host(api),
                "{site} {named:?} {codebase}"
            );
        }
    }

    #[test]
    fn a_codebase_that_could_lead_elsewhere_is_no_companyinfo() {
        for codebase in [
            "",
            "/",
            "v2025_1",
            "../",
            "./",
            "a/b/",
            "v 1/",
            "v1/?x=/",
            "v1//",
            "%2e/",
            "v/",
            "release/",
            "vrelease/",
            "v1_2_3_4_5/",
            "v20251/",
            "v4_release_6/",
            "v4_6_Xy7PrivateKey09/",
            "v4_6_releaseofakeythatislong/",
        ] {
            let found = read_tenant(&host("na.myconnectwise.net"), &with("Codebase", json!(codebase)));
            assert_eq!(found, Err(NoTenant::NoCompanyInfo), "{codebase:?}");
        }
    }

    #[test]
    fn codebases_as_they_are_known_are_read() {
        for codebase in ["v4_6_release/", "v2025_1/", "v2026_12/", "v1/", "v4_6_development/"] {
            let found = read_tenant(&host("na.myconnectwise.net"), &with("Codebase", json!(codebase)));
            assert_eq!(found.map(|tenant| tenant.codebase), Ok(codebase.to_owned()));
        }
    }

    #[test]
    fn json_of_another_shape_is_no_companyinfo() {
        let site = host("na.myconnectwise.net");
        for other in [
            json!({}),
            json!([]),
            json!({"codebase": "v2025_1/"}),
            with("CompanyID", json!(null)),
            with("CompanyID", json!("a/b")),
        ] {
            assert_eq!(read_tenant(&site, &other), Err(NoTenant::NoCompanyInfo), "{other}");
        }
    }

    #[test]
    fn a_field_that_is_no_text_is_unclear_and_not_another_server() {
        let site = host("na.myconnectwise.net");
        for field in ["Codebase", "CompanyID", "SiteUrl"] {
            for value in [json!({}), json!(5), json!(["v2025_1/"])] {
                assert_eq!(read_tenant(&site, &with(field, value)), Err(NoTenant::Unclear), "{field}");
            }
        }
        let unversioned = read_tenant(&site, &with("VersionNumber", json!({})));
        assert_eq!(unversioned.map(|tenant| tenant.version), Ok(Some("2025.1".to_owned())));
    }

    #[test]
    fn a_site_url_that_is_no_host_name_is_not_called() {
        for url in ["10.0.0.1", "http://na.myconnectwise.net", "a b"] {
            let found = read_tenant(&host("na.myconnectwise.net"), &with("SiteUrl", json!(url)));
            assert_eq!(found, Err(NoTenant::UnreadableHost), "{url}");
        }
    }

    #[test]
    fn a_version_is_digits_and_dots_or_nothing() {
        for (text, version) in [
            ("v4.6.100234", Some("4.6.100234")),
            ("2025.1", Some("2025.1")),
            ("", None),
            ("v", None),
            ("4..6", None),
            ("4.6-beta", None),
            ("<b>4</b>", None),
        ] {
            assert_eq!(read_version(text).as_deref(), version, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_companyinfo_makes_the_reader_panic_or_lead_out_of_one_path_segment(
            codebase in any::<String>(), url in any::<String>(), version in any::<String>(),
        ) {
            let info = json!({"Codebase": codebase, "CompanyID": "myco", "SiteUrl": url, "VersionNumber": version});
            if let Ok(tenant) = read_tenant(&host("na.myconnectwise.net"), &info) {
                prop_assert_eq!(tenant.codebase.find('/'), Some(tenant.codebase.len() - 1));
            }
        }
    }
}
