//! On a terminal: the questions, what is said of wrong answers, and Ctrl-C.

use std::fs;
use std::path::Path;

use testkit::OnTerminal;

use crate::{SOON, TEAL, check, files_below};

fn asked(directory: &Path) -> OnTerminal {
    let arguments = ["init".to_owned(), directory.display().to_string()];
    OnTerminal::start_with_keyboard(Path::new(TEAL), arguments, &[])
}

#[test]
fn five_questions_are_asked_and_wrong_answers_are_explained_at_once() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = place.path().join("shop");
    let mut terminal = asked(&directory);
    for (after, keys) in [
        ("1/5", "The Shop\n"),
        ("must be 1 to 63 of a-z", "shop\n"),
        ("2/5", "\n"),
        ("3/5", "7081 7081\n"),
        ("also a target of blue", "7081 7082\n"),
        ("4/5", "acme\n"),
        ("acme has no name", "\n"),
        ("5/5", "command\n"),
        ("[./shop --port {port}]", "./shop --port {prot}\n"),
        ("placeholders are", "\n"),
    ] {
        assert!(!directory.exists(), "nothing is written before the last answer");
        terminal.types(after, keys);
    }
    let (code, shown) = terminal.end(SOON);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("[any host]") && shown.contains("[8081 8082]"), "{shown}");
    assert!(shown.contains("./deploy.sh v1"), "{shown}");
    let config = fs::read_to_string(directory.join("teal.toml")).expect("written");
    assert!(config.contains("http://127.0.0.1:7081") && config.contains("\"./shop\""), "{config}");
    check(&directory).assert_code(0);
}

#[test]
fn ctrl_c_and_the_end_of_input_leave_nothing() {
    let place = tempfile::tempdir().expect("a directory");
    for (keys, code) in [("\x03", None), ("\x04", Some(1))] {
        let directory = place.path().join("new");
        let mut terminal = asked(&directory);
        terminal.types("1/5", "\n");
        terminal.types("2/5", "\n");
        terminal.types("3/5", keys);
        let (ended, shown) = terminal.end(SOON);
        assert_eq!(ended, code, "{shown}");
        assert!(files_below(place.path()).is_empty() && !directory.exists(), "{shown}");
    }
}
