//! Outputs that take nothing, or that systemd reads: a full disk, a pipe closed early, the journal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::{Client, Settings, Target, Teal, wait_for, wait_until};

use crate::TEAL;
use crate::setup::{SOON, Setup};

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
    // L10
    let setup = Setup::new();
    setup.teal.switch_to("green");
    let check = format!("check --config {}", setup.teal.config().display());
    for words in COMMANDS.iter().copied().chain([&*check]) {
        let (code, said) = shell(&setup.teal, &format!("teal {words} > /dev/full"));
        assert_eq!(code, Some(1), "{words}: {said}");
        for part in
            ["cannot write to standard output", "No space left", "the command itself succeeded"]
        {
            assert!(said.contains(part), "{words}: {part} is missing in {said}");
        }
    }
    setup.finish();
}

#[test]
fn r74_a_reader_that_has_gone_and_a_closed_output_change_nothing() {
    let setup = Setup::new();
    setup.teal.switch_to("green");
    // The first reader has gone before anything is written.
    for (before, after) in [("{ sleep 0.1; ", "; echo $? >&2; } | :"), ("", ">&-; echo $? >&2")] {
        for words in COMMANDS {
            let script = format!("{before}teal {words} {after}");
            let (_, said) = shell(&setup.teal, &script);
            assert_eq!(said.lines().last(), Some("0"), "{script}: {said}");
            assert!(!said.contains("panicked"), "{script}: {said}");
        }
    }
    setup.finish();
}

/// A Teal, and command lines of it, whose standard error goes there. It is found by its admin socket, as
/// nobody can read what it says.
struct Mute {
    blue: Target,
    green: Target,
    teal: Teal,
    _directory: tempfile::TempDir,
}

impl Mute {
    fn start(script: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let script = Teal::script(directory.path(), &script.replace("TEAL", TEAL));
        let (blue, green) = (Target::start("blue"), Target::start("green"));
        let mut teal = Teal::prepare(&script, &Settings::new(&blue, &green));
        teal.spawn(&[]);
        let socket = format!("unix:{}", teal.state_dir().join("admin.sock").display());
        let status = wait_for(SOON, "it answers on its socket", || {
            let told = teal.cli_bare(&["status", "--json", "--admin", &socket], &[]);
            serde_json::from_str::<Value>(&told.stdout)
                .ok()
                .filter(|told| told["admin"].is_string())
        });
        let [listener, admin] = [&status["listeners"][0], &status["admin"]]
            .map(|address| address.as_str().expect("an address").to_owned());
        teal.adopt_addresses(&format!("listening on {listener}\nadmin on {admin}\n"));
        teal.wait_healthy("blue", true);
        teal.wait_healthy("green", true);
        Self { blue, green, teal, _directory: directory }
    }

    fn who(&self) -> String {
        let answer = Client::connect(self.teal.listener()).get("/who");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.fields.get("x-target").expect("a target answered").to_owned()
    }
}

/// Everything that logs or complains, one thing after the other.
fn complain(mut mute: Mute) {
    let code = |mute: &Mute, arguments: &[&str]| mute.teal.cli(arguments).code;
    let config = mute.teal.config().display().to_string();
    assert_eq!(mute.who(), "blue");
    assert_eq!(code(&mute, &["switch", "green"]), Some(0));
    assert_eq!(mute.who(), "green");
    for (arguments, exit) in [
        (&["status"][..], 0),
        (&["history", "--json"], 0),
        (&["switch", "purple"], 2),
        (&["switch"], 2),
        (&["switch", "blue", "--if-generation", "77"], 3),
    ] {
        assert_eq!(code(&mute, arguments), Some(exit), "{arguments:?}");
    }
    let away = mute.teal.cli_bare(&["status", "--admin", "http://127.0.0.1:1"], &[]);
    assert_eq!(away.code, Some(4));
    // Each reason of this wait is printed there, and so is its end.
    mute.blue.stop();
    mute.teal.wait_healthy("blue", false);
    assert_eq!(code(&mute, &["switch", "blue", "--wait-healthy", "1s"]), Some(3));
    mute.blue.restart();
    mute.teal.write_config("nothing = 1");
    assert_eq!(code(&mute, &["reload"]), Some(2));
    for verb in ["check", "run"] {
        assert_eq!(mute.teal.cli_bare(&[verb, "--config", &config], &[]).code, Some(2), "{verb}");
    }
    mute.teal.write_settings(&Settings::new(&mute.blue, &mute.green));
    assert_eq!(code(&mute, &["reload"]), Some(0));
    // The parent tells of a crash.
    let killed = mute.teal.kill_serving();
    wait_until(SOON * 2, "another one serves", || {
        mute.teal.serving().is_some_and(|pid| pid != killed)
    });
    assert_eq!(mute.who(), "green", "a client that connects meanwhile waits");
    wait_until(SOON * 2, "it is ready", || {
        mute.teal.try_ask("GET", "/readyz", &[]).is_ok_and(|answer| answer.status == 200)
    });
    mute.teal.upgrade();
    mute.teal.wait_healthy("blue", true);
    mute.teal.switch_to("blue");
    assert_eq!(mute.who(), "blue");
    mute.teal.assert_books_balance();
    assert_eq!(mute.teal.stop(SOON * 2), Some(0));
}

#[test]
fn r74_a_full_disk_under_standard_error_changes_nothing_else() {
    // L7
    complain(Mute::start("exec TEAL \"$@\" 2> /dev/full\n"));
}

#[test]
fn r74_a_log_whose_reader_has_gone_changes_nothing_else() {
    // L7
    complain(Mute::start("exec bash -c 'exec TEAL \"$@\" 2> >(exit)' teal \"$@\"\n"));
}

/// Starts a Teal whose standard error is a socket that it takes for the journal's, and stops it once it has
/// logged all of these words; returns the lines that it has written.
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
    wait_until(SOON, "it has logged all", || words.iter().all(has));
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
        let event: Value = serde_json::from_str(text).expect(text);
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
