//! A Docker of a test's own: its daemon, images, networks and containers live in namespaces that end with
//! the test, and touch nothing of the machine's.
//!
//! Tests run themselves again inside, which needs root and `dockerd`; without them, they say that they
//! were skipped.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use tempfile::TempDir;
use testkit::wait_until;

use crate::own_network;

/// The longest that the daemon may take to start.
const START: Duration = Duration::from_secs(20);

/// A Docker daemon.
#[derive(Debug)]
pub(crate) struct Docker {
    directory: TempDir,
    daemon: Child,
}

/// Runs the test of this module and name inside; true: this is inside.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
pub(crate) fn is_inside(module: &str, test: &str) -> bool {
    if let Err(error) = daemon().arg("--version").output() {
        eprintln!("{test} is skipped: dockerd cannot be run: {error}");
        return false;
    }
    // All that is started in here ends with the first process.
    let namespaces = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let (hosts, setup) = ("127.0.0.1 localhost\n", "mount -t tmpfs none /run");
    own_network::is_inside_of(&namespaces, module, test, hosts, "hosts: files dns", setup)
}

fn daemon() -> Command {
    let mut daemon = Command::new("dockerd");
    let path = std::env::var("PATH").unwrap_or_default();
    daemon.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    daemon
}

impl Docker {
    /// Starts the daemon.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: &str| directory.path().join(name);
        let log = fs::File::create(place("log")).expect("a file");
        let daemon = daemon()
            .arg("--storage-driver=vfs")
            .args([Path::new("--data-root"), &place("data")])
            .args([Path::new("--exec-root"), &place("exec")])
            .args([Path::new("--pidfile"), &place("pid")])
            .arg(format!("--host=unix://{}", place("sock").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd starts");
        let docker = Self { directory, daemon };
        wait_until(START, "dockerd answers", || {
            docker.command(&["version"]).output().is_ok_and(|said| said.status.success())
        });
        docker
    }

    /// Makes an image of the libraries that a program needs. The program itself is mounted.
    pub(crate) fn import_libraries_of(&self, program: &str, image: &str) {
        let root = self.directory.path().join("root");
        let libraries = Command::new("ldd").arg(program).output().expect("ldd is installed");
        let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            let to = root.join(library.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
            fs::copy(library, to).expect("a copy");
        }
        for directory in ["tmp", "etc", "run"] {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        let archive = self.directory.path().join("image.tar");
        let packed = Command::new("tar")
            .args([Path::new("-C"), &root, Path::new("-cf"), &archive, Path::new(".")])
            .status();
        assert!(packed.is_ok_and(|status| status.success()), "the image is packed");
        self.run(&["import", &archive.display().to_string(), image]);
    }

    /// Runs a command of the command line, and returns what it prints.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let said = self.command(words).output().expect("docker is installed");
        let out = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "docker {words:?}: {out}{errors}\n{}", self.log());
        out
    }

    /// The address of a container in a network.
    pub(crate) fn address(&self, container: &str, network: &str) -> String {
        let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        self.run(&["inspect", "-f", &format, container])
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        let socket = self.directory.path().join("sock");
        command.arg(format!("--host=unix://{}", socket.display())).args(words);
        command
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let end = || -> io::Result<()> {
            let all = self.command(&["ps", "-aq"]).output()?;
            let all = String::from_utf8_lossy(&all.stdout).into_owned();
            let all: Vec<_> = all.split_whitespace().collect();
            if !all.is_empty() {
                self.command(&[&["rm", "-f"], &*all].concat()).output()?;
            }
            Ok(())
        };
        drop(end()); // what is left ends with the namespace
        testkit::signal_process(self.daemon.id(), rustix::process::Signal::TERM);
        drop(self.daemon.wait());
    }
}
