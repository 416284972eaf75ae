//! `teal journal dump`: every record, while Teal writes and after it, and what is not there.

use std::fs;

use serde_json::Value;

use crate::setup::Setup;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn the_journal_is_shown_while_it_is_written_and_nothing_is_changed() {
    let setup = Setup::new();
    let directory = setup.teal.state_dir().display().to_string();
    let dump = || setup.teal.cli_bare(&["journal", "dump", "--state-dir", &directory], &[]);
    setup.teal.switch_to("green");
    let bytes = fs::read(setup.teal.state_dir().join("journal")).expect("a journal");
    let result = dump();
    result.assert_code(0);
    let all = lines(&result.stdout);
    let moved = all.iter().find(|line| line["record"].to_string().contains("\"moved\""));
    let moved = moved.expect(&result.stdout);
    assert_eq!((&moved["decision"], &moved["durable"]), (&true.into(), &true.into()));
    assert_eq!(moved["generation"], 1);
    assert_eq!(fs::read(setup.teal.state_dir().join("journal")).expect("a journal"), bytes);
    // Bytes that are not a record are reported, and the records before them are shown.
    let mut damaged = bytes.clone();
    let end = moved["end"].as_u64().expect("an offset") as usize;
    damaged[end - 1] ^= 1;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let path = elsewhere.path().display().to_string();
    let dump = |words: &[&str]| setup.teal.cli_bare(&[&["journal", "dump"], words].concat(), &[]);
    let missing = dump(&["--state-dir", &path]);
    missing.assert_code(1);
    assert!(missing.stderr.contains("cannot read") && missing.stderr.contains("--state-dir"));
    fs::write(elsewhere.path().join("journal"), damaged).expect("a file");
    let result = dump(&["--state-dir", &path]);
    result.assert_code(0);
    let shown = lines(&result.stdout);
    assert!(shown.len() < all.len() && shown.iter().all(|line| line["durable"] == false));
    assert!(result.stderr.contains("there is no complete record"), "{}", result.stderr);
    assert!(result.stderr.contains("how far the journal is durable"), "{}", result.stderr);
    fs::write(elsewhere.path().join("journal"), "no journal at all").expect("a file");
    let result = dump(&["--state-dir", &path]);
    result.assert_code(1);
    assert!(result.stdout.is_empty(), "{}", result.stdout);
    setup.finish();
}
