//! A Kubernetes API server of the test's own, with the CRD installed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use controlplane::{Assets, AuditEvent, ControlPlane};
use serde_json::Value;

use crate::admin_api::{self, AdminApi};
use crate::install::CRD;
use crate::{Error, LinkWatch, PATIENCE, Result, Status, wait_for};

/// What kubectl answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Whether it was content.
    pub success: bool,
}

/// A control plane with the CRD installed. Everything is done as its administrator: what a person does, by kubectl; what
/// only arranges and waits, by HTTP.
pub struct Cluster {
    plane: ControlPlane,
    api: AdminApi,
}

impl Cluster {
    /// Starts a control plane and installs the CRD. `progress` gets a line for whatever takes longer than a moment: the
    /// first start on a machine builds Kubernetes.
    ///
    /// # Errors
    ///
    /// It cannot be built or started, or refuses the CRD.
    pub fn start(progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let plane = ControlPlane::start(&Assets::locate_or_build(progress)?)?;
        let api = AdminApi::new(plane.admin_kubeconfig())?;
        let cluster = Self { plane, api };
        cluster.apply_server_side("default", CRD, "harness")?;
        cluster
            .kubectl(&["wait", "--for=condition=Established", "--timeout=120s", "--filename=-"], Some(CRD))?;
        Ok(cluster)
    }

    /// The control plane itself: outages, kubeconfigs, its folder.
    #[must_use]
    pub fn plane(&self) -> &ControlPlane {
        &self.plane
    }

    /// The API server without kubectl.
    #[must_use]
    pub fn api(&self) -> &AdminApi {
        &self.api
    }

    pub(crate) fn folder(&self) -> &Path {
        self.plane.data_dir()
    }

    /// A call of kubectl as administrator, without arguments.
    #[must_use]
    pub fn kubectl_command(&self) -> Command {
        self.plane.kubectl_command()
    }

    /// Runs kubectl, with `stdin` where it is given, whatever it answers.
    ///
    /// # Errors
    ///
    /// kubectl cannot be run.
    pub fn try_kubectl(&self, arguments: &[&str], stdin: Option<&str>) -> Result<Output> {
        let mut command = self.kubectl_command();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut kubectl = command.spawn().map_err(Error::io("running", "kubectl"))?;
        if let (Some(mut pipe), Some(text)) = (kubectl.stdin.take(), stdin) {
            // It may end without reading all of it, and says why.
            let _ = pipe.write_all(text.as_bytes());
        }
        let output = kubectl.wait_with_output().map_err(Error::io("awaiting", "kubectl"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Ok(Output {
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            success: output.status.success(),
        })
    }

    /// Runs kubectl, with `stdin` where it is given, and returns its standard output.
    ///
    /// # Errors
    ///
    /// kubectl cannot be run, or says no.
    pub fn kubectl(&self, arguments: &[&str], stdin: Option<&str>) -> Result<String> {
        let Output { stdout, stderr, success } = self.try_kubectl(arguments, stdin)?;
        if success { Ok(stdout) } else { Err(Error::Kubectl { arguments: arguments.join(" "), stderr }) }
    }

    /// Runs kubectl with `--output=json`.
    ///
    /// # Errors
    ///
    /// kubectl says no.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--output=json"]).collect();
        let text = self.kubectl(&arguments, None)?;
        serde_json::from_str(&text).map_err(Error::unreadable("kubectl's JSON"))
    }

    /// `kubectl apply` of one or several manifests in a namespace.
    ///
    /// # Errors
    ///
    /// The API server refuses one.
    pub fn apply(&self, namespace: &str, yaml: &str) -> Result<()> {
        self.kubectl(&["apply", "--namespace", namespace, "--filename=-"], Some(yaml)).map(drop)
    }

    /// `kubectl apply --server-side` with this field manager.
    ///
    /// # Errors
    ///
    /// The API server refuses one, or another manager holds a field.
    pub fn apply_server_side(&self, namespace: &str, yaml: &str, field_manager: &str) -> Result<()> {
        let manager = format!("--field-manager={field_manager}");
        let arguments = ["apply", "--server-side", &manager, "--namespace", namespace, "--filename=-"];
        self.kubectl(&arguments, Some(yaml)).map(drop)
    }

    /// Merges `patch` into a link.
    ///
    /// # Errors
    ///
    /// The API server refuses it.
    pub fn patch(&self, namespace: &str, name: &str, patch: &Value) -> Result<()> {
        self.api.patch(&admin_api::link(namespace, name), patch)
    }

    /// Makes a namespace, if there is none of that name.
    ///
    /// # Errors
    ///
    /// The API server refuses it.
    pub fn create_namespace(&self, name: &str) -> Result<()> {
        let namespace =
            serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.apply_server_side("default", &namespace.to_string(), "harness")
    }

    /// Deletes a link, if it is there, without waiting for its end.
    ///
    /// # Errors
    ///
    /// The API server refuses it.
    pub fn delete(&self, namespace: &str, name: &str) -> Result<()> {
        self.api.delete(&admin_api::link(namespace, name))
    }

    /// A link as it is now.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn link(&self, namespace: &str, name: &str) -> Result<Value> {
        let path = admin_api::link(namespace, name);
        self.api.get(&path)?.ok_or_else(|| Error::Http {
            method: "GET",
            url: path,
            problem: "there is no such link".to_owned(),
        })
    }

