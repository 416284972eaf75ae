//! `teal drill` without a URL: targets and a Teal of its own, a seeded schedule, one ledger.

use std::time::Duration;

use crate::TEAL;

fn drill(arguments: &[&str]) -> testkit::CliResult {
    let arguments = ["drill"].iter().chain(arguments);
    testkit::run(TEAL.as_ref(), arguments, &[], Duration::from_secs(60))
}

#[test]
fn a_drill_of_its_own_says_what_it_proves_and_how_to_repeat_it() {
    // L8
    let result = drill(&["--time", "4s", "--rate", "1000", "--seed", "7", "--json"]);
    result.assert_code(0);
    let report: serde_json::Value = serde_json::from_str(&result.stdout).expect("JSON");
    let count = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {report}"));
    assert_eq!((count("seed"), count("lost"), count("wrong_echo")), (7, 0, 0));
    assert!(count("switches") >= 3 && count("sent") >= 500, "{report}");
    for name in ["doubled", "late", "unaccounted", "unknown"] {
        assert_eq!(report["seen"][name], 0, "{name}: {report}");
    }
    // The rule of three.
    let bound = report["loss_bound"].as_f64().expect("a bound");
    assert!((bound * report["sent"].as_f64().expect("a number") - 3.0).abs() < 1e-6, "{report}");
    assert_eq!(report["books"]["accepted"], report["sent"], "{report}");
    assert_eq!(report["books"]["in_flight"], 0, "{report}");
}

#[test]
fn a_seed_is_refused_beside_a_url_and_printed_without_one() {
    let refused = drill(&["http://127.0.0.1:1/", "--seed", "7"]);
    refused.assert_code(2);
    assert!(refused.all().contains("--seed"), "{}", refused.all());
    let told = drill(&["--time", "1s", "--rate", "500", "--seed", "11"]);
    told.assert_code(0);
    for words in ["--seed 11", "with 95 % confidence", "switches"] {
        assert!(told.stdout.contains(words), "{words} is missing in {}", told.all());
    }
}
