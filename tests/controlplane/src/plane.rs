//! Starting, asking and stopping a control plane.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::audit::{self, AuditEvent, AuditLog};
use crate::data_dir::DataDir;
use crate::flags::{self, Ports, file};
use crate::kubeconfig::Cluster;
use crate::pki::{Authority, Credential, token_key_pair};
use crate::server::Server;
use crate::{Assets, Error};

/// How often to start anew when another process took a port between its choice and its use.
const ATTEMPTS: usize = 3;

/// How long a server may take to become useful: 3 s on an idle machine, far more on one that also compiles.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// Pause between two questions whether it is ready.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The group that RBAC's bootstrap policy gives every right
/// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles>).
const ADMINISTRATORS: &str = "system:masters";

/// Life of a service account's token: longer than any test or demo.
const TOKEN_DURATION: &str = "24h";

/// A running control plane. Dropping it stops the servers and removes their data; the same happens, without
/// the caller's doing, when the caller's process ends in any way. One is enough for a test binary: give each
/// test a namespace.
pub struct ControlPlane {
    // Fields are dropped in this order: clients before the servers they call, and the data last.
    controller_manager: Option<Server>,
    api_server: Mutex<Option<Server>>,
    etcd: Mutex<Server>,
    ports: Ports,
    url: String,
    serving_ca: String,
    client_ca: Authority,
    admin_kubeconfig: PathBuf,
    issued_kubeconfigs: AtomicUsize,
    kubectl: PathBuf,
    kube_apiserver: PathBuf,
    audit: AuditLog,
    data: DataDir,
}

impl ControlPlane {
    /// Starts all servers, and returns when the API answers, namespace `default` exists and controllers act.
    ///
    /// # Errors
    ///
    /// A server ended or is not ready after two minutes (with the end of its log), or the system refused a
    /// file, a port or a process.
    pub fn start(assets: &Assets) -> Result<Self, Error> {
        for _ in 1..ATTEMPTS {
            match Self::try_start(assets) {
                Err(error) if error.is_port_taken() => {}
                result => return result,
            }
        }
        Self::try_start(assets)
    }

    fn try_start(assets: &Assets) -> Result<Self, Error> {
        let data = DataDir::create()?;
        let ports = Ports::choose()?;
        let url = format!("https://127.0.0.1:{}", ports.api_server);
        let serving_ca = write_serving_files(&data)?;
        let client_ca = Authority::new("cwlink-controlplane clients")?;
        data.write(file::CLIENT_CA, &client_ca.pem())?;
        data.write(file::AUDIT_POLICY, audit::POLICY)?;
        let cluster = Cluster { url: &url, ca_pem: &serving_ca };
        let admin = cluster.for_certificate("admin", &client_ca.client("admin", Some(ADMINISTRATORS))?);
        let admin_kubeconfig = data.write("admin.kubeconfig", &admin)?;
        let etcd = Server::start("etcd", &assets.etcd(), &flags::etcd(&data, &ports), &data)?;
        let mut plane = Self {
            controller_manager: None,
            api_server: Mutex::new(None),
            etcd: Mutex::new(etcd),
            ports,
            url,
            serving_ca,
            client_ca,
            admin_kubeconfig,
            issued_kubeconfigs: AtomicUsize::new(0),
            kubectl: assets.kubectl(),
            kube_apiserver: assets.kube_apiserver(),
            audit: AuditLog::new(data.join(file::AUDIT_LOG)),
            data,
        };
        plane.start_api_server()?;
        plane.start_controller_manager(&assets.kube_controller_manager())?;
        Ok(plane)
    }

    /// Starts the API server again after [`stop_api_server`](Self::stop_api_server), on the same port and
    /// with the same data, and returns when it answers. Does nothing when it runs.
    ///
    /// # Errors
    ///
    /// It ended, for example because its port was taken meanwhile, or is not ready after two minutes.
    pub fn start_api_server(&self) -> Result<(), Error> {
        let mut running = self.api_server.lock();
        if let Some(server) = running.as_mut() {
            return server.check_alive();
        }
        let arguments = flags::kube_apiserver(&self.data, &self.ports);
        let mut server = Server::start("kube-apiserver", &self.kube_apiserver, &arguments, &self.data)?;
        // Namespace `default` is made shortly after the first readiness.
        for path in ["/readyz", "/api/v1/namespaces/default"] {
            self.wait_for_answer(path, &mut server)?;
        }
        *running = Some(server);
        Ok(())
    }

    /// Where etcd listens, for whoever wants to change what is stored behind the API server's back.
    #[must_use]
    pub fn etcd_url(&self) -> String {
        self.ports.etcd_url()
    }

    /// Kills the API server, as an outage does; connections to it break. Does nothing when it does not run.
    pub fn stop_api_server(&self) {
        self.api_server.lock().take();
    }

