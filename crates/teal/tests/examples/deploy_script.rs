//! `examples/deploy.sh` with the real Teal: under load, refused, and without a Teal to talk to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::{CliResult, Load, LoadOptions, Settings, Target, Teal};

use crate::{TEAL, file};

/// Two targets, a Teal in front, and commands that write down which color is started or stopped.
struct Setup {
    blue: Target,
    green: Target,
    teal: Teal,
    directory: tempfile::TempDir,
}

impl Setup {
    fn new() -> Self {
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let teal = Teal::start_healthy(TEAL, &Settings::new(&blue, &green));
        let directory = tempfile::tempdir().expect("a directory");
        Self { blue, green, teal, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A command that writes down its name and its argument.
    fn command(&self, name: &str) -> String {
        let folder = self.path(name);
        fs::create_dir_all(&folder).expect("a folder");
        let text = format!("#!/bin/sh\necho {name} $1 >> '{}'\n", self.path("log").display());
        Teal::script(&folder, &text)
    }

    fn deploy(&self, color: &str, admin: &str) -> CliResult {
        let script = file("examples/deploy.sh").display().to_string();
        let program = Path::new(TEAL).parent().expect("the program is in a folder");
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let token = self.teal.state_dir().join("admin.token").display().to_string();
        let environment = [
            ("PATH", path.as_str()),
            ("START", &self.command("start")),
            ("STOP", &self.command("stop")),
            ("WAIT", "300ms"),
            ("TEAL_ADMIN", admin),
            ("TEAL_TOKEN_FILE", &token),
        ];
        let arguments = [script.as_str(), color];
        testkit::run(Path::new("bash"), arguments, &environment, Duration::from_secs(30))
    }

    fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_deploy_under_load_loses_nothing_though_the_old_color_is_stopped_at_once() {
    let setup = Setup::new();
    let admin = format!("http://{}", setup.teal.admin());
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.wait_for_more(100);
    setup.deploy("green", &admin).assert_code(0);
    setup.blue.stop();
    assert_eq!(setup.calls(), ["start green", "stop blue"]);
    load.wait_for_more(200);
    load.stop().assert_nothing_lost();
    assert_eq!(setup.teal.active(), "green");
    setup.teal.assert_books_balance();
}

#[test]
fn a_deploy_of_a_version_that_does_not_come_up_changes_nothing() {
    let setup = Setup::new();
    let admin = format!("unix:{}", setup.teal.state_dir().join("admin.sock").display());
    setup.green.stop();
    setup.teal.wait_healthy("green", false);
    let result = setup.deploy("green", &admin);
    result.assert_code(3);
    assert!(result.stderr.contains("connection refused"), "{}", result.all());
    assert!(result.stderr.contains("green was refused, blue keeps serving"), "{}", result.all());
    assert_eq!(setup.calls(), ["start green", "stop green"]);
    assert_eq!(setup.teal.active(), "blue");
    setup.teal.assert_books_balance();
}

#[test]
fn without_a_teal_to_talk_to_nothing_is_stopped() {
    let setup = Setup::new();
    setup.deploy("green", "http://127.0.0.1:1").assert_code(4);
    assert_eq!(setup.calls(), ["start green"]);
    setup.teal.assert_books_balance();
}
