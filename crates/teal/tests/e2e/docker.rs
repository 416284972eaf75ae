//! A Docker of a test's own: its daemon, images, networks and containers live in namespaces that end with
//! the test, and touch nothing of the machine's.
//!
//! Tests run themselves again inside, which needs root and `dockerd`; without them, they say that they
//! were skipped.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use testkit::DockerEngine;

use crate::own_network;

/// A Docker daemon.
#[derive(Debug)]
pub(crate) struct Docker {
    engine: DockerEngine,
}

/// Runs the test of this module and name inside; true: this is inside.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
pub(crate) fn is_inside(module: &str, test: &str) -> bool {
    if let Some(why) = DockerEngine::missing() {
        eprintln!("{test} is skipped: {why}");
        return false;
    }
    // All that is started in here ends with the first process.
    let namespaces = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let (hosts, setup) = ("127.0.0.1 localhost\n", "mount -t tmpfs none /run");
    own_network::is_inside_of(&namespaces, module, test, hosts, "hosts: files dns", setup)
}

impl Docker {
    /// Starts the daemon.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts the daemon with further flags.
    pub(crate) fn start_with(further: &[&str]) -> Self {
        Self { engine: DockerEngine::start(further) }
    }

    /// Makes an image of the libraries that a program needs. The program itself is mounted.
    pub(crate) fn import_libraries_of(&self, program: &str, image: &str) {
        self.import(&libraries_of(program), image);
    }

    /// Makes an image of files of this machine, at the same paths. `/bin/busybox` is also `/bin/sh`.
    pub(crate) fn import(&self, files: &[String], image: &str) {
        let root = self.engine.folder().join("root");
        for file in files {
            let to = root.join(file.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
            fs::copy(file, to).expect("a copy");
        }
        for directory in ["tmp", "etc", "run", "bin"] {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        if files.iter().any(|file| file == "/bin/busybox") {
            symlink("busybox", root.join("bin/sh")).expect("a link");
        }
        let archive = self.engine.folder().join("image.tar");
        let packed = Command::new("tar")
            .args([Path::new("-C"), &root, Path::new("-cf"), &archive, Path::new(".")])
            .status();
        assert!(packed.is_ok_and(|status| status.success()), "the image is packed");
        self.run(&["import", &archive.display().to_string(), image]);
    }

    /// Kills the daemon. With `--live-restore` its containers run on.
    pub(crate) fn kill(&mut self) {
        self.engine.kill();
    }

    /// Starts the daemon again, and waits until it answers.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        self.engine.start_again();
    }

    /// Runs a command of the command line, and returns what it prints.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let said = self.command(words).output().expect("docker is installed");
        let out = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "docker {words:?}: {out}{errors}\n{}", self.engine.log());
        out
    }

    /// The address of a container in a network.
    pub(crate) fn address(&self, container: &str, network: &str) -> String {
        let format = format!("{{{{(index .NetworkSettings.Networks \"{network}\").IPAddress}}}}");
        self.run(&["inspect", "-f", &format, container])
    }

    /// The address of the daemon, for `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.engine.socket().display())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg(format!("--host={}", self.host())).args(words);
        command
    }
}

/// The libraries that a program needs.
pub(crate) fn libraries_of(program: &str) -> Vec<String> {
    let said = Command::new("ldd").arg(program).output().expect("ldd is installed");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
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
    }
}
