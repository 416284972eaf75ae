//! The first start: what Teal makes for itself, and what it says where it may not.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::{Signal, geteuid};
use testkit::{Load, LoadOptions, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// Somebody who may not write what belongs to root.
const NOBODY: u32 = 65534;

#[test]
fn a_token_is_made_once_and_the_log_says_where() {
    // A5
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let path = teal.state_dir().join("admin.token");
    assert!(!teal.state_dir().exists());
    teal.start_again();
    let token = teal.token();
    let said = format!("created an admin token in {}", path.display());
    teal.log_has(&[&said]);
    assert!(!teal.log().contains(&token), "{}", teal.log());
    assert!(token.len() == 64 && token.bytes().all(|c| c.is_ascii_hexdigit()), "{token}");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    teal.wait_healthy("green", true);
    teal.switch_to("green");
    assert_eq!(teal.stop(SOON), Some(0));
    teal.start_again();
    assert_eq!(teal.token(), token);
    assert!(!teal.log().contains("created an admin token"), "{}", teal.log());
    teal.assert_books_balance();
}

/// `teal run` for this state directory, as a user who may not write there; until it ends.
fn run_without_permission(directory: &Path, state_dir: &Path) -> Output {
    // Another user may not have access to the directory of the build.
    let program = directory.join("teal");
    fs::copy(TEAL, &program).expect("a copy of the program");
    let mut command = Command::new(program);
    command.args(["run", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--state-dir"]);
    command.arg(state_dir).current_dir(directory);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.output().expect("it can be started")
}

#[test]
fn a_state_directory_that_may_not_be_written_is_named_and_nothing_starts() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path();
    let (there, locked) = (path.join("there"), path.join("locked"));
    for made in [&there, &locked] {
        fs::create_dir(made).expect("a directory");
        fs::set_permissions(made, Permissions::from_mode(0o555)).expect("it can be locked");
    }
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("it can be entered");
    if geteuid().is_root() {
        chown(path, Some(0), Some(0)).expect("it is root's");
    }
    for state_dir in [there.clone(), locked.join("state")] {
        let output = run_without_permission(path, &state_dir);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let errors = said.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>();
        assert_eq!((errors.len(), said.lines().count()), (1, 1), "{said}");
        for words in [&*state_dir.display().to_string(), "ermission denied", "--state-dir"] {
            assert!(errors[0].contains(words), "{words} is missing in {said}");
        }
    }
    // Not a file was left, and no address was taken: that would be in the log.
    for left in [&there, &locked] {
        assert_eq!(fs::read_dir(left).expect("readable").count(), 0, "{left:?}");
    }
}

#[test]
fn the_signal_for_log_files_changes_nothing() {
    let mut setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    for _ in 0..3 {
        setup.teal.signal(Signal::USR1);
        load.wait_for_more(50);
    }
    setup.teal.log_has(&["SIGUSR1: there is no access log"]);
    load.stop().assert_nothing_lost();
    assert!(setup.teal.is_running());
    assert_eq!(setup.who(), "blue");
    setup.finish();
}
