//! What an operator needs before it can run: a namespace, rights, and a folder with its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::install::{self, Rights, SERVICE_ACCOUNT};
use crate::{Cluster, Error, Result, Sims};

/// How the operator is installed and started.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Its own namespace, into which `deploy/install.yaml` is applied.
    pub namespace: String,
    /// `--watch-namespaces`; empty: the flag is absent, so its own.
    pub watch_namespaces: Vec<String>,
    /// Which shipped rights it gets. The flags are not changed for that.
    pub rights: Rights,
    /// `--time-speed`.
    pub time_speed: f64,
    /// Whether `--petra-url` is given, so that links are registered by `Api`.
    pub petra: bool,
    /// `--installation-id`; the owner of a link is `<this>/<namespace>/<name>`.
    pub installation_id: String,
    /// Whether the hosts of the simulated ConnectWise are allowed.
    pub allow_sites: bool,
    /// Content of the clientId file: any GUID is good at the simulator.
    pub client_id: String,
    /// Content of the Petra key file; absent: a key that the simulator accepts.
    pub petra_key: Option<String>,
    /// `--log-level`.
    pub log_level: String,
    /// Where the operator finds the API server; absent: where it is.
    pub api_server: Option<String>,
    /// Further flags.
    pub extra_args: Vec<String>,
}

impl OperatorOptions {
    /// An operator that lives in this namespace and watches it alone, at true speed, with Petra.
    #[must_use]
    pub fn in_namespace(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            watch_namespaces: Vec::new(),
            rights: Rights::EachNamespace,
            time_speed: 1.0,
            petra: true,
            installation_id: "harness".to_owned(),
            allow_sites: true,
            client_id: "5a0c0de0-0000-4000-8000-0000000000ca".to_owned(),
            petra_key: None,
            log_level: "trace".to_owned(),
            api_server: None,
            extra_args: Vec::new(),
        }
    }
}

/// An operator's place in the cluster and on disk. It can be started there any number of times, one after the other.
#[derive(Clone, Debug)]
pub struct Installation {
    namespace: String,
    number: usize,
    folder: PathBuf,
    kubeconfig: PathBuf,
    user: String,
}

/// Numbers the folders of operators in one control plane.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// File names within an operator's folder.
pub(crate) mod file {
    pub(crate) const CLIENT_ID: &str = "connectwise-client-id";
    pub(crate) const PETRA_KEY: &str = "petra-api-key";
    pub(crate) const CA_BUNDLE: &str = "ca.pem";
    pub(crate) const KUBECONFIG: &str = "kubeconfig";
    pub(crate) const LOG: &str = "operator.log";
}

impl Installation {
    /// Installs the operator's namespace, service account and rights.
    ///
    /// # Errors
    ///
    /// The API server refuses what is shipped, or a file cannot be written.
    pub fn make(cluster: &Cluster, options: &OperatorOptions) -> Result<Self> {
        let OperatorOptions { namespace, watch_namespaces, rights, .. } = options;
        watch_namespaces
            .iter()
            .filter(|name| *name != "*")
            .try_for_each(|name| cluster.create_namespace(name))?;
        install::install(cluster, namespace, watch_namespaces, rights)?;
        let kubeconfig = cluster.plane().service_account_kubeconfig(namespace, SERVICE_ACCOUNT)?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = cluster.folder().join(format!("operator-{number}"));
        fs::create_dir(&folder).map_err(Error::io("creating", &folder))?;
        let user = format!("system:serviceaccount:{namespace}:{SERVICE_ACCOUNT}");
        Ok(Self { namespace: namespace.clone(), number, folder, kubeconfig, user })
    }

    /// Gives it the shipped right that stays when a namespace is deleted.
    ///
    /// # Errors
    ///
    /// The API server refuses it.
    pub fn allow_namespace_deletion(&self, cluster: &Cluster) -> Result<()> {
        install::allow_namespace_deletion(cluster, &self.namespace)
    }

    /// The shipped rights in one more namespace, to be made there.
    ///
    /// # Errors
    ///
    /// The shipped file cannot be read.
    pub fn rights_in_namespace(&self) -> Result<Vec<Value>> {
        install::rights_in_namespace(&self.namespace)
    }

    /// Writes the operator's files, and returns the arguments with which it is started.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn arguments(&self, sims: &Sims, options: &OperatorOptions) -> Result<Vec<String>> {
        self.write(file::CLIENT_ID, &options.client_id)?;
        self.write(file::PETRA_KEY, options.petra_key.as_deref().unwrap_or(sims.petra_key()))?;
        self.write(file::CA_BUNDLE, sims.ca_pem())?;
        let kubeconfig = match &options.api_server {
            None => self.kubeconfig.clone(),
            Some(url) => self.kubeconfig_for(url)?,
        };
        Ok(arguments(&self.folder, &kubeconfig, sims, options))
    }

    /// The same user at another address.
    fn kubeconfig_for(&self, url: &str) -> Result<PathBuf> {
        let text = fs::read_to_string(&self.kubeconfig).map_err(Error::io("reading", &self.kubeconfig))?;
        let mut config: Value = serde_json::from_str(&text).map_err(Error::unreadable("a kubeconfig"))?;
        config["clusters"][0]["cluster"] = json!({ "server": url });
        self.write(file::KUBECONFIG, &config.to_string())?;
        Ok(self.folder.join(file::KUBECONFIG))
    }

    /// The operator's own namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Who it is to the API server.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn pod_name(&self) -> String {
        format!("cwlink-{}", self.number)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(file::LOG)
    }

    /// Swaps the file as a whole, as the kubelet does.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let (path, fresh) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        fs::write(&fresh, text).map_err(Error::io("writing", &fresh))?;
        fs::rename(&fresh, &path).map_err(Error::io("moving into place", &path))
    }
}

fn arguments(folder: &Path, kubeconfig: &Path, sims: &Sims, options: &OperatorOptions) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut arguments = vec![
        "run".to_owned(),
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--connectwise-client-id-file={}", path(file::CLIENT_ID)),
        format!("--petra-key-file={}", path(file::PETRA_KEY)),
        format!("--ca-bundle={}", path(file::CA_BUNDLE)),
        "--admin-address=127.0.0.1:0".to_owned(),
        "--log-format=json".to_owned(),
        format!("--log-level={}", options.log_level),
        format!("--time-speed={}", options.time_speed),
    ];
    if options.allow_sites {
        arguments.extend(sims.sites().iter().map(|site| format!("--allow-site={site}")));
    }
    if options.petra {
        arguments.push(format!("--petra-url={}", sims.petra_url()));
        arguments.push(format!("--installation-id={}", options.installation_id));
    }
    if !options.watch_namespaces.is_empty() {
        arguments.push(format!("--watch-namespaces={}", options.watch_namespaces.join(",")));
    }
    arguments.extend(options.extra_args.iter().cloned());
    arguments
}
