//! The operator: the built binary, with exactly the rights that are shipped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::http::{ask, ask_for};
use crate::install::{self, Rights, SERVICE_ACCOUNT};
use crate::process::{Launch, Process};
use crate::{Cluster, Error, Result, Sims, wait_for};

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
    /// Content of the clientId file: any GUID is good at the simulator.
    pub client_id: String,
    /// Content of the Petra key file; absent: a key that the simulator accepts.
    pub petra_key: Option<String>,
    /// `--log-level`.
    pub log_level: String,
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
            client_id: "5a0c0de0-0000-4000-8000-0000000000ca".to_owned(),
            petra_key: None,
            log_level: "trace".to_owned(),
            extra_args: Vec::new(),
        }
    }
}

/// The operator's process and where it was told to look. Dropping it kills the process; its rights stay.
pub struct Operator {
    launch: Launch,
    folder: PathBuf,
    user: String,
    /// `None` while stopped.
    running: Option<Running>,
}

struct Running {
    process: Process,
    admin_port: u16,
}

/// Numbers the folders of operators in one control plane.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// File names within an operator's folder.
mod file {
    pub(super) const CLIENT_ID: &str = "connectwise-client-id";
    pub(super) const PETRA_KEY: &str = "petra-api-key";
    pub(super) const CA_BUNDLE: &str = "ca.pem";
    pub(super) const LOG: &str = "operator.log";
}

impl Operator {
    /// Installs the operator's namespace, service account and rights, starts `binary`, and returns when it is ready.
    ///
    /// # Errors
    ///
    /// The API server refuses what is shipped, or the operator ends or does not become ready.
    pub fn start(binary: &Path, cluster: &Cluster, sims: &Sims, options: &OperatorOptions) -> Result<Self> {
        let OperatorOptions { namespace, watch_namespaces, rights, .. } = options;
        watch_namespaces
            .iter()
            .filter(|name| *name != "*")
            .try_for_each(|name| cluster.create_namespace(name))?;
        install::install(cluster, namespace, watch_namespaces, rights)?;
        let kubeconfig = cluster.plane().service_account_kubeconfig(namespace, SERVICE_ACCOUNT)?;
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = cluster.folder().join(format!("operator-{number}"));
        fs::create_dir(&folder).map_err(Error::io("creating", &folder))?;
        let user = format!("system:serviceaccount:{namespace}:{SERVICE_ACCOUNT}");
        let launch = Launch {
            program: binary.to_path_buf(),
            arguments: arguments(&folder, &kubeconfig, sims, options),
            environment: vec![
                ("POD_NAMESPACE", namespace.clone()),
                ("POD_NAME", format!("cwlink-{number}")),
                ("RUST_BACKTRACE", "1".to_owned()),
            ],
            log: folder.join(file::LOG),
        };
        let mut operator = Self { launch, folder, user, running: None };
        operator.write_client_id(&options.client_id)?;
        operator.write_petra_key(options.petra_key.as_deref().unwrap_or(sims.petra_key()))?;
        operator.write(file::CA_BUNDLE, sims.ca_pem())?;
        operator.restart()?;
        Ok(operator)
    }

