//! Processes of others: started with a log of their own, waited for, ended by their id.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// A server must listen after this time.
const LISTENS_WITHIN: Duration = Duration::from_secs(90);

/// A process that has not ended so long after SIGTERM is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(20);

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it says goes into a file. It ends with the driver, however that ends.
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
        // SIGTERM first, so that workers end too. One that is gone already is not a fault.
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

/// Search path of programs, with the directory in which Debian installs servers.
pub(crate) fn path() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Variables of an environment.
pub(crate) type Variables = Vec<(String, String)>;

/// A port of loopback that nobody listens on. Below those that the system gives to connections, and
/// each only once, so that nobody takes it before the server does.
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

/// The ports that are looked at.
const FIRST_PORT: u16 = 20_000;
const PORTS: u32 = 12_000;

/// Runs a command to its end, at most for so long; the exit code and all that it printed.
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