    fn start_controller_manager(&mut self, program: &Path) -> Result<(), Error> {
        let kubeconfig = self.kubeconfig("system:kube-controller-manager", None)?;
        let arguments = flags::kube_controller_manager(&self.data, &kubeconfig);
        let mut server = Server::start("kube-controller-manager", program, &arguments, &self.data)?;
        // It has no API of its own to ask: that a service account appears proves that it works.
        self.wait_for_answer("/api/v1/namespaces/default/serviceaccounts/default", &mut server)?;
        self.controller_manager = Some(server);
        Ok(())
    }

    /// Asks until `path` is answered. `server` is the one whose work is awaited; none works without etcd.
    fn wait_for_answer(&self, path: &str, server: &mut Server) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            self.etcd.lock().check_alive()?;
            server.check_alive()?;
            match self.run_kubectl(&["get", "--request-timeout=5s", "--raw", path]) {
                Err(Error::Kubectl { stderr, .. }) if started.elapsed() > READY_WITHIN => {
                    return Err(Error::NotReady {
                        server: server.name(),
                        seconds: READY_WITHIN.as_secs(),
                        waiting_for: format!("{path}: {stderr}"),
                        log: server.last_log_lines(),
                    });
                }
                Err(Error::Kubectl { .. }) => thread::sleep(POLL_INTERVAL),
                result => return result.map(drop),
            }
        }
    }

    /// Writes a kubeconfig for `user`, who is in `group` and otherwise only in `system:authenticated`:
    /// without further RBAC objects, such a user may do next to nothing. The file is removed with the control
    /// plane.
    ///
    /// # Errors
    ///
    /// The certificate cannot be made, or the file cannot be written.
    pub fn kubeconfig(&self, user: &str, group: Option<&str>) -> Result<PathBuf, Error> {
        let credential = self.client_ca.client(user, group)?;
        self.write_kubeconfig(user, &self.cluster().for_certificate(user, &credential))
    }

    /// Writes a kubeconfig for an existing service account, with a token that holds for a day. The file is
    /// removed with the control plane.
    ///
    /// # Errors
    ///
    /// There is no such service account, the API server is stopped, or the file cannot be written.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let duration = format!("--duration={TOKEN_DURATION}");
        let token = self.run_kubectl(&["create", "token", name, "--namespace", namespace, &duration])?;
        let kubeconfig = self.cluster().for_token(namespace, name, token.trim());
        self.write_kubeconfig(&format!("{namespace}-{name}"), &kubeconfig)
    }

    /// The kubeconfig of a user who may do everything.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// The kubectl binary.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.kubectl
    }

    /// A call of kubectl as administrator, without arguments, untouched by the settings and caches of whoever
    /// runs it.
    #[must_use]
    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .env("KUBECONFIG", &self.admin_kubeconfig)
            .env("KUBECACHEDIR", self.data.join("kubectl-cache"))
            .env("KUBERC", "off");
        command
    }

    /// Runs kubectl as administrator and returns what it writes to standard output.
    ///
    /// # Errors
    ///
    /// kubectl cannot be run, or says no.
    pub fn run_kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        let output =
            self.kubectl_command().args(arguments).output().map_err(Error::io("running", &self.kubectl))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Kubectl { arguments: arguments.join(" "), stderr })
    }

    /// Every call of this user to the API so far, in the order in which they ended. Calls of the control plane itself are
    /// not recorded.
    ///
    /// # Errors
    ///
    /// The record cannot be read.
    pub fn audit_events_by(&self, user: &str) -> Result<Vec<AuditEvent>, Error> {
        self.audit.events_by(user)
    }

    /// Where the API server listens, such as `https://127.0.0.1:40001`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority that signed the API server's certificate, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.serving_ca
    }

    /// The folder with everything of this control plane: logs (`<server>.log`), process ids (`<server>.pid`),
    /// keys.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Stops all servers and removes their data, and returns when both are gone. Dropping does the same.
    pub fn stop(self) {
        drop(self);
    }

    fn cluster(&self) -> Cluster<'_> {
        Cluster { url: &self.url, ca_pem: &self.serving_ca }
    }

    /// `owner` only makes the file's name easier to recognise; the number makes it unique.
    fn write_kubeconfig(&self, owner: &str, text: &str) -> Result<PathBuf, Error> {
        let number = self.issued_kubeconfigs.fetch_add(1, Ordering::Relaxed);
        let owner = owner.replace(|character: char| !character.is_ascii_alphanumeric(), "-");
        self.data.write(&format!("{number}-{owner}.kubeconfig"), text)
    }
}

/// Writes what servers show to clients and to each other, and returns the serving authority's certificate.
fn write_serving_files(data: &DataDir) -> Result<String, Error> {
    let authority = Authority::new("cwlink-controlplane servers")?;
    let Credential { certificate, key } = authority.serving(&["127.0.0.1", "localhost"])?;
    let (token_key, token_public_key) = token_key_pair()?;
    let authority = authority.pem();
    for (name, text) in [
        (file::SERVING_CA, &authority),
        (file::SERVING_CERTIFICATE, &certificate),
        (file::SERVING_KEY, &key),
        (file::TOKEN_KEY, &token_key),
        (file::TOKEN_PUBLIC_KEY, &token_public_key),
    ] {
        data.write(name, text)?;
    }
    Ok(authority)
}