    /// Starts it anew with the same flags, and returns when it is ready. Kills it first where it runs.
    ///
    /// # Errors
    ///
    /// It ends or does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        self.begin()?;
        self.wait_until_ready()
    }

    /// Starts it anew without waiting for readiness: for operators that lack something.
    ///
    /// # Errors
    ///
    /// It ends before its admin port is open.
    pub fn begin(&mut self) -> Result<()> {
        self.kill();
        let mut process = self.launch.start()?;
        let mut ended = None;
        let admin_port = wait_for("the operator opens its admin port", || {
            if let Err(error) = process.check_alive() {
                ended = Some(error);
                return Ok(0);
            }
            admin_port(&process.log()).ok_or_else(|| "no such line in its log".to_owned())
        })?;
        if let Some(error) = ended {
            return Err(error);
        }
        self.running = Some(Running { process, admin_port });
        Ok(())
    }

    /// Waits until `/readyz` says yes.
    ///
    /// # Errors
    ///
    /// It ends, or is still not ready after [`PATIENCE`](crate::PATIENCE).
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let Some(running) = &mut self.running else { return Err(not_running("GET", "/readyz")) };
        let mut ended = None;
        wait_for("the operator is ready", || {
            if let Err(error) = running.process.check_alive() {
                ended = Some(error);
                return Ok(());
            }
            match ask("GET", running.admin_port, "/readyz", None) {
                Ok(answer) if answer.is_success() => Ok(()),
                Ok(answer) => Err(answer.body),
                Err(error) => Err(error.to_string()),
            }
        })?;
        ended.map_or(Ok(()), Err)
    }

    /// Ends it as the kubelet does, and returns how it ended.
    ///
    /// # Errors
    ///
    /// It does not run, or does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.running.take().ok_or_else(|| not_running("SIGTERM", ""))?.process.terminate()
    }

    /// Ends it as a crash of its machine does. Does nothing where it does not run.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Stops all its threads where they are (SIGSTOP), as a machine does that is out of memory.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn freeze(&mut self) -> Result<()> {
        self.running.as_mut().ok_or_else(|| not_running("SIGSTOP", ""))?.process.freeze(true)
    }

    /// Lets a frozen operator go on.
    ///
    /// # Errors
    ///
    /// It does not run.
    pub fn thaw(&mut self) -> Result<()> {
        self.running.as_mut().ok_or_else(|| not_running("SIGCONT", ""))?.process.freeze(false)
    }

    /// Waits until it ends by itself, and returns how.
    ///
    /// # Errors
    ///
    /// It does not run, or does not end.
    pub fn wait_until_ended(&mut self) -> Result<ExitStatus> {
        self.running.take().ok_or_else(|| not_running("the end of", ""))?.process.wait()
    }

    /// Who it is to the API server.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What `/metrics` prints.
    ///
    /// # Errors
    ///
    /// It does not run or does not answer.
    pub fn metrics(&self) -> Result<String> {
        self.ask("/metrics")
    }

    /// What `/livez` prints.
    ///
    /// # Errors
    ///
    /// It does not run, or does not call itself alive.
    pub fn livez(&self) -> Result<String> {
        self.ask("/livez")
    }

    /// What `/readyz` prints.
    ///
    /// # Errors
    ///
    /// It does not run, or is not ready.
    pub fn readyz(&self) -> Result<String> {
        self.ask("/readyz")
    }

    fn ask(&self, path: &str) -> Result<String> {
        let running = self.running.as_ref().ok_or_else(|| not_running("GET", path))?;
        ask_for("GET", running.admin_port, path, None)
    }

    /// The sum of all samples of a metric whose line holds all of `labels`, such as `result="error"`.
    ///
    /// # Errors
    ///
    /// It does not run or does not answer.
    pub fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        let text = self.metrics()?;
        let samples = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_whole_name = rest.starts_with(['{', ' ']);
            let fits = is_whole_name && labels.iter().all(|label| rest.contains(label));
            fits.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok()).flatten()
        });
        // The sum of no floating-point numbers at all would be -0.
        Ok(samples.fold(0.0, |sum, sample| sum + sample))
    }

    /// Everything that it has logged, former processes included.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.launch.log).unwrap_or_default()).into_owned()
    }

    /// The file that it logs to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.launch.log
    }

    /// Address of its admin port; `None` while stopped.
    #[must_use]
    pub fn admin_port(&self) -> Option<u16> {
        self.running.as_ref().map(|running| running.admin_port)
    }

    /// Replaces the clientId, as a changed Secret does in a pod.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_client_id(&self, client_id: &str) -> Result<()> {
        self.write(file::CLIENT_ID, client_id)
    }

    /// Replaces the Petra key, as a changed Secret does in a pod.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_petra_key(&self, key: &str) -> Result<()> {
        self.write(file::PETRA_KEY, key)
    }

    /// Swaps the file as a whole, as the kubelet does.
    fn write(&self, name: &str, text: &str) -> Result<()> {
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
    arguments.extend(sims.sites().iter().map(|site| format!("--allow-site={site}")));
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

/// Reads from the log which port the kernel gave.
fn admin_port(log: &str) -> Option<u16> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_open = line["message"] == "the admin port is open";
        let address = line["address"].as_str().filter(|_| is_open)?;
        address.rsplit(':').next()?.trim_end_matches(')').parse().ok()
    })
}

fn not_running(method: &'static str, path: &str) -> Error {
    Error::Http { method, url: path.to_owned(), problem: "the operator does not run".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_is_read_from_the_line_that_tells_it() {
        let log = "{\"message\":\"cwlink starts\"}\nnot JSON\n\
                   {\"message\":\"the admin port is open\",\"address\":\"Some(127.0.0.1:40123)\"}\n";
        assert_eq!(admin_port(log), Some(40123));
        assert_eq!(admin_port("{\"message\":\"cwlink starts\"}"), None);
    }
}
