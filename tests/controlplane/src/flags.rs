//! Ports, files and command lines of the three servers.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::Error;
use crate::data_dir::DataDir;

/// Loopback ports that were free a moment ago.
pub(crate) struct Ports {
    etcd_client: u16,
    etcd_peer: u16,
    pub(crate) api_server: u16,
}

impl Ports {
    /// Asks the kernel, holding all of them until the last is known so that they differ.
    pub(crate) fn choose() -> Result<Self, Error> {
        let listeners: [TcpListener; 3] = [listen()?, listen()?, listen()?];
        let mut ports = [0; 3];
        for (port, listener) in ports.iter_mut().zip(&listeners) {
            *port = listener.local_addr().map_err(port_error)?.port();
        }
        let [etcd_client, etcd_peer, api_server] = ports;
        Ok(Self { etcd_client, etcd_peer, api_server })
    }

    pub(crate) fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_client)
    }
}

fn listen() -> Result<TcpListener, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(port_error)
}

fn port_error(source: io::Error) -> Error {
    Error::io("choosing a port of", "127.0.0.1")(source)
}

/// Files in the data folder that servers are pointed to.
pub(crate) mod file {
    pub(crate) const SERVING_CA: &str = "serving-ca.crt";
    pub(crate) const SERVING_CERTIFICATE: &str = "serving.crt";
    pub(crate) const SERVING_KEY: &str = "serving.key";
    pub(crate) const CLIENT_CA: &str = "client-ca.crt";
    pub(crate) const TOKEN_KEY: &str = "sa.key";
    pub(crate) const TOKEN_PUBLIC_KEY: &str = "sa.pub";
    pub(crate) const AUDIT_POLICY: &str = "audit-policy.yaml";
    pub(crate) const AUDIT_LOG: &str = "audit.log";
}

/// The controllers that cwlink's tests can tell from missing ones: namespaces and owned objects get deleted,
/// service accounts exist and have tokens and the API server's CA, and aggregated cluster roles get their
/// rules. The others act on pods, nodes and volumes, which a control plane without nodes does not have.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
    serviceaccount-token-controller,root-ca-certificate-publisher-controller,\
    clusterrole-aggregation-controller";

pub(crate) fn etcd(data: &DataDir, ports: &Ports) -> Vec<String> {
    let client = ports.etcd_url();
    vec![
        flag("data-dir", data.join("etcd").display()),
        // Nothing has to survive a power cut.
        "--unsafe-no-fsync".to_owned(),
        flag("listen-client-urls", &client),
        flag("advertise-client-urls", &client),
        flag("listen-peer-urls", format!("http://127.0.0.1:{}", ports.etcd_peer)),
        flag("log-level", "warn"),
    ]
}

/// The record is rotated above this size, which no test comes near.
const AUDIT_LOG_MEGABYTES: u32 = 2048;

pub(crate) fn kube_apiserver(data: &DataDir, ports: &Ports) -> Vec<String> {
    let path = |name| data.join(name).display().to_string();
    vec![
        flag("etcd-servers", ports.etcd_url()),
        flag("bind-address", "127.0.0.1"),
        flag("advertise-address", "127.0.0.1"),
        flag("secure-port", ports.api_server),
        flag("cert-dir", path("kube-apiserver")),
        flag("tls-cert-file", path(file::SERVING_CERTIFICATE)),
        flag("tls-private-key-file", path(file::SERVING_KEY)),
        flag("client-ca-file", path(file::CLIENT_CA)),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        flag("service-account-key-file", path(file::TOKEN_PUBLIC_KEY)),
        flag("service-account-signing-key-file", path(file::TOKEN_KEY)),
        flag("service-cluster-ip-range", "10.0.0.0/24"),
        flag("authorization-mode", "RBAC"),
        flag("allow-privileged", "true"),
        // There is no second API server to agree with on endpoints.
        flag("endpoint-reconciler-type", "none"),
        flag("audit-policy-file", path(file::AUDIT_POLICY)),
        flag("audit-log-path", path(file::AUDIT_LOG)),
        // The file is whole, so that what was asked can be counted.
        flag("audit-log-mode", "blocking-strict"),
        flag("audit-log-maxsize", AUDIT_LOG_MEGABYTES),
    ]
}

pub(crate) fn kube_controller_manager(data: &DataDir, kubeconfig: &Path) -> Vec<String> {
    let path = |name| data.join(name).display().to_string();
    vec![
        flag("kubeconfig", kubeconfig.display()),
        flag("controllers", CONTROLLERS),
        // It serves nothing but metrics and health, which nobody asks for here.
        flag("secure-port", 0),
        flag("leader-elect", "false"),
        flag("use-service-account-credentials", "true"),
        flag("service-account-private-key-file", path(file::TOKEN_KEY)),
        flag("root-ca-file", path(file::SERVING_CA)),
    ]
}

fn flag(name: &str, value: impl std::fmt::Display) -> String {
    format!("--{name}={value}")
}
