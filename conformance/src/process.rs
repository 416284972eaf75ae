//! Third-party processes: started with their own log, waited for, stopped by their id.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The time limit for a server to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(90);

/// The time after SIGTERM until a process is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(20);

/// A process that is stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command with its output in a file. It is killed when the driver ends, for whatever reason.
    pub(crate) fn start(command: &[String], variables: &Variables, log: &Path) -> Result<Self> {
        let file = File::create(log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM"])
            .args(command)
            .env("PATH", path())
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { child, log: log.to_owned() })
    }

    /// Waits until something listens there.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + LISTENS_WITHIN;
        while TcpStream::connect_timeout(&address, LISTENS_WITHIN).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("nothing listens on {address}: {}", fs::read_to_string(&self.log)?);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first, so that workers stop, too. A process that has exited is not an error.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        let deadline = Instant::now() + ENDS_WITHIN;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The search path of programs, with the directory of Debian's servers.
pub(crate) fn path() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Environment variables.
pub(crate) type Variables = Vec<(String, String)>;

/// A free port on loopback. Below the system's ephemeral range, and each only once, so that no other
/// process takes it before the server does.
pub(crate) fn free_port() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORTS {
        let offset =
            std::process::id().wrapping_mul(64).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST_PORT + u16::try_from(offset % PORTS)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of {FIRST_PORT} and the {PORTS} behind it is free")
}

/// The ports that are tried.
const FIRST_PORT: u16 = 20_000;
const PORTS: u32 = 12_000;

/// Runs a command to its end with a time limit; returns the exit code and all output.
pub(crate) fn run(
    command: &[String],
    variables: &Variables,
    within: Duration,
) -> Result<(Option<i32>, String)> {
    let log = tempfile::NamedTempFile::new()?;
    let mut process = Process::start(command, variables, log.path())?;
    let deadline = Instant::now() + within;
    let status = loop {
        if let Some(status) = process.child.try_wait()? {
            break status;
        }
        ensure!(Instant::now() < deadline, "{command:?} takes longer than {within:?}");
        thread::sleep(POLL);
    };
    let said = String::from_utf8_lossy(&fs::read(log.path())?).into_owned();
    Ok((status.code(), said))
}

/// A command's words.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
