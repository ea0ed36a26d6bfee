//! One server process, which never outlives its caller.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::data_dir::DataDir;
use crate::error::last_lines;

const WATCHDOG: &str = include_str!("watchdog.sh");

/// How much of a server's log an error shows.
const SHOWN_LINES: usize = 15;

/// A call of `program`, to which arguments can be added, that never outlives its caller: it is killed as soon as the
/// spawned child's standard input is closed, on purpose or because the caller died. Its process id is in `pid_file`
/// while it runs, and the child ends with its exit status.
///
/// It has no standard input, and a process group of its own: Ctrl-C on a terminal is for the caller, which stops what it
/// started in order.
#[must_use]
pub fn tethered(program: &Path, pid_file: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(pid_file)
        .arg(program)
        .process_group(0)
        .stdin(Stdio::piped());
    command
}

/// A running server. Dropping it kills the server; so does the death of the caller, even by SIGKILL, because
/// the server runs under a shell that reads a pipe held by the caller. (`PR_SET_PDEATHSIG` would tie it to
/// the *thread* that started it, and test threads end early.)
///
/// Servers are killed rather than asked to end: all they could save is removed next, and an API server that
/// loses etcd while it shuts down hangs for about ten seconds.
pub(crate) struct Server {
    name: &'static str,
    log: PathBuf,
    watchdog: Child,
}

impl Server {
    /// Starts `program`; its process id is in `<name>.pid` and its log is appended to `<name>.log`.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        data: &DataDir,
    ) -> Result<Self, Error> {
        let log = data.join(&format!("{name}.log"));
        let log_file =
            File::options().create(true).append(true).open(&log).map_err(Error::io("opening", &log))?;
        let watchdog = tethered(program, &data.join(&format!("{name}.pid")))
            .args(arguments)
            .current_dir(data.path())
            .stdout(data.in_use()?)
            .stderr(log_file)
            .spawn()
            .map_err(Error::io("running", "sh"))?;
        Ok(Self { name, log, watchdog })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Fails if the server has ended.
    pub(crate) fn check_alive(&mut self) -> Result<(), Error> {
        match self.watchdog.try_wait().map_err(Error::io("looking after", self.name))? {
            None => Ok(()),
            Some(_) => Err(Error::ServerEnded { server: self.name, log: self.last_log_lines() }),
        }
    }

    pub(crate) fn last_log_lines(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&log), SHOWN_LINES)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Nobody is left to tell when this fails: the watchdog goes on without us.
        let _ = self.watchdog.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    const WAIT_AT_MOST: Duration = Duration::from_mins(1);

    fn shell(script: &str, data: &DataDir) -> Server {
        let arguments = ["-c", script].map(ToOwned::to_owned);
        Server::start("shell", Path::new("sh"), &arguments, data).expect("sh can be run")
    }

    fn wait_for_file(path: &Path) {
        let started = Instant::now();
        while !path.exists() {
            assert!(started.elapsed() < WAIT_AT_MOST, "{} is not there", path.display());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_end(server: &mut Server) -> Error {
        let started = Instant::now();
        loop {
            match server.check_alive() {
                Ok(()) => assert!(started.elapsed() < WAIT_AT_MOST, "the server still runs"),
                Err(error) => return error,
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_server_that_ends_by_itself_is_an_error_with_the_end_of_its_log() {
        let data = DataDir::create().expect("a folder can be made");
        let mut server = shell("echo no such flag >&2; exit 1", &data);
        let error = wait_for_end(&mut server);
        assert_eq!(error.to_string(), "shell ended by itself, the last lines of its log were:\nno such flag");
        assert!(!error.is_port_taken());
    }

    #[test]
    fn a_port_that_another_process_took_is_told_from_other_failures() {
        let data = DataDir::create().expect("a folder can be made");
        let mut server =
            shell("echo 'listen tcp 127.0.0.1:1: bind: address already in use' >&2; exit 1", &data);
        assert!(wait_for_end(&mut server).is_port_taken());
    }

    #[test]
    fn dropping_ends_even_a_server_that_ignores_signals() {
        let data = DataDir::create().expect("a folder can be made");
        let stubborn = "trap '' INT TERM HUP; : >ready; while :; do sleep 0.01; done";
        let server = shell(stubborn, &data);
        let pid_file = data.join("shell.pid");
        wait_for_file(&data.join("ready"));
        wait_for_file(&pid_file);
        drop(server);
        assert!(!pid_file.exists(), "the watchdog removes it after the server has ended");
    }

    #[test]
    fn the_data_stay_when_a_server_ends_and_go_with_their_folder() {
        let data = DataDir::create().expect("a folder can be made");
        let path = data.path().to_path_buf();
        let server = shell("while :; do sleep 0.01; done", &data);
        drop(server);
        assert!(path.exists());
        drop(data);
        assert!(!path.exists());
    }
}