    /// The status of a link as it is now.
    ///
    /// # Errors
    ///
    /// There is no such link.
    pub fn status(&self, namespace: &str, name: &str) -> Result<Status> {
        self.link(namespace, name).map(|link| Status::of(&link))
    }

    /// The events of a namespace that this field selector picks, such as `reason=FleetHold`.
    ///
    /// # Errors
    ///
    /// The API server does not answer.
    pub fn events(&self, namespace: &str, selector: &str) -> Result<Vec<Value>> {
        let selector = selector.replace('=', "%3D").replace(',', "%2C");
        let path = format!("/api/v1/namespaces/{namespace}/events?fieldSelector={selector}");
        let list = self.api.get(&path)?.unwrap_or_default();
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// Follows a link through all its states.
    ///
    /// # Errors
    ///
    /// Never: a watch that cannot begin ends at once.
    pub fn watch(&self, namespace: &str, name: &str) -> Result<LinkWatch> {
        Ok(LinkWatch::start(&self.api, namespace, name))
    }

    /// Waits until the status of a link is as wanted, and returns it. A status that still judges an earlier generation of
    /// the spec does not count. Outages of the API server meanwhile are waited through.
    ///
    /// # Errors
    ///
    /// [`Error::NotInTime`] after [`PATIENCE`], with the last state.
    pub fn wait_until(
        &self,
        namespace: &str,
        name: &str,
        what: &str,
        mut is_wanted: impl FnMut(&Status) -> bool,
    ) -> Result<Status> {
        let started = Instant::now();
        let left = || PATIENCE.saturating_sub(started.elapsed());
        let mut last = "nothing".to_owned();
        while !left().is_zero() {
            let mut watch = self.watch(namespace, name)?;
            loop {
                let link = match watch.next(left()) {
                    Ok(link) => link,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        // The API server is away, and the watch ended at once.
                        thread::sleep(Duration::from_millis(200));
                        break;
                    }
                };
                let status = Status::of(&link);
                if is_current(&link) && is_wanted(&status) {
                    return Ok(status);
                }
                last = format!("generation {}, status {status}", link["metadata"]["generation"]);
            }
        }
        let what = format!("cwlink {namespace}/{name}: {what}");
        Err(Error::NotInTime { what, seconds: PATIENCE.as_secs(), last })
    }

    /// Waits until a condition has this status and reason, and returns the whole status.
    ///
    /// # Errors
    ///
    /// As [`wait_until`](Self::wait_until).
    pub fn wait_for_condition(
        &self,
        namespace: &str,
        name: &str,
        (type_, status, reason): (&str, &str, &str),
    ) -> Result<Status> {
        let what = format!("{type_} is {status}/{reason}");
        self.wait_until(namespace, name, &what, |now| now.is(type_, status, reason))
    }

    /// Waits until a link is gone.
    ///
    /// # Errors
    ///
    /// It is still there after [`PATIENCE`].
    pub fn wait_gone(&self, namespace: &str, name: &str) -> Result<()> {
        let path = admin_api::link(namespace, name);
        wait_for(&format!("cwlink {namespace}/{name} is gone"), || match self.api.get(&path) {
            Ok(None) => Ok(()),
            Ok(Some(link)) => Err(link["status"].to_string()),
            Err(error) => Err(error.to_string()),
        })
    }

    /// Every call of this user to the API server so far, in the order in which they ended.
    ///
    /// # Errors
    ///
    /// The record cannot be read.
    pub fn calls_by(&self, user: &str) -> Result<Vec<AuditEvent>> {
        Ok(self.plane.audit_events_by(user)?)
    }

    /// The changes among them, those that were refused too.
    ///
    /// # Errors
    ///
    /// The record cannot be read.
    pub fn writes_by(&self, user: &str) -> Result<Vec<AuditEvent>> {
        let mut events = self.calls_by(user)?;
        events.retain(AuditEvent::is_write);
        Ok(events)
    }
}

/// Whether the status judges the spec as it is now.
fn is_current(link: &Value) -> bool {
    link["status"]["observedGeneration"] == link["metadata"]["generation"]
}
