//! The four binaries of a control plane: found where `KUBEBUILDER_ASSETS` points, found in the cache, or
//! built.

mod go;
mod module;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{self, Path, PathBuf};
use std::time::Instant;

use crate::Error;
use go::Go;

/// A program that is built from `go.mod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    Kubectl,
}

impl Program {
    const ALL: [Self; 4] = [Self::Etcd, Self::KubeApiserver, Self::KubeControllerManager, Self::Kubectl];

    /// What envtest (`setup-envtest`) puts into `KUBEBUILDER_ASSETS`; kube-controller-manager is not part of
    /// it.
    const ENVTEST: [Self; 3] = [Self::Etcd, Self::KubeApiserver, Self::Kubectl];

    fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
        }
    }

    /// The main package, as in the `tool` lines of `go.mod`.
    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
        }
    }

    /// What to expect of a first build on two cores, when built in the order of [`ALL`](Self::ALL): later
    /// programs reuse packages of earlier ones.
    fn usual_build_time(self) -> &'static str {
        match self {
            Self::Etcd => "half a minute",
            Self::KubeApiserver => "two minutes",
            Self::KubeControllerManager => "40 seconds",
            Self::Kubectl => "15 seconds",
        }
    }
}

/// Where the binaries of a control plane are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    folder: PathBuf,
    controller_manager_folder: PathBuf,
}

impl Assets {
    /// Finds the binaries, and builds those that are missing: once for each `go.mod`, about four minutes on
    /// two cores.
    ///
    /// `KUBEBUILDER_ASSETS`, when set, wins (<https://book.kubebuilder.io/reference/envtest>). If only
    /// kube-controller-manager is absent there, that alone is built; it should then not be newer than the API
    /// server there (<https://kubernetes.io/releases/version-skew-policy/>). Otherwise all binaries are
    /// kept in `$CWLINK_CACHE`, `$XDG_CACHE_HOME/cwlink` or `~/.cache/cwlink`, so that checkouts share them.
    /// `progress` gets a line for whatever takes longer than a moment.
    ///
    /// # Errors
    ///
    /// A binary is absent from `KUBEBUILDER_ASSETS`, or must be built and Go is absent, too old or fails, or
    /// the cache folder cannot be written.
    pub fn locate_or_build(progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        Locator::from_environment().locate_or_build(progress)
    }

    /// The folder that holds kubectl, kube-apiserver and etcd, fit for `PATH`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.folder.join(Program::Etcd.name())
    }

    pub(crate) fn kube_apiserver(&self) -> PathBuf {
        self.folder.join(Program::KubeApiserver.name())
    }

    pub(crate) fn kube_controller_manager(&self) -> PathBuf {
        self.controller_manager_folder.join(Program::KubeControllerManager.name())
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.folder.join(Program::Kubectl.name())
    }
}

/// Where to look for binaries, and with what to build them.
struct Locator {
    kubebuilder_assets: Option<PathBuf>,
    cache: Option<PathBuf>,
    go: OsString,
}

impl Locator {
    fn from_environment() -> Self {
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |path: PathBuf| path::absolute(&path).unwrap_or(path);
        let cache = variable("CWLINK_CACHE")
            .map(absolute)
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| absolute(folder).join("cwlink")))
            .or_else(|| variable("HOME").map(|home| absolute(home).join(".cache/cwlink")));
        Self { kubebuilder_assets: variable("KUBEBUILDER_ASSETS").map(absolute), cache, go: "go".into() }
    }

    fn locate_or_build(&self, progress: &mut dyn FnMut(&str)) -> Result<Assets, Error> {
        let Some(provided) = &self.kubebuilder_assets else {
            let folder = self.build_missing(&Program::ALL, progress)?;
            return Ok(Assets { controller_manager_folder: folder.clone(), folder });
        };
        let missing = absent_from(provided, &Program::ENVTEST);
        if !missing.is_empty() {
            let missing = missing.into_iter().map(Program::name).collect();
            return Err(Error::MissingAssets { folder: provided.clone(), missing });
        }
        let controller_manager = [Program::KubeControllerManager];
        let controller_manager_folder = if absent_from(provided, &controller_manager).is_empty() {
            provided.clone()
        } else {
            self.build_missing(&controller_manager, progress)?
        };
        Ok(Assets { folder: provided.clone(), controller_manager_folder })
    }

    /// Returns the cache folder once it holds every one of `wanted`.
    fn build_missing(&self, wanted: &[Program], progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
        let folder = self.cache.as_ref().ok_or(Error::NoCacheFolder)?.join(module::cache_key());
        if absent_from(&folder, wanted).is_empty() {
            return Ok(folder);
        }
        fs::create_dir_all(&folder).map_err(Error::io("creating", &folder))?;
        // The system frees the lock when its holder dies, so a killed build never blocks the next one.
        let _lock = lock(&folder.join("lock"), progress)?;
        let missing = absent_from(&folder, wanted);
        if missing.is_empty() {
            progress(&format!("using the binaries that are now in {}", folder.display()));
            return Ok(folder);
        }
        self.build(&missing, &folder, progress)?;
        Ok(folder)
    }

    /// Builds `programs` one after another: two links of Kubernetes at once need more memory than small
    /// machines have.
    fn build(
        &self,
        programs: &[Program],
        folder: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let go = Go::new(&self.go, programs)?;
        remove_leftovers(folder)?;
        let workspace = tempfile::Builder::new()
            .prefix(BUILD_PREFIX)
            .tempdir_in(folder)
            .map_err(Error::io("creating a build folder in", folder))?;
        module::write_into(workspace.path())?;
        for (index, program) in programs.iter().enumerate() {
            let (name, position) = (program.name(), format!("{} of {}", index + 1, programs.len()));
            progress(&format!(
                "building {name} ({position}, usually about {} on two cores)",
                program.usual_build_time()
            ));
            let started = Instant::now();
            let built = workspace.path().join(name);
            go.build(*program, workspace.path(), &built)?;
            // A rename is whole or not at all: what has its final name is complete, even after a kill or a
            // full disk.
            fs::rename(&built, folder.join(name)).map_err(Error::io("moving into place", &built))?;
            progress(&format!("built {name} in {} s", started.elapsed().as_secs()));
        }
        Ok(())
    }
}

/// Starts the name of every build folder, by which the leftover of a killed build is known.
const BUILD_PREFIX: &str = "build-";

/// Removes the build folders of killed builds; only the holder of the lock may do this.
fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io("listing", folder))? {
        let entry = entry.map_err(Error::io("listing", folder))?;
        if entry.file_name().to_string_lossy().starts_with(BUILD_PREFIX) {
            fs::remove_dir_all(entry.path()).map_err(Error::io("removing", entry.path()))?;
        }
    }
    Ok(())
}

fn absent_from(folder: &Path, programs: &[Program]) -> Vec<Program> {
    programs.iter().copied().filter(|program| !folder.join(program.name()).is_file()).collect()
}

fn lock(path: &Path, progress: &mut dyn FnMut(&str)) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::io("creating", path))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => progress("waiting for another build of the control plane to end"),
        Err(TryLockError::Error(error)) => return Err(Error::io("locking", path)(error)),
    }
    file.lock().map_err(Error::io("locking", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
