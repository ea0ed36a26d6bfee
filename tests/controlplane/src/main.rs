//! Builds and runs a control plane from the command line.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use clap::{Parser, Subcommand};
use controlplane::{Assets, ControlPlane};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A real Kubernetes control plane (etcd, kube-apiserver, kube-controller-manager) on loopback, without nodes
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Build the binaries if they are missing (needs Go, takes minutes), and print the folder they are in
    #[command(after_help = BUILD_NOTES)]
    Build,
    /// Run a control plane until Ctrl-C, SIGTERM, or the end of standard input when that is not a terminal
    ///
    /// All servers and their data are gone afterwards, even if this process is killed.
    Up {
        /// Also write the administrator's kubeconfig to this new file, and remove it at the end
        #[arg(long, value_name = "PATH")]
        kubeconfig: Option<PathBuf>,
    },
}

const BUILD_NOTES: &str = "\
The binaries are kept in $CWLINK_CACHE, $XDG_CACHE_HOME/cwlink or ~/.cache/cwlink.
Set KUBEBUILDER_ASSETS to use envtest's binaries instead.";

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Action::Build => build(),
        Action::Up { kubeconfig } => up(kubeconfig.as_deref()),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprint!("controlplane: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
    ExitCode::FAILURE
}

fn build() -> Result<(), Box<dyn Error>> {
    let assets = locate_or_build()?;
    println!("{}", assets.folder().display());
    Ok(())
}

fn up(kubeconfig: Option<&Path>) -> Result<(), Box<dyn Error>> {
    if let Some(path) = kubeconfig.filter(|path| path.exists()) {
        return Err(format!("{} already exists: remove it or choose another path", path.display()).into());
    }
    let plane = ControlPlane::start(&locate_or_build()?)?;
    let copy = kubeconfig.map(|path| KubeconfigCopy::write(&plane, path)).transpose()?;
    let shown = path::absolute(kubeconfig.unwrap_or(plane.admin_kubeconfig()))?;
    println!("Kubernetes answers on {}. In another terminal:", plane.url());
    println!();
    println!("  export KUBECONFIG={}", shown.display());
    println!("  {} get namespaces", plane.kubectl().display());
    println!();
    println!("Logs and keys are in {}", plane.data_dir().display());
    println!("Ctrl-C stops it and removes all data");
    io::stdout().flush()?;
    wait_for_end()?;
    drop(copy);
    plane.stop();
    Ok(())
}

fn locate_or_build() -> Result<Assets, controlplane::Error> {
    Assets::locate_or_build(&mut |line| eprintln!("{line}"))
}

/// Returns on SIGINT, SIGTERM, or when whoever holds the other end of standard input lets go of it.
fn wait_for_end() -> io::Result<()> {
    let (end, ended) = mpsc::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let signalled = end.clone();
    thread::spawn(move || {
        // A failed send means that the other thread was first.
        signals.forever().next().map(|_| signalled.send(()))
    });
    // A background job that reads from its terminal would be suspended, and Ctrl-C does for a terminal.
    if !io::stdin().is_terminal() {
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            end.send(())
        });
    }
    // It cannot fail, because the first thread keeps its sender until a signal arrives.
    let _ = ended.recv();
    Ok(())
}

/// The administrator's kubeconfig where the user wants it, for as long as it is of use.
struct KubeconfigCopy(PathBuf);

impl KubeconfigCopy {
    /// Never overwrites, even what came into being since the first check: it might be the user's own
    /// `~/.kube/config`.
    fn write(plane: &ControlPlane, path: &Path) -> io::Result<Self> {
        let text = fs::read(plane.admin_kubeconfig())?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
                io::Error::new(error.kind(), format!("creating {} failed: {error}", path.display()))
            })?;
        file.write_all(&text)?;
        Ok(Self(path.to_path_buf()))
    }
}

impl Drop for KubeconfigCopy {
    fn drop(&mut self) {
        // The user may have removed it already.
        let _ = fs::remove_file(&self.0);
    }
}
