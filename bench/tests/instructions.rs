//! The program that counts instructions: it does what runs under callgrind, and names what it lacks. Because of this test
//! it is built with everything else, instead of once more by itself.

use std::process::{Command, Output};

/// The program with these arguments, at the root of the repository.
fn instructions(arguments: &[&str]) -> Output {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_instructions"));
    command.args(arguments).current_dir(root).output().expect("the program runs")
}

#[test]
fn every_case_of_the_baseline_can_be_sent() {
    let baseline = include_str!("../instructions.toml").parse::<toml::Table>().expect("TOML");
    let cases = baseline.keys().filter(|name| *name != "ground").collect::<Vec<_>>();
    assert!(cases.len() >= 5, "{cases:?}");
    for case in cases {
        let sent = instructions(&["run", case, "20"]);
        assert!(sent.status.success(), "{case}: {}", String::from_utf8_lossy(&sent.stderr));
    }
}

#[test]
fn a_baseline_that_is_not_there_is_named() {
    let refused = instructions(&["--baseline", "bench/nowhere.toml"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("bench/nowhere.toml"), "{said}");
}
