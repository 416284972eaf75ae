//! `teal demo`: the promise, shown on this machine.

use std::time::Duration;

use serde_json::Value;
use testkit::CliResult;

use crate::TEAL;

const REQUESTS: u64 = 50_000;
const SWITCHES: u64 = 20;

/// The number that stands behind these words in the ledger.
#[track_caller]
fn row(result: &CliResult, words: &str) -> u64 {
    let ledger = result.stdout.split("The ledger").nth(1).expect("the demo ends with its ledger");
    let row = ledger.lines().find_map(|line| line.trim_start().strip_prefix(words)).expect(words);
    let number = row.split_whitespace().next().expect(words).replace(',', "");
    number.parse().expect(words)
}

#[test]
fn the_demo_ends_by_itself_with_nothing_lost() {
    // L1 L2 L3 L4 L5 L8
    let result = testkit::run(TEAL.as_ref(), ["demo", "--once"], &[], Duration::from_secs(90));
    result.assert_code(0);
    assert!(row(&result, "sent") >= REQUESTS, "{}", result.stdout);
    assert!(row(&result, "switches") >= SWITCHES, "{}", result.stdout);
    for words in ["lost", "wrong echo", "doubled", "late"] {
        assert_eq!(row(&result, words), 0, "{words} in {}", result.stdout);
    }
    // The ledger balances: nothing was sent whose end is not known.
    let answered = row(&result, "answered by blue") + row(&result, "answered by green");
    assert_eq!(row(&result, "sent"), answered, "{}", result.stdout);
    assert!(!result.stdout.contains("in flight"), "{}", result.stdout);
    assert!(!result.stdout.contains('\x1b'), "no colors without a terminal");
    let pace = result.stdout.split("requests per second over ").nth(1).expect("how long it took");
    let seconds: f64 = pace.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
    assert!(seconds < 45.0, "{}", result.stdout);
    // Children are started and ended beside that, on a machine that other tests share.
    assert!(result.took < Duration::from_secs(60), "{:?}", result.took);
}

#[test]
fn an_interrupted_demo_leaves_its_ledger_as_json() {
    // L8
    // It says nothing until it ends, and has no ledger before its setup stands, which takes as long
    // as the machine is busy: then the interrupt comes later.
    let interrupted = |seconds: u64| {
        let seconds = seconds.to_string();
        let arguments = ["--preserve-status", "--signal=INT", &seconds, TEAL, "demo", "--json"];
        testkit::run("timeout".as_ref(), arguments, &[], Duration::from_secs(90))
    };
    let mut results = [4, 8, 16, 32].into_iter().map(interrupted);
    let result = results.find(|result| result.stdout.contains("\"answered\""));
    let result = result.expect("a demo that is interrupted after its setup");
    // The script was not played to its end, and that is a failure.
    result.assert_code(1);
    let ledger: Value = serde_json::from_str(&result.stdout).expect("nothing but JSON");
    let number = |name: &str| ledger[name].as_u64().expect("a number");
    let answered = ledger["answered"].as_object().expect("answers by color");
    let answered: u64 = answered.values().filter_map(Value::as_u64).sum();
    let ended = answered + number("lost") + number("wrong_echo") + number("in_flight");
    assert!(answered > 0, "{ledger}");
    assert_eq!((number("sent"), number("lost")), (ended, 0), "{ledger}");
    assert_eq!((&ledger["seen"]["doubled"], &ledger["seen"]["late"]), (&0.into(), &0.into()));
}

#[test]
fn the_scene_of_deploys_goes_back_three_times_and_loses_nothing() {
    // L1 L2 L3 L4 L8
    let arguments = ["demo", "--deploy", "--once"];
    let result = testkit::run(TEAL.as_ref(), arguments, &[], Duration::from_secs(180));
    result.assert_code(0);
    let told = &result.stdout;
    for words in [
        "Nothing has changed: green stays active; the new environment was stopped.",
        "status 500, expected 2xx",
        "Switched back: green is active at generation 4; the new environment was stopped.",
        "rolled_back; demo: ",
    ] {
        assert!(told.contains(words), "{words} in {told}");
    }
    for words in ["lost", "wrong echo", "doubled", "late"] {
        assert_eq!(row(&result, words), 0, "{words} in {told}");
    }
    assert_eq!(row(&result, "switches"), 6);
    for version in ["v1", "v2", "v4", "v5", "v6"] {
        assert!(row(&result, &format!("answered by {version}")) > 0, "{told}");
    }
    assert!(!told.contains("answered by v3"), "{told}");
}
