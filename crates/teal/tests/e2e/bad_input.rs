//! Bad input of every kind: one clear message that says what, where and what to do, the promised
//! exit code, and nothing half started.

use std::fs;
use std::time::Duration;

use testkit::{CliResult, Settings, Target, Teal};

use crate::TEAL;

fn teal(arguments: &[&str]) -> CliResult {
    testkit::run(TEAL.as_ref(), arguments, &[], Duration::from_secs(10))
}

/// Panics unless it exits with 2, promptly, and its message has all these words.
#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let result = teal(arguments);
    result.assert_code(2);
    for word in words {
        assert!(result.stderr.contains(word), "{word:?} is missing in {}", result.all());
    }
    assert!(!result.stderr.contains("panicked"), "{}", result.stderr);
}

#[test]
fn wrong_flags_are_usage_errors() {
    refused(&["run", "--lisen", "127.0.0.1:0"], &["--lisen", "--listen"]);
    refused(&["switch", "purple"], &["purple", "blue", "green"]);
    refused(&["swich", "green"], &["swich", "switch"]);
    refused(&["run", "--listen", "nonsense"], &["nonsense"]);
    refused(&["run", "--blue", "ftp://x"], &["ftp://x", "http://"]);
    refused(&["run", "--blue", "http://"], &["http://"]);
    refused(&["switch", "green", "--drain", "soon"], &["soon"]);
    refused(&["switch", "green", "--if-generation", "x"], &["x"]);
    refused(&["status", "--admin", "ftp://here"], &["ftp://here"]);
    refused(&["receipt", "first"], &["first"]);
    refused(&["run", "--config", "a.toml", "--blue", "http://127.0.0.1:1"], &["--config"]);
}

#[test]
fn a_serving_process_that_ends_at_once_gives_its_exit_code() {
    // The parent may speak to it before it has ended, or after.
    for _ in 0..30 {
        refused(&["run", "--lisen", "127.0.0.1:0"], &["--listen"]);
    }
}

#[test]
fn a_missing_or_unreadable_file_is_named() {
    refused(&["run", "--config", "/no/such/teal.toml"], &["/no/such/teal.toml"]);
    refused(&["check", "--config", "/no/such/teal.toml"], &["/no/such/teal.toml"]);
    refused(&["check", "--config", "/"], &["/"]);
}

#[test]
fn all_problems_of_a_file_are_reported_at_once_with_their_places() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("teal.toml");
    let text = "\
state_dir = \"state\"
wrokers = 2
[admin]
listen = \"0.0.0.0:9900\"
[[listener]]
address = \"here\"
[[service]]
name = \"web\"
hosts = [\"exa mple\"]
initial = \"purple\"
blue = { targets = [\"http://127.0.0.1:8081\"] }
green = { targets = [] }
health = { interval = \"5 parsecs\", path = \"health\" }
timeouts = { conect = \"2s\" }
";
    fs::write(&path, text).expect("the file can be written");
    let path = path.display().to_string();
    for verb in ["check", "run"] {
        refused(
            &[verb, "--config", &path],
            &[
                "wrokers", "workers", "here", "exa mple", "purple", "parsecs", "conect", "connect",
                "targets", "2:", "6:", "9:", "10:", "12:", "13:", "14:", &path,
            ],
        );
    }
    fs::write(&path, "state_dir = \"s\"\n[[service]\n").expect("the file can be written");
    refused(&["check", "--config", &path], &["2:"]);
}

#[test]
fn a_good_file_is_good() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal_process = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let path = teal_process.config().display().to_string();
    teal(&["check", "--config", &path]).assert_code(0);
    // Checking starts nothing and leaves nothing behind.
    assert!(!teal_process.state_dir().exists());
}

#[test]
fn an_unusable_state_directory_is_named_and_nothing_is_half_started() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal_process = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    fs::write(teal_process.state_dir(), "a file").expect("the file can be written");
    teal_process.spawn(&[]);
    let code = teal_process.wait_exit(Duration::from_secs(5));
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    let log = teal_process.log();
    assert!(log.contains(&teal_process.state_dir().display().to_string()), "{log}");
    assert!(!log.contains("listening on"), "{log}");
}

#[test]
fn an_address_that_is_not_ours_is_named() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let settings = Settings::new(&blue, &green).listener("192.0.2.1:8080");
    let mut teal_process = Teal::prepare(TEAL, &settings);
    teal_process.spawn(&[]);
    let code = teal_process.wait_exit(Duration::from_secs(5));
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    assert!(teal_process.log().contains("192.0.2.1:8080"), "{}", teal_process.log());
}

#[test]
fn a_wrong_token_file_is_named() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let teal_process = Teal::start(TEAL, &Settings::new(&blue, &green));
    let admin = format!("http://{}", teal_process.admin());
    let arguments = ["switch", "green", "--admin", &admin, "--token-file", "/no/such/token"];
    let result = teal_process.cli_bare(&arguments, &[]);
    assert!(matches!(result.code, Some(1 | 2)), "{}", result.all());
    assert!(result.stderr.contains("/no/such/token"), "{}", result.stderr);
    teal_process.assert_books_balance();
}
