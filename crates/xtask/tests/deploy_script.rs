//! `examples/deploy.sh` stops a color only if that is safe, whatever `teal switch` answers.
//!
//! The real script runs in bash; `teal`, and the commands that start and stop a color, are
//! stand-ins that record how they were called.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A directory with the stand-ins and their records.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new(teal_exit: i32) -> Self {
        let bench = Self { directory: tempfile::tempdir().expect("a directory") };
        bench.stand_in("teal", teal_exit);
        bench.stand_in("start", 0);
        bench.stand_in("stop", 0);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn stand_in(&self, name: &str, exit: i32) {
        let log = self.path("log");
        let script = format!("#!/bin/sh\necho {name} \"$@\" >> '{}'\nexit {exit}\n", log.display());
        fs::write(self.path(name), script).expect("written");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), executable).expect("executable");
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/deploy.sh");
        let path = std::env::var("PATH").unwrap_or_default();
        Command::new("bash")
            .arg(script)
            .args(arguments)
            .env("PATH", format!("{}:{path}", self.directory.path().display()))
            .env("START", self.path("start"))
            .env("STOP", self.path("stop"))
            .output()
            .expect("bash runs")
    }

    fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

#[test]
fn the_old_color_is_stopped_when_no_request_is_left_on_it() {
    let bench = Bench::new(0);
    let output = bench.deploy(&["green"]);
    assert_eq!(output.status.code(), Some(0));
    let calls = bench.calls();
    assert_eq!(calls, ["start green", "teal switch green --wait-healthy 60s", "stop blue"]);
    let bench = Bench::new(0);
    assert_eq!(bench.deploy(&["blue"]).status.code(), Some(0));
    let calls = bench.calls();
    assert_eq!(calls, ["start blue", "teal switch blue --wait-healthy 60s", "stop green"]);
}

#[test]
fn a_refused_deploy_stops_the_new_color_and_leaves_the_old_one() {
    let bench = Bench::new(3);
    let output = bench.deploy(&["green"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(bench.calls().last().map(String::as_str), Some("stop green"));
    assert_eq!(bench.calls().len(), 3);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "green was refused, blue keeps serving\n");
}

#[test]
fn a_switch_that_had_to_cut_is_done_all_the_same_and_says_so() {
    let bench = Bench::new(5);
    assert_eq!(bench.deploy(&["green"]).status.code(), Some(5));
    assert_eq!(bench.calls().last().map(String::as_str), Some("stop blue"));
}

#[test]
fn nothing_is_stopped_when_it_is_not_known_how_far_the_switch_got() {
    for code in [1, 2, 4, 130] {
        let bench = Bench::new(code);
        assert_eq!(bench.deploy(&["green"]).status.code(), Some(code));
        let calls = bench.calls();
        assert!(calls.iter().all(|call| !call.starts_with("stop")), "{code}: {calls:?}");
    }
}

#[test]
fn nothing_is_started_or_stopped_without_a_color_or_if_the_start_fails() {
    for arguments in [&[][..], &["red"], &["--help"]] {
        let bench = Bench::new(0);
        assert_eq!(bench.deploy(arguments).status.code(), Some(2));
        assert!(bench.calls().is_empty());
    }
    let bench = Bench::new(0);
    bench.stand_in("start", 7);
    assert_eq!(bench.deploy(&["green"]).status.code(), Some(7));
    assert_eq!(bench.calls(), ["start green"]);
}
