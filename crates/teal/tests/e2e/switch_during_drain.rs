//! A second switch, or a rollback, while the first one still drains: it is accepted, cuts nothing,
//! and the first caller gets an answer that says so.

use crate::setup::{SOON, Setup, beside};

fn a_change_during_a_drain_supersedes_it(second: &[&str]) {
    let setup = Setup::new();
    let (mut client, gate) = setup.held_on_blue();
    let first = beside(&setup.teal, &["switch", "green", "--drain", "30s"]);
    testkit::wait_until(SOON, "traffic is on green", || setup.who() == "green");
    let generation = setup.teal.generation();
    setup.teal.cli(second).assert_code(0);
    assert_eq!(setup.who(), "blue");
    assert_eq!(setup.teal.generation(), generation + 1);

    let told = first.join().expect("the command ran");
    let words = format!("superseded by generation {}", generation + 1);
    assert!(told.all().contains(&words), "{}", told.all());
    let receipt = setup.teal.receipt(generation).to_string();
    assert!(receipt.contains("superseded"), "{receipt}");

    // The request of the first generation was never touched.
    assert!(client.is_quiet());
    gate.open();
    let answer = client.answer();
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("blue")));
    setup.finish();
}

#[test]
fn a_second_switch_supersedes_the_drain_and_cuts_nothing() {
    // L3
    a_change_during_a_drain_supersedes_it(&["switch", "blue"]);
}

#[test]
fn a_rollback_supersedes_the_drain_and_cuts_nothing() {
    // L3
    a_change_during_a_drain_supersedes_it(&["rollback"]);
}

#[test]
fn switching_to_the_color_already_active_joins_the_drain_under_way() {
    let setup = Setup::new();
    let (mut client, gate) = setup.held_on_blue();
    let first = beside(&setup.teal, &["switch", "green", "--drain", "30s"]);
    testkit::wait_until(SOON, "traffic is on green", || setup.who() == "green");
    let second = beside(&setup.teal, &["switch", "green"]);
    setup.client().get("/some-more-time");
    assert!(!second.is_finished(), "it waits for the same drain");
    gate.open();
    assert_eq!(client.answer().status, 200);
    first.join().expect("the command ran").assert_code(0);
    let joined = second.join().expect("the command ran");
    joined.assert_code(0);
    assert!(joined.all().contains("Already on green"), "{}", joined.all());
    setup.finish();
}

#[test]
fn a_switch_that_does_not_wait_says_that_blue_is_still_needed() {
    let setup = Setup::new();
    let (mut client, gate) = setup.held_on_blue();
    let result = setup.teal.cli(&["switch", "green", "--no-wait"]);
    result.assert_code(0);
    assert!(result.all().contains("still draining: do not stop blue"), "{}", result.all());
    let status = setup.teal.cli(&["status"]);
    status.assert_code(0);
    assert!(status.stdout.contains("draining"), "{}", status.stdout);
    let early = setup.teal.cli(&["wait", "drained", "blue", "--timeout", "200ms"]);
    early.assert_code(1);
    let wait = beside(&setup.teal, &["wait", "drained", "blue", "--timeout", "20s"]);
    gate.open();
    assert_eq!(client.answer().status, 200);
    wait.join().expect("the command ran").assert_code(0);
    let status = setup.teal.cli(&["status"]);
    assert!(status.stdout.contains("safe to stop"), "{}", status.stdout);
    setup.finish();
}
