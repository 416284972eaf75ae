//! Tests in a network and a mount namespace of their own, with names and routes of their own.
//!
//! Each test runs itself again inside the namespaces, which needs root; without it, it says that it
//! was skipped.

use std::fs;
use std::process::Command;

const INSIDE: &str = "TEAL_TEST_NAMESPACE";

/// Runs the test of this module and name inside, with these files and after this script; true: this is
/// inside.
pub(crate) fn is_inside(module: &str, test: &str, hosts: &str, order: &str, setup: &str) -> bool {
    is_inside_of(&[], module, test, hosts, order, setup)
}

/// The same in further namespaces, as `unshare` names them.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see what was left out")]
pub(crate) fn is_inside_of(
    namespaces: &[&str],
    module: &str,
    test: &str,
    hosts: &str,
    order: &str,
    setup: &str,
) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    if !rustix::process::getuid().is_root() {
        eprintln!("{test} is skipped: it needs root for namespaces of its own");
        return false;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let resolv = file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    let (hosts, order) = (file("hosts", hosts), file("nsswitch.conf", &format!("{order}\n")));
    let itself = std::env::current_exe().expect("the test has a file");
    let (_, module) = module.split_once("::").expect("a module of this crate");
    let script = format!(
        "set -e; ip link set lo up; \
         for file in resolv.conf hosts nsswitch.conf; do touch /etc/$file; done; \
         mount --bind {resolv} /etc/resolv.conf; mount --bind {hosts} /etc/hosts; \
         mount --bind {order} /etc/nsswitch.conf; {setup}; \
         exec {} {module}::{test} --exact --nocapture",
        itself.display()
    );
    let run = Command::new("unshare")
        .args(["--mount", "--net"])
        .args(namespaces)
        .args(["timeout", "120", "sh", "-c", &script])
        .env(INSIDE, "1")
        .output();
    match run {
        Err(error) => eprintln!("{test} is skipped: unshare cannot be run: {error}"),
        Ok(run) => {
            let said =
                [run.stdout, run.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
            if said[1].contains("unshare: ") {
                eprintln!("{test} is skipped: {}", said[1]);
            } else {
                assert!(run.status.success(), "{}{}", said[0], said[1]);
                assert!(said[0].contains("1 passed"), "{}", said[0]);
            }
        }
    }
    false
}
