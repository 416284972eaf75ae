//! Actions: the dry run first, the question, the outcome; and no key that acts by itself.

use contract::wire::Color;
use serde_json::json;
use top::{Answer, Call, Intent, Key, Outcome, Top, Verb};

use crate::documents::{reading, service};
use crate::{NOW, assert_has, colored, lines, lines_at, types};

fn open() -> Top {
    let mut top = colored();
    top.read(NOW, reading(&[service("web")]));
    top
}

fn call(ticket: u32, verb: Verb) -> Call {
    Call { ticket, verb, service: "web".to_owned(), generation: 7 }
}

fn answer(ticket: u32, outcome: Outcome, text: &str) -> Answer {
    Answer { ticket, outcome, text: text.to_owned() }
}

#[test]
fn a_switch_is_rehearsed_then_asked_about_then_done() {
    let mut top = open();
    let switch = call(1, Verb::Switch(Color::Green));
    assert_eq!(types(&mut top, &[Key::Char('s')]), Some(Intent::Rehearse(switch.clone())));
    assert_has(&lines(&top), &["Switch web to green", "Asking Teal what would happen"]);
    // Keys that come too early do nothing.
    assert_eq!(types(&mut top, &[Key::Enter, Key::Char('y'), Key::Char('s')]), None);
    top.answered(&answer(
        1,
        Outcome::Done,
        "Would switch from blue to green\n412 requests per second move\n",
    ));
    assert_has(
        &lines(&top),
        &[
            "Switch web to green?",
            "412 requests per second move",
            "Enter or y: switch · Esc: cancel, change nothing",
        ],
    );
    assert_eq!(types(&mut top, &[Key::Enter]), Some(Intent::Act(switch)));
    assert_eq!(types(&mut top, &[Key::Enter, Key::Char('y')]), None, "it is asked for once");
    top.answered(&answer(
        1,
        Outcome::Done,
        "Switched from blue to green\nblue is still draining: do not stop blue\n",
    ));
    assert_has(&lines(&top), &["Switch web to green: ● done", "do not stop blue"]);
    assert_eq!(types(&mut top, &[Key::Escape]), None);
    assert!(!lines(&top).iter().any(|line| line.contains("● done")));
}

#[test]
fn a_refusal_is_told_with_its_reason_before_and_after_the_question() {
    let mut top = open();
    types(&mut top, &[Key::Char('s')]);
    let why = "green is not healthy\nhttp://127.0.0.1:8082: connection refused";
    top.answered(&answer(1, Outcome::Refused, why));
    assert_has(&lines(&top), &["▲ refused, nothing was changed", "connection refused"]);
    assert_eq!(types(&mut top, &[Key::Char('y')]), None);
    assert_eq!(types(&mut top, &[Key::Escape]), None);

    types(&mut top, &[Key::Char('s')]);
    top.answered(&answer(2, Outcome::Done, "Would switch from blue to green"));
    types(&mut top, &[Key::Char('y')]);
    top.answered(&answer(2, Outcome::Refused, "web was changed meanwhile: it is at generation 8"));
    assert_has(&lines(&top), &["refused, nothing was changed", "generation 8"]);
    types(&mut top, &[Key::Enter]);
    assert_eq!(types(&mut top, &[Key::Char('q')]), Some(Intent::Leave), "it stays usable");
}

#[test]
fn a_dialog_that_was_left_hears_no_answer() {
    let mut top = open();
    types(&mut top, &[Key::Char('s'), Key::Escape]);
    top.answered(&answer(1, Outcome::Done, "Would switch"));
    assert!(!lines(&top).iter().any(|line| line.contains("Would switch")));
    types(&mut top, &[Key::Char('r')]);
    top.answered(&answer(1, Outcome::Done, "Would switch"));
    assert_has(&lines(&top), &["Roll back web", "Asking Teal"]);
    assert_eq!(types(&mut top, &[Key::Enter]), None);
}

#[test]
fn rollback_hold_and_resume_have_dialogs_of_their_own() {
    let mut top = open();
    assert_eq!(types(&mut top, &[Key::Char('r')]), Some(Intent::Rehearse(call(1, Verb::Rollback))));
    types(&mut top, &[Key::Char('n')]);
    assert_eq!(types(&mut top, &[Key::Char('h')]), Some(Intent::Rehearse(call(2, Verb::Hold))));
    top.answered(&answer(2, Outcome::Done, "12 requests per second wait at Teal"));
    assert_has(&lines(&top), &["Hold web?", "12 requests per second wait", "Enter or y: hold"]);
    assert_eq!(types(&mut top, &[Key::Char('y')]), Some(Intent::Act(call(2, Verb::Hold))));
    top.answered(&answer(2, Outcome::Failed, "the connection broke"));
    assert_has(&lines(&top), &["✕ failed", "the connection broke"]);
    types(&mut top, &[Key::Escape]);
    let mut held = service("web");
    held["held"] = json!({ "waiting": 5, "since": "2026-11-23T15:04:05.678Z", "actor": "teal", "max_wait_seconds": 30.0 });
    top.read(NOW, reading(&[held]));
    types(&mut top, &[Key::Char('h')]);
    assert_eq!(types(&mut top, &[Key::Enter]), None, "the dry run has not answered");
    top.answered(&answer(3, Outcome::Done, "5 waiting requests go to blue"));
    assert_has(&lines(&top), &["Resume web?", "5 waiting requests"]);
    assert_eq!(types(&mut top, &[Key::Enter]), Some(Intent::Act(call(3, Verb::Resume))));
}

#[test]
fn no_single_key_acts() {
    for byte in b' '..=b'~' {
        let mut top = open();
        let intent = top.key(Key::Char(char::from(byte)), 24);
        assert!(!matches!(intent, Some(Intent::Act(_))), "{byte}");
    }
}

#[test]
fn a_long_answer_fits_and_help_closes_with_any_key() {
    let mut top = open();
    types(&mut top, &[Key::Char('s')]);
    let long = "word ".repeat(400) + "\n" + &"line \x1b[31m\n".repeat(60);
    top.answered(&answer(1, Outcome::Refused, &long));
    for (width, height) in [(80, 24), (56, 16), (200, 50)] {
        let shown = lines_at(&top, width, height, NOW);
        assert_has(&shown, &["Esc: close", "…"]);
    }
    types(&mut top, &[Key::Escape, Key::Char('?')]);
    assert_has(&lines(&top), &["Keys and signs", "roll back to the previous color"]);
    assert_eq!(types(&mut top, &[Key::Char('q')]), None);
    assert_eq!(types(&mut top, &[Key::Char('q')]), Some(Intent::Leave));
}
