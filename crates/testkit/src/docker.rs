//! A Docker Engine of a test's own, for a test that runs in namespaces of its own: its images, networks and containers
//! end with them, and touch nothing of the machine's.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::teal::signal_process;
use crate::wait::{wait_for_ok, wait_until};

/// The time for the start of the Engine, for its end, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An Engine that runs.
#[derive(Debug)]
pub struct DockerEngine {
    folder: TempDir,
    flags: Vec<String>,
    child: Child,
}

impl DockerEngine {
    /// Returns the reason why no Engine can be started here, if there is one.
    pub fn missing() -> Option<String> {
        let asked = program().arg("--version").output();
        asked.err().map(|error| format!("dockerd cannot be run: {error}"))
    }

    /// Starts an Engine with further flags, and waits until it answers.
    #[track_caller]
    pub fn start(further: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let child = spawn(folder.path(), further);
        let flags = further.iter().map(|flag| (*flag).to_owned()).collect();
        let engine = Self { folder, flags, child };
        engine.wait_answers();
        engine
    }

    /// Kills it. With `--live-restore` its containers run on.
    pub fn kill(&mut self) {
        drop(self.child.kill()); // or it has ended already
        drop(self.child.wait());
        self.forget_containerd();
    }

    /// Waits for the end of its containerd, which the kernel kills with it. The first process of the namespace may not
    /// wait for strangers, and what nobody has waited for is taken for running by the next Engine, unless its file is
    /// gone.
    fn forget_containerd(&self) {
        let file = self.folder.path().join("exec/containerd/containerd.pid");
        let Ok(pid) = fs::read_to_string(&file) else { return };
        let stat = format!("/proc/{}/stat", pid.trim());
        wait_until(PATIENCE, "containerd has ended", || {
            fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
        });
        fs::remove_file(file).expect("it is ours");
    }

    /// Starts it again after [`Self::kill`], and waits until it answers.
    #[track_caller]
    pub fn start_again(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.child = spawn(self.folder.path(), &flags);
        self.wait_answers();
    }

    /// The folder of the Engine, for files of the test as well.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The socket of its API.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// Sends a request to its API and returns the whole answer; `None` unless it succeeds.
    pub fn call(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let length = body.len();
        let head = format!(
            "{method} /v1.41{path} HTTP/1.1\r\nHost: docker\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.starts_with("HTTP/1.1 2").then_some(answer)
    }

    /// The log of the engine so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    #[track_caller]
    fn wait_answers(&self) {
        let answers = || self.call("GET", "/_ping", "text/plain", b"").ok_or_else(|| self.log());
        wait_for_ok(PATIENCE, "dockerd answers", answers);
    }
}

impl Drop for DockerEngine {
    fn drop(&mut self) {
        signal_process(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(20)); // until it has ended
        }
        drop(self.child.kill()); // if it is still there; what it leaves ends with the namespace
    }
}

fn program() -> Command {
    let mut daemon = Command::new("dockerd");
    let path = std::env::var("PATH").unwrap_or_default();
    daemon.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    daemon
}

fn spawn(folder: &Path, further: &[&str]) -> Child {
    let place = |name: &str| folder.join(name);
    let log = fs::File::options().create(true).append(true).open(place("log")).expect("a file");
    program()
        .arg("--storage-driver=vfs")
        .args([Path::new("--data-root"), &place("data")])
        .args([Path::new("--exec-root"), &place("exec")])
        .args([Path::new("--pidfile"), &place("pid")])
        .arg(format!("--host=unix://{}", place("sock").display()))
        .args(further)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("dockerd starts")
}
