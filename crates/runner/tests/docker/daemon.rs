//! A Docker Engine of a test's own: its images, networks and containers live in namespaces that end with the test, and
//! touch nothing of the machine's.
//!
//! A test runs itself again inside, which needs root and `dockerd`; without them, it says that it was skipped.

use std::fs;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::TempDir;

const INSIDE: &str = "TEAL_TEST_NAMESPACE";
/// The time for the start of the Engine, for its end, and for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The Engine.
pub(crate) struct Daemon {
    folder: TempDir,
    child: Child,
}

/// Runs a test of the module `containers` with an Engine of its own.
pub(crate) fn with_daemon<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Daemon) -> F) {
    if is_inside(test) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(body(Daemon::start()));
    }
}

fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let skipped = |why: &str| skip(&format!("{test} is skipped: {why}"));
    if !getuid().is_root() {
        skipped("it needs root for namespaces of its own");
        return false;
    }
    if let Err(error) = dockerd().arg("--version").output() {
        skipped(&format!("dockerd cannot be run: {error}"));
        return false;
    }
    let itself = std::env::current_exe().expect("the test has a file");
    let script = format!(
        "set -e; ip link set lo up; mount -t tmpfs none /run; \
         exec {} containers::{test} --exact --nocapture",
        itself.display()
    );
    // All that is started in here ends with the first process.
    let run = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["timeout", "120", "sh", "-c", &script])
        .env(INSIDE, "1")
        .output();
    match run {
        Err(error) => skipped(&format!("unshare cannot be run: {error}")),
        Ok(run) => {
            let said =
                [run.stdout, run.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
            if said[1].contains("unshare: ") {
                skipped(&said[1]);
            } else {
                assert!(run.status.success(), "{}{}", said[0], said[1]);
                assert!(said[0].contains("1 passed"), "{}", said[0]);
            }
        }
    }
    false
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
fn skip(why: &str) {
    eprintln!("{why}");
}

fn dockerd() -> Command {
    let mut daemon = Command::new("dockerd");
    let path = std::env::var("PATH").unwrap_or_default();
    daemon.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    daemon
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        let log = fs::File::create(place("log")).expect("a file");
        let child = dockerd()
            .args(["--storage-driver=vfs", "--ip-forward=false"])
            .args([Path::new("--data-root"), &place("data")])
            .args([Path::new("--exec-root"), &place("exec")])
            .args([Path::new("--pidfile"), &place("pid")])
            .arg(format!("--host=unix://{}", place("sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd starts");
        let daemon = Self { folder, child };
        let answers = || daemon.call("GET", "/_ping", "text/plain", b"").is_some();
        wait_until("dockerd answers", answers);
        daemon
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    /// Makes an image of BusyBox alone; false if it is not here, or not linked statically.
    pub(crate) fn import(&self, image: &str, tag: &str) -> bool {
        let root = self.folder.path().join("root");
        fs::create_dir_all(root.join("bin")).expect("a folder");
        let (inside, shell) = (root.join("bin/busybox"), root.join("bin/sh"));
        symlink("busybox", &shell).expect("ours");
        let program = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| {
            fs::copy(path, &inside).is_ok()
                && Command::new("chroot")
                    .arg(&root)
                    .args(["/bin/sh", "-c", "true"])
                    .status()
                    .is_ok_and(|status| status.success())
        });
        if program.is_none() {
            skip("skipped: there is no static busybox");
            return false;
        }
        let packed = Command::new("tar").arg("-C").arg(&root).args(["-cf", "-", "."]).output();
        let packed = packed.expect("tar is installed").stdout;
        let path = format!("/images/create?fromSrc=-&repo={image}&tag={tag}");
        let answer = self.call("POST", &path, "application/x-tar", &packed);
        assert!(answer.is_some_and(|answer| answer.contains("sha256:")), "{}", self.log());
        true
    }

    /// Sends a request with JSON, which must succeed.
    #[track_caller]
    pub(crate) fn order(&self, method: &str, path: &str, json: &str) -> String {
        let answer = self.call(method, path, "application/json", json.as_bytes());
        assert!(answer.is_some(), "{method} {path} failed\n{}", self.log());
        answer.unwrap_or_default()
    }

    /// Sends a request; `None` unless it succeeds.
    fn call(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Option<String> {
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

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().is_ok_and(|status| status.is_none())
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill()); // if it is still there; what it leaves ends with the namespace
    }
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
