//! Finding a tenant's API: `companyinfo` returns the codebase, and often the host.

use super::answers::{CompanyAnswer, Inconclusive};
use super::classify::Meaning;
use super::client::{Asker, ConnectWise, NoAnswer, Transport};
use super::company::CompanyId;
use super::tenant::{NoTenant, Tenant, read_tenant};
use crate::upstream::Fault;
use crate::upstream::allow;
use crate::upstream::hosts::HostPort;

/// Asks the site where the company's API is. `api-na.…` is asked as `na.…`: companyinfo is documented on the plain host,
/// and two spellings of one site must find one tenant.
pub(crate) async fn discover<T: Transport>(
    connectwise: &ConnectWise<T>,
    site: &HostPort,
    company: &CompanyId,
    asker: Asker<'_>,
) -> CompanyAnswer {
    let site = site.site_key();
    let found = match connectwise.companyinfo(&site, company, asker).await {
        Ok(info) => read_tenant(&site, &info).map(|tenant| as_it_may_say(tenant, &site, company)),
        Err(no_answer) => return without_info(no_answer),
    };
    match found {
        Ok(tenant) if connectwise.takes_keys(&tenant.api_host) => CompanyAnswer::Found(tenant),
        Ok(_) | Err(NoTenant::UnreadableHost) => CompanyAnswer::HostNotAllowed,
        Err(NoTenant::NoCompanyInfo) => CompanyAnswer::NotConnectWise,
        Err(NoTenant::Unclear) => CompanyAnswer::Inconclusive(Inconclusive::Unavailable),
    }
}

fn without_info(no_answer: NoAnswer) -> CompanyAnswer {
    match no_answer {
        NoAnswer::Means { meaning: Meaning::CompanyUnknown, .. } => CompanyAnswer::Unknown,
        NoAnswer::Means { meaning: Meaning::NotJson, .. } => CompanyAnswer::NotConnectWise,
        NoAnswer::Fault(Fault::HostNotAllowed) => CompanyAnswer::HostNotAllowed,
        NoAnswer::Fault(Fault::PrivateAddress) => CompanyAnswer::PrivateAddress,
        other => CompanyAnswer::Inconclusive(other.inconclusive()),
    }
}

/// The tenant, with a name that the server may give it: the link's id is derived from the name, and no server may claim
/// another company's link. A server of the vendor speaks for all companies, any other for those that it serves itself. Where
/// a server names another one, the name that counts is that of the login company, which that other one is asked about with
/// the keys. `CompanyID` may differ from the login company: it is never a reason to refuse.
fn as_it_may_say(tenant: Tenant, site: &HostPort, company: &CompanyId) -> Tenant {
    if allow::is_vendors(site) || tenant.api_host.is_same_server(site) {
        tenant
    } else {
        Tenant { canonical_company: company.clone(), ..tenant }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fake_connectwise::{Fake, asker, companyinfo};

    fn host(text: &str) -> HostPort {
        HostPort::parse_site(text).unwrap()
    }

    #[tokio::test]
    async fn a_company_is_one_segment_of_the_path_whatever_its_characters() {
        let (connectwise, fake) = Fake::default().connect();
        let company = CompanyId::parse("o'neill&sons;x").unwrap();
        let memory = connectwise.memory_of_check();
        discover(&connectwise, &host("api-na.myconnectwise.net"), &company, asker(&memory)).await;
        assert_eq!(fake.asked(), ["na.myconnectwise.net /login/companyinfo/o%27neill%26sons%3Bx"]);
    }

    #[test]
    fn a_server_names_the_companies_that_it_serves_and_no_others() {
        let named = |site: &str, site_url: &str, asked: &str| {
            let mut info = companyinfo("v2025_1/");
            info["SiteUrl"] = site_url.into();
            let tenant = read_tenant(&host(site), &info).unwrap();
            as_it_may_say(tenant, &host(site), &CompanyId::parse(asked).unwrap())
                .canonical_company
                .to_string()
        };
        let cloud = "api-na.myconnectwise.net";
        for (site, site_url, counts) in [
            ("na.myconnectwise.net", cloud, "MyCo"),
            ("na.myconnectwise.net", "", "MyCo"),
            ("mycompany.connectwise.com", cloud, "MyCo"),
            ("psa.example.com", "", "MyCo"),
            ("psa.example.com", "api-psa.example.com", "MyCo"),
            ("psa.example.com", cloud, "login"),
            ("psa.example.com", "api.example.com", "login"),
        ] {
            assert_eq!(named(site, site_url, "login"), counts, "{site} {site_url:?}");
        }
    }
}
