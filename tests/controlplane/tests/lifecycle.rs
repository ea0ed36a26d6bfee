//! A control plane ends completely, however its caller ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use controlplane::{Assets, ControlPlane, Error};

/// Far more than the milliseconds it takes.
const GONE_WITHIN: Duration = Duration::from_mins(1);

fn assets() -> Assets {
    Assets::locate_or_build(&mut |line| eprintln!("{line}")).expect("the binaries are there")
}

/// Process ids of all servers, which are in `<server>.pid`.
fn server_pids(data: &Path) -> Vec<String> {
    let pids: Vec<_> = ["etcd", "kube-apiserver", "kube-controller-manager"]
        .map(|server| {
            fs::read_to_string(data.join(format!("{server}.pid"))).expect("each server has a pid file")
        })
        .iter()
        .map(|pid| pid.trim().to_owned())
        .collect();
    assert!(pids.iter().all(|pid| is_alive(pid)), "all servers run: {pids:?}");
    pids
}

fn is_alive(pid: &str) -> bool {
    // Signal 0 only asks whether the process exists.
    Command::new("sh")
        .args(["-c", "kill -0 \"$1\"", "sh", pid])
        .stderr(Stdio::null())
        .status()
        .expect("sh can be run")
        .success()
}

fn wait_until_gone(data: &Path, pids: &[String]) {
    let started = Instant::now();
    while data.exists() || pids.iter().any(|pid| is_alive(pid)) {
        assert!(started.elapsed() < GONE_WITHIN, "{} or one of {pids:?} is still there", data.display());
        thread::sleep(Duration::from_millis(20));
    }
}

/// `controlplane up`, ready.
struct Up {
    caller: Child,
    data: PathBuf,
    pids: Vec<String>,
}

fn up(arguments: &[&str]) -> Up {
    assets();
    let mut caller = Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .arg("up")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let mut lines = BufReader::new(caller.stdout.take().expect("standard output is piped")).lines();
    let data = lines
        .find_map(|line| line.ok()?.strip_prefix("Logs and keys are in ").map(PathBuf::from))
        .expect("the control plane starts");
    let pids = server_pids(&data);
    Up { caller, data, pids }
}

#[test]
fn nothing_is_left_when_the_caller_is_killed() {
    let mut up = up(&[]);
    // Child::kill sends SIGKILL.
    up.caller.kill().expect("the caller runs");
    up.caller.wait().expect("the caller has ended");
    wait_until_gone(&up.data, &up.pids);
}

#[test]
fn up_ends_cleanly_when_its_standard_input_closes() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let kubeconfig = folder.path().join("kubeconfig");
    let mut up = up(&["--kubeconfig", kubeconfig.to_str().expect("the path is UTF-8")]);
    assert!(kubeconfig.exists());
    drop(up.caller.stdin.take());
    assert!(up.caller.wait().expect("the caller runs").success());
    assert!(!kubeconfig.exists());
    assert!(!up.data.exists());
    assert!(!up.pids.iter().any(|pid| is_alive(pid)));
}

#[test]
fn up_ends_cleanly_on_sigterm() {
    let mut up = up(&[]);
    let kill = Command::new("kill").arg(up.caller.id().to_string()).status().expect("kill can be run");
    assert!(kill.success());
    assert!(up.caller.wait().expect("the caller runs").success());
    assert!(!up.data.exists());
    assert!(!up.pids.iter().any(|pid| is_alive(pid)));
}

#[test]
fn up_never_overwrites_a_kubeconfig() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let kubeconfig = folder.path().join("config");
    fs::write(&kubeconfig, "precious").expect("the folder is writable");
    let output = Command::new(env!("CARGO_BIN_EXE_controlplane"))
        .args(["up", "--kubeconfig"])
        .arg(&kubeconfig)
        .output()
        .expect("the binary can be run");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(message.contains("already exists"), "{message}");
    assert_eq!(fs::read_to_string(&kubeconfig).expect("the file is still there"), "precious");
}

#[test]
fn stop_leaves_no_server_and_no_data() {
    let plane = ControlPlane::start(&assets()).expect("the control plane starts");
    let data = plane.data_dir().to_path_buf();
    let pids = server_pids(&data);
    plane.stop();
    assert!(!data.exists());
    assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
}

#[test]
fn the_api_server_comes_back_on_the_same_port_with_its_data() {
    let plane = ControlPlane::start(&assets()).expect("the control plane starts");
    plane.run_kubectl(&["create", "namespace", "survivor"]).expect("the API answers");

    plane.stop_api_server();
    let error = plane.run_kubectl(&["get", "namespaces"]).expect_err("the API server is stopped");
    assert!(matches!(error, Error::Kubectl { .. }), "{error}");

    plane.start_api_server().expect("the API server starts again");
    plane.run_kubectl(&["get", "namespace", "survivor"]).expect("the data outlived the outage");
}
