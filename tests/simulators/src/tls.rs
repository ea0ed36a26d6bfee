//! TLS as the real services have it: a certificate authority of the run's own, and a certificate for each host.
//!
//! Several hosts are played on one machine by names under `.localhost`; which certificate a client gets follows the
//! server name it asks for (SNI).

mod stream;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use stream::{ResetSwitch, ResettableStream};

/// The name a certificate carries when the client sent no server name (it connected to an address).
const NAMELESS: &str = "localhost";

/// Why no certificate could be made.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The authority's own certificate or a key.
    #[error("failed to make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused the configuration or a key.
    #[error("failed to set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// What kind of certificate a host shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CertificateKind {
    /// A good one.
    #[default]
    Valid,
    /// One that ended in 2021.
    Expired,
    /// One for another name.
    OtherName,
    /// One that no authority signed.
    SelfSigned,
}

/// Says which certificate a server name gets; `None` refuses the handshake, as for a name that is not served here.
pub(crate) type CertificateChoice = Arc<dyn Fn(&str) -> Option<CertificateKind> + Send + Sync>;

/// A certificate authority made for one run.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    issued: Mutex<HashMap<(String, CertificateKind), Arc<CertifiedKey>>>,
}

impl Authority {
    pub(crate) fn generate() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = dated(CertificateParams::default(), 2024, 2049);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "simulators test authority");
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key), issued: Mutex::default() })
    }

    /// The authority's certificate, as clients take it.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    fn certificate(&self, name: &str, kind: CertificateKind) -> Result<Arc<CertifiedKey>, TlsError> {
        let mut issued = self.issued.lock();
        let entry = (name.to_owned(), kind);
        if let Some(certificate) = issued.get(&entry) {
            return Ok(Arc::clone(certificate));
        }
        let certificate = Arc::new(self.issue(name, kind)?);
        issued.insert(entry, Arc::clone(&certificate));
        Ok(certificate)
    }

    fn issue(&self, name: &str, kind: CertificateKind) -> Result<CertifiedKey, TlsError> {
        let subject = if kind == CertificateKind::OtherName { "other-name.invalid" } else { name };
        let (from, until) = if kind == CertificateKind::Expired { (2020, 2021) } else { (2024, 2049) };
        let mut params = dated(CertificateParams::new([subject.to_owned()])?, from, until);
        params.distinguished_name.push(DnType::CommonName, subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        if subject == NAMELESS {
            params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        let key = KeyPair::generate()?;
        let certificate = if kind == CertificateKind::SelfSigned {
            params.self_signed(&key)?
        } else {
            params.signed_by(&key, &self.issuer)?
        };
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = aws_lc_rs::sign::any_supported_type(&private)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
    }
}

fn dated(mut params: CertificateParams, from: i32, until: i32) -> CertificateParams {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 12, 31);
    params
}

/// Server configuration that picks the certificate by the name the client asks for.
pub(crate) fn server_config(
    authority: Arc<Authority>,
    choice: CertificateChoice,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByServerName { authority, choice }));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

struct ByServerName {
    authority: Arc<Authority>,
    choice: CertificateChoice,
}

impl std::fmt::Debug for ByServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByServerName")
    }
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or(NAMELESS).to_ascii_lowercase();
        let kind = (self.choice)(&name)?;
        self.authority
            .certificate(&name, kind)
            .inspect_err(|error| tracing::error!(%error, %name, "no certificate"))
            .ok()
    }
}
