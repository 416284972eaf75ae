//! A journal that is damaged where it matters: Teal refuses to guess, says what it knows, and takes
//! a generation only from a person.

use std::fs;
use std::path::PathBuf;

use testkit::{Client, Settings, Target, Teal};

use crate::TEAL;
use crate::setup::{SOON, Setup};

/// A setup on green with three switches behind it, killed.
fn after_three_switches() -> (Setup, u64) {
    let mut setup = Setup::new();
    for color in ["green", "blue", "green"] {
        setup.teal.wait_healthy(color, true);
        setup.teal.switch_to(color);
    }
    let generation = setup.teal.generation();
    setup.teal.kill();
    (setup, generation)
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
    let (mut setup, generation) = after_three_switches();
    damage(&journal(&setup.teal));
    let said = refusal(&mut setup.teal, &[]);
    assert!(said.contains("journal"), "{said}");
    let adopt = said.split("--adopt ").nth(1).expect("it says what to do");
    let adopt = adopt.chars().take_while(char::is_ascii_digit).collect::<String>();
    let good: u64 = adopt.parse().expect("it names the last good generation");
    assert!(good <= generation, "{said}");

    let wrong = (good + 1000).to_string();
    let said = refusal(&mut setup.teal, &["--adopt", &wrong]);
    assert!(said.contains(&adopt), "{said}");

    setup.teal.spawn(&["--adopt", &adopt]);
    setup.teal.wait_ready();
    assert_eq!(setup.teal.generation(), good);
    assert_eq!(setup.client().get("/").status, 200);
    setup.finish();
}

#[test]
fn a_missing_journal_is_not_an_empty_one() {
    // L6
    let (mut setup, _) = after_three_switches();
    fs::remove_file(journal(&setup.teal)).expect("the journal can be removed");
    for target in [&setup.blue, &setup.green] {
        target.seen().forget();
    }
    let said = refusal(&mut setup.teal, &[]);
    assert!(said.contains("journal"), "{said}");
    // Nothing was served, nothing probed, and there are no books to show.
    assert!(!said.contains("listening on") && !said.contains("the books"), "{said}");
    assert!(Client::try_connect(setup.teal.listener()).is_err(), "half started");
    assert!(Client::try_connect(setup.teal.admin()).is_err(), "half started");
    for target in [&setup.blue, &setup.green] {
        assert!(target.seen().probes().is_empty() && target.seen().requests().is_empty());
    }
}

#[test]
fn a_torn_tail_is_dropped_and_logged() {
    // L6
    let (mut setup, generation) = after_three_switches();
    let path = journal(&setup.teal);
    let mut bytes = fs::read(&path).expect("the journal is readable");
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used);
    bytes.extend_from_slice(b"\x40\x00\x00\x00torn");
    fs::write(&path, bytes).expect("the journal is writable");
    setup.teal.start_again();
    assert_eq!((setup.who(), setup.teal.generation()), ("green".to_owned(), generation));
    setup.teal.log_has(&["WARN", "dropped", "8 bytes"]);
    setup.finish();
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
