//! After an accepted PUT, Petra asks ConnectWise whether the keys are good.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Response, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::link::{Link, Reason, Version};
use super::text::LinkId;
use super::{Error, Organization, Petra};

/// The `clientId` that Petra sends to ConnectWise: its own, so that ConnectWise's record tells its requests from the
/// operator's.
pub const CLIENT_ID: &str = "7e7a0000-0000-4000-8000-000000000001";

/// How often ConnectWise is asked about one version of a link before it is left pending.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where Petra finds ConnectWise.
#[derive(Clone, Debug)]
pub struct ConnectWiseProbe {
    /// The certificate authority that signs for the ConnectWise hosts, as PEM.
    pub ca_pem: String,
    /// The port on 127.0.0.1 for every `siteUrl` that names none.
    pub port: u16,
}

/// Waits `after`, then asks ConnectWise until it gives a verdict about exactly this version of the link.
pub(super) fn begin(petra: &Petra, id: LinkId, version: Version, after: Duration) {
    // Weak: a Petra that a test has dropped asks nobody any more.
    let organization = Arc::downgrade(&petra.0);
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        for _ in 0..ATTEMPTS {
            if ask_once(&organization, &id, &version).await.is_break() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

async fn ask_once(
    organization: &Weak<Organization>,
    id: &LinkId,
    version: &Version,
) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};

    let Some(organization) = organization.upgrade() else { return Break(()) };
    let Some(link) = organization.books().links.awaiting(id, version).cloned() else { return Break(()) };
    let Some(verdict) = organization.connectwise.verdict(&link).await else { return Continue(()) };
    let mut books = organization.books();
    let now = organization.now(&books.settings);
    books.links.settle(id, version, verdict, now);
    Break(())
}

/// ConnectWise as Petra sees it.
pub(super) struct ConnectWise {
    http: Client,
}

impl ConnectWise {
    pub(super) fn new(probe: &ConnectWiseProbe) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(probe.ca_pem.as_bytes()) {
            roots.add(certificate.map_err(Error::CertificateUnreadable)?)?;
        }
        if roots.is_empty() {
            return Err(Error::CertificateAbsent);
        }
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Loopback { port: probe.port })
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .user_agent("petra-simulator")
            .build()?;
        Ok(Self { http })
    }

    /// What ConnectWise says about the keys of a link; `None` where it gave no answer of its own.
    async fn verdict(&self, link: &Link) -> Option<Result<(), Reason>> {
        let keys = link.keys.as_ref()?;
        let codebase = match self.codebase(link).await? {
            Ok(codebase) => codebase,
            Err(reason) => return Some(Err(reason)),
        };
        let info = format!("{}/{codebase}apis/3.0/system/info", origin(link)?);
        let user = format!("{}+{}", link.company_id.as_str(), keys.public());
        let request =
            self.http.get(info).basic_auth(user, Some(keys.private())).header("clientId", CLIENT_ID);
        let response = request.send().await.ok()?;
        let status = response.status();
        // A proxy's 401 or a router's 404 is not ConnectWise's word; its own answers are JSON.
        json(response).await?;
        match status {
            StatusCode::OK => Some(Ok(())),
            StatusCode::UNAUTHORIZED => Some(Err(Reason::CredentialsRejected)),
            StatusCode::FORBIDDEN => Some(Err(Reason::PermissionMissing)),
            _ => None,
        }
    }

    async fn codebase(&self, link: &Link) -> Option<Result<String, Reason>> {
        let discovery = format!("{}/login/companyinfo/{}", origin(link)?, link.company_id.as_str());
        let response = self.http.get(discovery).send().await.ok()?;
        let status = response.status();
        match (status, json(response).await?) {
            // ConnectWise answers 200 with the body null for a company that it does not know.
            (StatusCode::OK, Value::Null) | (StatusCode::NOT_FOUND, _) => Some(Err(Reason::CompanyUnknown)),
            (StatusCode::OK, company) => company["Codebase"].as_str().map(|codebase| Ok(codebase.to_owned())),
            _ => None,
        }
    }
}

async fn json(response: Response) -> Option<Value> {
    response.json().await.ok()
}

/// `None` for an IP address: it would go round [`Loopback`].
fn origin(link: &Link) -> Option<String> {
    let origin = link.site_url.origin();
    let url = reqwest::Url::parse(&origin).ok()?;
    url.domain().is_some().then_some(origin)
}

/// Every name is on this machine, so that a simulator never calls the world outside, whatever `siteUrl` says.
struct Loopback {
    port: u16,
}

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}
