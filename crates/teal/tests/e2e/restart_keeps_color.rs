//! A restart, or a crash, comes back with the color, the generation and the history it had.

use crate::stage::{SOON, Stage};

#[test]
fn a_graceful_restart_keeps_the_color() {
    // L6
    let mut stage = Stage::new();
    stage.teal.switch_to("green");
    let generation = stage.teal.generation();
    stage.teal.assert_books_balance();
    assert_eq!(stage.teal.stop(SOON), Some(0));
    stage.teal.start_again();
    assert_eq!((stage.teal.active(), stage.teal.generation()), ("green".to_owned(), generation));
    assert_eq!(stage.who(), "green");
    stage.finish();
}

#[test]
fn a_crash_keeps_the_color_the_history_and_the_way_back() {
    // L6
    let mut stage = Stage::new();
    for color in ["green", "blue", "green"] {
        stage.teal.wait_healthy(color, true);
        stage.teal.switch_to(color);
    }
    let generation = stage.teal.generation();
    let token = stage.teal.token();
    stage.teal.kill();
    stage.teal.start_again();
    assert_eq!((stage.teal.active(), stage.teal.generation()), ("green".to_owned(), generation));
    assert_eq!(stage.teal.token(), token);
    assert_eq!(stage.teal.receipt(generation)["generation"], generation);
    // Health is never remembered: it is proven anew.
    stage.teal.wait_healthy("blue", true);
    stage.teal.cli(&["rollback"]).assert_code(0);
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn the_initial_color_counts_only_where_no_state_exists() {
    // L6
    let mut stage = Stage::with(|settings| settings.service("initial", "\"green\""));
    assert_eq!(stage.who(), "green");
    stage.teal.switch_to("blue");
    stage.teal.kill();
    stage.teal.start_again();
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn a_crash_in_the_middle_of_a_drain_is_in_the_receipt() {
    // L6
    let mut stage = Stage::new();
    let (_client, _gate) = stage.held_on_blue();
    let answer = stage.teal.switch("green", "&wait=published");
    assert_eq!(answer.status, 200);
    let generation = stage.teal.generation();
    stage.teal.kill();
    stage.teal.start_again();
    let receipt = stage.teal.receipt(generation).to_string();
    assert!(receipt.contains("interrupted"), "{receipt}");
    assert_eq!(stage.who(), "green");
    stage.finish();
}
