//! A journal that is damaged where it matters: Teal refuses to guess, says what it knows, and takes
//! a generation only from a person.

use std::fs;
use std::path::PathBuf;

use testkit::{Client, Settings, Target, Teal};

use crate::TEAL;
use crate::stage::{SOON, Stage};

/// A stage on green with three switches behind it, killed.
fn after_three_switches() -> (Stage, u64) {
    let mut stage = Stage::new();
    for color in ["green", "blue", "green"] {
        stage.teal.wait_healthy(color, true);
        stage.teal.switch_to(color);
    }
    let generation = stage.teal.generation();
    stage.teal.kill();
    (stage, generation)
}

fn journal(teal: &Teal) -> PathBuf {
    teal.state_dir().join("journal")
}

/// Starts it, expects it to refuse, and returns its message.
fn refusal(teal: &mut Teal, further: &[&str]) -> String {
    teal.spawn(further);
    let code = teal.wait_exit(SOON);
    assert!(matches!(code, Some(1 | 2)), "{code:?}: {}", teal.log());
    teal.log()
}

/// Damages the middle of what was written.
fn damage(path: &PathBuf) {
    let mut bytes = fs::read(path).expect("the journal is readable");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("the journal is not empty");
    bytes[used / 2] ^= 0x5a;
    fs::write(path, bytes).expect("the journal is writable");
}

#[test]
fn damage_before_the_last_decision_is_refused_and_adopted_only_by_name() {
    // L6 A10
    let (mut stage, generation) = after_three_switches();
    damage(&journal(&stage.teal));
    let said = refusal(&mut stage.teal, &[]);
    assert!(said.contains("journal"), "{said}");
    let adopt = said.split("--adopt ").nth(1).expect("it says what to do");
    let adopt = adopt.chars().take_while(char::is_ascii_digit).collect::<String>();
    let good: u64 = adopt.parse().expect("it names the last good generation");
    assert!(good <= generation, "{said}");

    let wrong = (good + 1000).to_string();
    let said = refusal(&mut stage.teal, &["--adopt", &wrong]);
    assert!(said.contains(&adopt), "{said}");

    stage.teal.spawn(&["--adopt", &adopt]);
    stage.teal.wait_ready();
    assert_eq!(stage.teal.generation(), good);
    assert_eq!(stage.client().get("/").status, 200);
    stage.finish();
}

#[test]
fn a_missing_journal_is_not_an_empty_one() {
    // L6
    let (mut stage, _) = after_three_switches();
    fs::remove_file(journal(&stage.teal)).expect("the journal can be removed");
    for target in [&stage.blue, &stage.green] {
        target.seen().forget();
    }
    let said = refusal(&mut stage.teal, &[]);
    assert!(said.contains("journal"), "{said}");
    // Nothing was served, nothing probed, and there are no books to show.
    assert!(!said.contains("listening on") && !said.contains("the books"), "{said}");
    assert!(Client::try_connect(stage.teal.listener()).is_err(), "half started");
    assert!(Client::try_connect(stage.teal.admin()).is_err(), "half started");
    for target in [&stage.blue, &stage.green] {
        assert!(target.seen().probes().is_empty() && target.seen().requests().is_empty());
    }
}

#[test]
fn a_torn_tail_is_dropped_and_logged() {
    // L6
    let (mut stage, generation) = after_three_switches();
    let path = journal(&stage.teal);
    let mut bytes = fs::read(&path).expect("the journal is readable");
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used);
    bytes.extend_from_slice(b"\x40\x00\x00\x00torn");
    fs::write(&path, bytes).expect("the journal is writable");
    stage.teal.start_again();
    assert_eq!((stage.who(), stage.teal.generation()), ("green".to_owned(), generation));
    stage.teal.log_has(&["WARN", "dropped", "8 bytes"]);
    stage.finish();
}

#[test]
fn a_disk_that_cannot_be_written_refuses_the_switch_and_traffic_goes_on() {
    // L6
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = Teal::surviving_full_files(TEAL, directory.path());
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::start_healthy(&program, &Settings::new(&blue, &green));
    let generation = teal.generation();
    teal.limit_file_size(Some(0));
    for _ in 0..3 {
        let refused = teal.switch("green", "");
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(refused.text().contains("journal"), "{}", refused.text());
        let answer = Client::connect(teal.listener()).get("/");
        assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    }
    assert_eq!((teal.active(), teal.generation()), ("blue".to_owned(), generation));
    teal.limit_file_size(None);
    teal.switch_to("green");
    let generation = teal.generation();
    teal.kill();
    teal.start_again();
    assert_eq!((teal.active(), teal.generation()), ("green".to_owned(), generation));
    teal.assert_books_balance();
}
