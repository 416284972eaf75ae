//! A Docker Engine of a test's own: its images, networks and containers live in namespaces that end with the test, and
//! touch nothing of the machine's.
//!
//! A test runs itself again inside, which needs root and `dockerd`; without them, it says that it was skipped.

use std::fs;
use std::future::Future;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::getuid;
use testkit::DockerEngine;

const INSIDE: &str = "TEAL_TEST_NAMESPACE";
/// The time for what a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The Engine.
pub(crate) struct Daemon {
    engine: DockerEngine,
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
    if let Some(why) = DockerEngine::missing() {
        skipped(&why);
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

impl Daemon {
    fn start() -> Self {
        Self { engine: DockerEngine::start(&["--ip-forward=false"]) }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.engine.folder()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.engine.socket()
    }

    /// Makes an image of BusyBox alone; false if it is not here, or not linked statically.
    pub(crate) fn import(&self, image: &str, tag: &str) -> bool {
        let root = self.engine.folder().join("root");
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
        let answer = self.engine.call("POST", &path, "application/x-tar", &packed);
        assert!(answer.is_some_and(|answer| answer.contains("sha256:")), "{}", self.engine.log());
        true
    }

    /// Sends a request with JSON, which must succeed.
    #[track_caller]
    pub(crate) fn order(&self, method: &str, path: &str, json: &str) -> String {
        let answer = self.engine.call(method, path, "application/json", json.as_bytes());
        assert!(answer.is_some(), "{method} {path} failed\n{}", self.engine.log());
        answer.unwrap_or_default()
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
