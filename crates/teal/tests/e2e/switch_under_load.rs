//! Switching back and forth under a strict load, the old target stopped right after "drained".

use std::collections::HashMap;

use testkit::{Load, LoadOptions, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn twenty_switches_under_load_lose_double_and_delay_nothing() {
    // L1 L2 L3 L4
    let setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    for round in 0..20 {
        let (old, new) = if round % 2 == 0 { ("blue", "green") } else { ("green", "blue") };
        setup.teal.wait_healthy(new, true);
        load.expect_anyone();
        setup.teal.switch_to(new);
        load.expect_only(new);
        // The answer has come, so the old target is free to go, as a deploy script would do it.
        wait_until(SOON, "the old color has no connection left", || {
            setup.target(old).seen().open_connections() == 0
        });
        setup.target(old).stop();
        load.wait_for_more(50);
        setup.target(old).restart();
    }
    let report = load.stop();
    report.assert_nothing_lost();
    assert!(report.answered["blue"] > 0 && report.answered["green"] > 0, "{report:?}");
    assert_eq!(setup.teal.service()["generation"], setup.teal.generation());
    let mut times = setup.blue.seen().times_by("x-id");
    for (id, count) in setup.green.seen().times_by("x-id") {
        *times.entry(id).or_default() += count;
    }
    assert_doubled_only_where_replayed(&setup, &times);
    setup.finish();
}

/// A request may be seen twice only if Teal says that it was sent again (L5).
fn assert_doubled_only_where_replayed(setup: &Setup, times: &HashMap<String, usize>) {
    let doubled = times.values().filter(|times| **times > 1).count();
    let retries = setup.teal.metrics().count("teal_retries_total", &[]);
    assert!(doubled as u64 <= retries, "{doubled} doubled, {retries} retries");
    for color in [&setup.blue, &setup.green] {
        for request in color.seen().requests() {
            let id = request.fields.get("x-id").unwrap_or_default();
            let twice = times.get(id).is_some_and(|times| *times > 1);
            assert!(!(twice && request.method == "POST"), "POST {id} was seen twice");
        }
    }
}

#[test]
fn a_receipt_records_the_effects_of_a_switch() {
    let setup = Setup::new();
    let before = setup.teal.generation();
    setup.teal.switch_to("green");
    let generation = setup.teal.generation();
    assert_eq!(generation, before + 1);
    let receipt = setup.teal.receipt(generation);
    assert_eq!(receipt["generation"], generation, "{receipt}");
    let text = receipt.to_string();
    for word in ["\"blue\"", "\"green\"", "drained", "\"web\""] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let (status, history) = setup.teal.ask_json("GET", "/admin/history");
    assert_eq!(status, 200);
    assert!(history.to_string().contains("green"), "{history}");
    setup.finish();
}

#[test]
fn a_switch_is_refused_by_a_stale_generation_and_a_dry_run_changes_nothing() {
    let setup = Setup::new();
    let generation = setup.teal.service()["generation"].as_u64().expect("a generation");
    let stale = format!("\"{}\"", generation + 7);
    let answer = setup.teal.ask("POST", "/admin/switch?to=green", &[("If-Match", &stale)]);
    assert_eq!(answer.status, 412, "{}", answer.text());
    let dry = setup.teal.switch("green", "&dry_run=true");
    assert_eq!(dry.status, 200, "{}", dry.text());
    assert_eq!((setup.who(), setup.teal.generation()), ("blue".to_owned(), generation));
    let fresh = format!("\"{generation}\"");
    let answer = setup.teal.ask("POST", "/admin/switch?to=green", &[("If-Match", &fresh)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // Already there: 200 even with a stale If-Match.
    let answer = setup.teal.ask("POST", "/admin/switch?to=green", &[("If-Match", &stale)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    setup.finish();
}
