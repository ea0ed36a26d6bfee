//! The trusted roots: the system's, and those of the configured CA bundle.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The bundle holds something that is no certificate, or nothing at all.
    #[error("the CA bundle is empty or contains something other than PEM certificates")]
    Bundle,
    /// Neither the system nor a bundle gives a root.
    #[error("no root certificates are installed on this system; install ca-certificates or set a CA bundle")]
    NoRoots,
    /// The crypto provider cannot serve the protocol versions.
    #[error("failed to set up TLS")]
    Rustls(#[from] rustls::Error),
}

/// A configuration that verifies every certificate against the system's roots and those of `ca_bundle` (PEM).
///
/// A bundle adds to the system's roots and does not replace them: it is given for a company's own CA (a self-hosted
/// ConnectWise, an inspecting proxy), and the same process still has to reach the public cloud and Petra.
///
/// HTTP/1.1 is all that is offered: calls are few, and each has a connection of its own in its time.
///
/// # Errors
///
/// See [`TlsError`].
pub(crate) fn client_config(ca_bundle: Option<&[u8]>) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    // A root of the system's store that cannot be read is left out, as every TLS client does.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_bundle {
        add_bundle(&mut roots, pem)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Adds the certificates of a bundle (PEM).
pub(crate) fn add_bundle(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), TlsError> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| TlsError::Bundle)?;
        roots.add(certificate).map_err(|_| TlsError::Bundle)?;
    }
    if roots.len() == before { Err(TlsError::Bundle) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_a_readable_certificate_is_refused() {
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bundle in ["", "no pem", garbled] {
            assert!(matches!(client_config(Some(bundle.as_bytes())), Err(TlsError::Bundle)), "{bundle:?}");
        }
    }
}
