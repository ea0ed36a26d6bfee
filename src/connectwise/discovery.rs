//! Finding a tenant's API: `companyinfo` returns the codebase, and often the host.

use super::answers::{CompanyAnswer, Inconclusive};
use super::classify::Meaning;
use super::client::{Asker, ConnectWise, NoAnswer, Transport};
use super::company::CompanyId;
use super::tenant::{NoTenant, Tenant, read_tenant};
use crate::upstream::Fault;
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
        Ok(info) => read_tenant(&site, &info).and_then(|tenant| of_company(tenant, &site, company)),
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

/// A server outside ConnectWise's cloud may only name the company that it was asked about: the link's id is derived from the
/// answer, and such a server must not claim another company's link. **U**: whether the cloud knows a company by two names.
fn of_company(tenant: Tenant, site: &HostPort, company: &CompanyId) -> Result<Tenant, NoTenant> {
    let speaks_for_all = site.is_cloud();
    if speaks_for_all || tenant.canonical_company.is_same(company) {
        Ok(tenant)
    } else {
        Err(NoTenant::NoCompanyInfo)
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
    fn a_server_of_its_own_speaks_for_no_other_company() {
        let tenant = |site: &str| read_tenant(&host(site), &companyinfo("v2025_1/")).unwrap();
        let asked = |site: &str, company: &str| {
            of_company(tenant(site), &host(site), &CompanyId::parse(company).unwrap()).map(drop)
        };
        assert_eq!(asked("psa.example.com", "MYCO"), Ok(()));
        assert_eq!(asked("psa.example.com", "other"), Err(NoTenant::NoCompanyInfo));
        assert_eq!(asked("na.myconnectwise.net", "other"), Ok(()));
    }
}
