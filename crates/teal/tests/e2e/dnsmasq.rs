//! A real name server, Debian's dnsmasq, in a network namespace of its own: what it says can change.

use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use testkit::signal_process;

/// A dnsmasq that knows `*.test` from a file.
#[derive(Debug)]
pub(crate) struct Names {
    directory: tempfile::TempDir,
    server: Child,
}

impl Names {
    /// Starts one that says so.
    pub(crate) fn start(first: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("hosts"), text(first)).expect("a file");
        let server = Self::spawn(&directory);
        Self { directory, server }
    }

    fn spawn(directory: &tempfile::TempDir) -> Child {
        let hosts = directory.path().join("hosts");
        Command::new("/usr/sbin/dnsmasq")
            .args(["--keep-in-foreground", "--user=root", "--conf-file=/dev/null", "--no-resolv"])
            .args(["--no-hosts", "--local=/test/", "--listen-address=127.0.0.1"])
            .args(["--bind-interfaces", "--pid-file", "--cache-size=10000"])
            .arg(format!("--addn-hosts={}", hosts.display()))
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq is installed")
    }

    /// From now on names lead there.
    pub(crate) fn say(&self, now: &[(&str, &str)]) {
        fs::write(self.directory.path().join("hosts"), text(now)).expect("a file");
        self.signal(Signal::HUP);
    }

    /// Sends it a signal: one that is stopped hangs.
    pub(crate) fn signal(&self, signal: Signal) {
        signal_process(self.server.id(), signal);
    }

    /// Ends it.
    pub(crate) fn die(&mut self) {
        self.signal(Signal::KILL);
        drop(self.server.wait());
    }

    /// Starts it again.
    pub(crate) fn come_back(&mut self) {
        self.server = Self::spawn(&self.directory);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.die();
    }
}

fn text(all: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, address) in all {
        let _ = writeln!(text, "{address} {name}");
    }
    text
}
