//! The folder that holds every file of one control plane.

use std::fs::OpenOptions;
use std::io::{PipeWriter, Write as _, pipe};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Error;

const SWEEPER: &str = include_str!("sweeper.sh");

/// A folder that only its owner can read, and that is removed when this value is dropped and when the caller
/// dies, by SIGKILL too: a small shell process waits until the caller and all servers have gone, and then
/// removes it.
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held open by this value and by each server; `None` only while dropping.
    in_use: Option<PipeWriter>,
    sweeper: Child,
}

impl DataDir {
    pub(crate) fn create() -> Result<Self, Error> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix("cwlink-controlplane-")
            .tempdir()
            .map_err(Error::io("creating a folder in", &temporary))?;
        let (pipe_end, in_use) = pipe().map_err(Error::io("opening a pipe for", folder.path()))?;
        let sweeper = Command::new("sh")
            .args(["-c", SWEEPER, "sweeper"])
            .arg(folder.path())
            .current_dir("/")
            // Ctrl-C reaches the whole process group of the terminal; the sweeper has to survive it.
            .process_group(0)
            .stdin(pipe_end)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("running", "sh"))?;
        Ok(Self { path: folder.keep(), in_use: Some(in_use), sweeper })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Something to pass to a server, for as long as whose life the folder must stay.
    pub(crate) fn in_use(&self) -> Result<Stdio, Error> {
        let pipe = self.in_use.as_ref().expect("the pipe is open until the folder is dropped");
        pipe.try_clone().map(Stdio::from).map_err(Error::io("sharing the pipe of", &self.path))
    }

    /// Writes a new file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("creating", &path))?;
        file.write_all(text.as_bytes()).map_err(Error::io("writing", &path))?;
        Ok(path)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        self.in_use = None;
        // Nobody is left to tell when this fails: the sweeper goes on without us.
        let _ = self.sweeper.wait();
    }
}
