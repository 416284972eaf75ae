//! Outputs that take nothing, or that systemd reads: a full disk, a pipe closed early, the journal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::{Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::stage::{SOON, Stage};

/// Every command that prints, and needs nothing else to be going on.
const COMMANDS: [&str; 15] = [
    "status",
    "status --json",
    "history",
    "history --json",
    "receipt",
    "switch blue",
    "switch green --dry-run",
    "hold --no-wait",
    "resume",
    "reload",
    "wait drained green",
    "token new",
    "completions bash",
    "--help",
    "--version",
];

/// A command line of this Teal, as a shell runs it.
fn shell(teal: &Teal, script: &str) -> (Option<i32>, String) {
    let ran = Command::new("bash")
        .args(["-c", &script.replace("teal ", &format!("{TEAL} "))])
        .env("TEAL_ADMIN", format!("http://{}", teal.admin()))
        .env("TEAL_TOKEN", teal.token())
        .output()
        .expect("bash can be started");
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
fn r74_an_output_that_cannot_be_written_is_a_failure_of_every_command() {
    let stage = Stage::new();
    stage.teal.switch_to("green");
    let check = format!("check --config {}", stage.teal.config().display());
    for words in COMMANDS.iter().copied().chain([&*check]) {
        let (code, said) = shell(&stage.teal, &format!("teal {words} > /dev/full"));
        assert_eq!(code, Some(1), "{words}: {said}");
        for part in ["cannot write to standard output", "No space left", "was carried out"] {
            assert!(said.contains(part), "{words}: {part} is missing in {said}");
        }
    }
    stage.finish();
}

#[test]
fn r74_a_reader_that_has_gone_and_a_closed_output_change_nothing() {
    let stage = Stage::new();
    stage.teal.switch_to("green");
    // The first reader has gone before anything is written.
    for (before, after) in [("{ sleep 0.1; ", "; echo $? >&2; } | :"), ("", ">&-; echo $? >&2")] {
        for words in COMMANDS {
            let script = format!("{before}teal {words} {after}");
            let (_, said) = shell(&stage.teal, &script);
            assert_eq!(said.lines().last(), Some("0"), "{script}: {said}");
            assert!(!said.contains("panicked"), "{script}: {said}");
        }
    }
    stage.finish();
}

/// Starts a Teal whose standard error is a socket that it takes for the journal's, and stops it once it has
/// said all of these words; the lines that it has written.
fn journal(further: &str, words: &[&str], act: impl FnOnce(&Teal)) -> Vec<String> {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let stream = File::from(std::os::fd::OwnedFd::from(theirs));
    let found = stream.metadata().expect("a socket");
    let name = format!("{}:{}", found.dev(), found.ino());
    let script = Teal::script(
        teal.config().parent().expect("a directory"),
        &format!("exec env JOURNAL_STREAM={name} {TEAL} \"$@\" {further}\n"),
    );
    let (config, log) = (teal.config(), teal.config().with_extension("log"));
    let copied = File::create(&log).expect("a file");
    let copying = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for line in BufReader::new(ours).lines().map_while(Result::ok) {
            std::io::Write::write_all(&mut &copied, format!("{line}\n").as_bytes())
                .expect("written");
            lines.push(line);
        }
        lines
    });
    let mut child = Command::new(script)
        .args(["run", "--config"])
        .arg(config)
        .stderr(Stdio::from(stream))
        .stdout(Stdio::null())
        .spawn()
        .expect("it can be started");
    let has = |word: &&str| fs::read_to_string(&log).is_ok_and(|log| log.contains(*word));
    wait_until(SOON, "it serves", || has(&"admin on"));
    teal.adopt_addresses(&fs::read_to_string(&log).expect("a log"));
    act(&teal);
    wait_until(SOON, "it has said all", || words.iter().all(has));
    testkit::signal_process(child.id(), rustix::process::Signal::TERM);
    assert!(child.wait().expect("it ends").success());
    copying.join().expect("no panic")
}

#[test]
fn r74_lines_in_the_journal_have_their_priority_and_no_time_of_their_own() {
    let lines = journal("", &["refused", "listening on"], |teal| {
        teal.write_config("nothing = 1");
        assert_ne!(teal.cli(&["reload"]).code, Some(0));
    });
    let priority = |word: &str| {
        let line = lines.iter().find(|line| line.contains(word)).expect(word);
        line.split_once('>').map(|(priority, _)| format!("{priority}>")).unwrap_or_default()
    };
    assert_eq!((priority("listening on"), priority("refused")), ("<6>".into(), "<4>".into()));
    for line in &lines {
        let text = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (priority, text) = text.unwrap_or_else(|| panic!("no priority: {line}"));
        assert!(priority.parse::<u8>().is_ok_and(|priority| priority < 8), "{line}");
        assert!(!text.starts_with("20") && !text.contains("INFO"), "it has the time twice: {line}");
    }
    // For programs the time stays in the object.
    for line in journal("--log json", &["listening on"], |_| {}) {
        let text = line.split_once('>').expect("a priority").1;
        let event: serde_json::Value = serde_json::from_str(text).expect(text);
        assert!(event["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn r74_a_start_that_fails_says_why_at_the_priority_of_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("teal.toml");
    fs::write(&config, "nothing = 1\nmore = 2\n").expect("written");
    let (mut ours, theirs) = UnixStream::pair().expect("a pair");
    let stream = File::from(std::os::fd::OwnedFd::from(theirs));
    let found = stream.metadata().expect("a socket");
    let status = Command::new(Path::new(TEAL))
        .args(["run", "--config"])
        .arg(&config)
        .env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()))
        .stderr(Stdio::from(stream))
        .status()
        .expect("it can be started");
    assert_eq!(status.code(), Some(2));
    let mut said = String::new();
    ours.read_to_string(&mut said).expect("text");
    assert!(said.lines().count() > 1 && said.lines().all(|line| line.starts_with("<3>")), "{said}");
}
