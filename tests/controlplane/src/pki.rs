//! Throwaway certificate authorities and key pairs: they live as long as one control plane.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose,
};

use crate::Error;

/// A certificate and its private key, both PEM.
pub(crate) struct Credential {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate authority. A control plane has two, so that no server's certificate is accepted as a user's.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(common_name: &str) -> Result<Self, Error> {
        let make = || {
            let mut parameters = CertificateParams::default();
            parameters.distinguished_name = distinguished_name(common_name, None);
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)
        };
        make().map(Self).map_err(certificate_error(common_name))
    }

    /// The certificate that clients or servers have to trust.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// For a server that is called by one of `names`, each a DNS name or an IP address.
    pub(crate) fn serving(&self, names: &[&str]) -> Result<Credential, Error> {
        let subject = names.join(", ");
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let parameters = CertificateParams::new(names).map_err(certificate_error(&subject))?;
        self.issue(parameters, ExtendedKeyUsagePurpose::ServerAuth, &subject)
    }

    /// For a client: Kubernetes takes the user's name from CN and the group from O
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>).
    pub(crate) fn client(&self, user: &str, group: Option<&str>) -> Result<Credential, Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = distinguished_name(user, group);
        self.issue(parameters, ExtendedKeyUsagePurpose::ClientAuth, user)
    }

    fn issue(
        &self,
        mut parameters: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
        subject: &str,
    ) -> Result<Credential, Error> {
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(certificate_error(subject))?;
        let certificate = parameters.signed_by(&key, &self.0).map_err(certificate_error(subject))?;
        Ok(Credential { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// An ECDSA key pair, private and public key in PEM, that signs and checks service-account tokens.
pub(crate) fn token_key_pair() -> Result<(String, String), Error> {
    let key = KeyPair::generate().map_err(certificate_error("service-account tokens"))?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

fn distinguished_name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name
}

fn certificate_error(subject: &str) -> impl Fn(rcgen::Error) -> Error {
    let subject = subject.to_owned();
    move |source| Error::Certificate { subject: subject.clone(), source }
}
