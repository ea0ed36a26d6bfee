//! The operator: the built binary, with exactly the rights that are shipped.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use serde_json::Value;

use crate::http::{ask, ask_for};
use crate::installation::{self, Installation, OperatorOptions};
use crate::process::{Launch, Memory, Process};
use crate::{Cluster, Error, Result, Sims, wait_for};

/// The operator's process and where it was told to look. Dropping it kills the process; its rights stay.
pub struct Operator {
    launch: Launch,
    installation: Installation,
    /// `None` while stopped.
    running: Option<Running>,
}

struct Running {
    process: Process,
    admin_port: u16,
}

impl Operator {
    /// Installs the operator's namespace, service account and rights, starts `binary`, and returns when it is ready.
    ///
    /// # Errors
    ///
    /// The API server refuses what is shipped, or the operator ends or does not become ready.
    pub fn start(binary: &Path, cluster: &Cluster, sims: &Sims, options: &OperatorOptions) -> Result<Self> {
        let mut operator = Self::prepare(binary, Installation::make(cluster, options)?, sims, options)?;
        operator.restart()?;
        Ok(operator)
    }

    /// An operator that is installed already and does not run yet.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn prepare(
        binary: &Path,
        installation: Installation,
        sims: &Sims,
        options: &OperatorOptions,
    ) -> Result<Self> {
        let launch = Launch {
            program: binary.to_path_buf(),
            arguments: installation.arguments(sims, options)?,
            environment: vec![
                ("POD_NAMESPACE", installation.namespace().to_owned()),
                ("POD_NAME", installation.pod_name()),
                ("RUST_BACKTRACE", "1".to_owned()),
            ],
            log: installation.log(),
            log_until: None,
        };
        Ok(Self { launch, installation, running: None })
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

    /// The reader of the log of the processes that are started from now on goes away when the admin port is open.
    pub fn lose_log_reader(&mut self) {
        self.launch.log_until = Some(ADMIN_PORT_IS_OPEN);
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

    /// How much memory its present process has.
    ///
    /// # Errors
    ///
    /// It does not run, or this system does not tell (only Linux does).
    pub fn memory(&self) -> Result<Memory> {
        self.running.as_ref().ok_or_else(|| not_running("the memory of", ""))?.process.memory()
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
        self.installation.user()
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
        self.installation.write(installation::file::CLIENT_ID, client_id)
    }

    /// Replaces the Petra key, as a changed Secret does in a pod.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_petra_key(&self, key: &str) -> Result<()> {
        self.installation.write(installation::file::PETRA_KEY, key)
    }
}

/// The message of the line that names the admin port.
const ADMIN_PORT_IS_OPEN: &str = "the admin port is open";

/// Reads from the log which port the kernel gave.
fn admin_port(log: &str) -> Option<u16> {
    log.lines().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_open = line["message"] == ADMIN_PORT_IS_OPEN;
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
        let log = "{\"message\":\"starting cwlink\"}\nnot JSON\n\
                   {\"message\":\"the admin port is open\",\"address\":\"Some(127.0.0.1:40123)\"}\n";
        assert_eq!(admin_port(log), Some(40123));
        assert_eq!(admin_port("{\"message\":\"starting cwlink\"}"), None);
    }
}
