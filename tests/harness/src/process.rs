//! The operator's process, which never outlives its caller.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crate::{Error, PATIENCE, Result, wait_for};

/// How much of the log an error shows.
const SHOWN_LINES: usize = 20;

/// How a process is started; the same each time.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// All there is, besides `PATH`: nothing of whoever runs the test gets in.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Where its log is appended; beside it stands the file with its process id.
    pub(crate) log: PathBuf,
    /// The reader of its log goes away after the first line with this text, as `| head` does.
    pub(crate) log_until: Option<&'static str>,
}

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What it has now.
    pub resident: u64,
    /// The most that it ever had.
    pub peak: u64,
}

/// A started process. Dropping it kills the process; so does the death of the caller.
pub(crate) struct Process {
    tether: Child,
    pid_file: PathBuf,
    log: PathBuf,
    /// Size of the log when this process began.
    log_start: usize,
}

impl Launch {
    pub(crate) fn start(&self) -> Result<Process> {
        let pid_file = self.log.with_extension("pid");
        let log = &self.log;
        let log_file =
            File::options().create(true).append(true).open(log).map_err(Error::io("opening", log))?;
        let log_start = read_log(log).len();
        let lines = log_file.try_clone().map_err(Error::io("opening", log))?;
        let stderr = if self.log_until.is_some() { Stdio::piped() } else { Stdio::from(lines) };
        let mut tether = controlplane::tethered(&self.program, &pid_file)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(log_file.try_clone().map_err(Error::io("opening", log))?)
            .stderr(stderr)
            .spawn()
            .map_err(Error::io("running", &self.program))?;
        if let (Some(last), Some(stderr)) = (self.log_until, tether.stderr.take()) {
            thread::spawn(move || copy_until(last, stderr, log_file));
        }
        Ok(Process { tether, pid_file, log: log.clone(), log_start })
    }
}

impl Process {
    /// Everything that this process has logged so far.
    pub(crate) fn log(&self) -> String {
        read_log(&self.log).split_off(self.log_start)
    }

    /// Fails if the process has ended.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.tether.try_wait().map_err(Error::io("looking after", &self.log))? {
            None => Ok(()),
            Some(status) => {
                Err(Error::OperatorEnded { status: status.to_string(), log: last_lines(&self.log()) })
            }
        }
    }

    /// Asks it to end as the kubelet does, and returns how it ended.
    pub(crate) fn terminate(mut self) -> Result<ExitStatus> {
        self.signal("-TERM")?;
        self.wait()
    }

    /// Stops all its threads where they are, or lets them go on.
    pub(crate) fn freeze(&mut self, frozen: bool) -> Result<()> {
        self.signal(if frozen { "-STOP" } else { "-CONT" })
    }

    /// How much memory it has.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let path = PathBuf::from(format!("/proc/{}/status", self.id()?));
        let status = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        let kib = |field: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        };
        let unreadable = || Error::Unreadable {
            what: "the memory of the operator".to_owned(),
            problem: "the system does not tell it as Linux does".to_owned(),
        };
        let (resident, peak) = kib("VmRSS").zip(kib("VmHWM")).ok_or_else(unreadable)?;
        Ok(Memory { resident: resident << 10, peak: peak << 10 })
    }

    fn id(&self) -> Result<String> {
        wait_for("the operator's process id", || {
            let pid = fs::read_to_string(&self.pid_file).map_err(|error| error.to_string())?;
            if pid.ends_with('\n') { Ok(pid.trim().to_owned()) } else { Err(format!("half of it: {pid:?}")) }
        })
    }

    fn signal(&mut self, signal: &str) -> Result<()> {
        let pid = self.id()?;
        let kill =
            Command::new("kill").args([signal, &pid]).status().map_err(Error::io("running", "kill"))?;
        if !kill.success() {
            self.check_alive()?;
        }
        Ok(())
    }

    /// Waits until it ends by itself, and returns how.
    pub(crate) fn wait(mut self) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.tether.try_wait().map_err(Error::io("awaiting", &self.log))? {
                return Ok(status);
            }
            if started.elapsed() > PATIENCE {
                return Err(Error::NotInTime {
                    what: "the operator ends".to_owned(),
                    seconds: PATIENCE.as_secs(),
                    last: last_lines(&self.log()),
                });
            }
            thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.tether.stdin.take());
        // Nobody is left to tell when this fails: the tether goes on without us.
        let _ = self.tether.wait();
    }
}

/// Copies lines up to the first with this text, and closes the pipe.
fn copy_until(last: &str, pipe: ChildStderr, mut log: File) {
    for line in BufReader::new(pipe).lines().map_while(std::result::Result::ok) {
        // A log that cannot be written fails the test that waits for its lines.
        let _ = writeln!(log, "{line}");
        if line.contains(last) {
            return;
        }
    }
}

fn read_log(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
