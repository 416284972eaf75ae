//! A restart, or a crash, comes back with the color, the generation and the history it had.

use crate::setup::{SOON, Setup};

#[test]
fn a_graceful_restart_keeps_the_color() {
    // L6
    let mut setup = Setup::new();
    setup.teal.switch_to("green");
    let generation = setup.teal.generation();
    setup.teal.assert_books_balance();
    assert_eq!(setup.teal.stop(SOON), Some(0));
    setup.teal.start_again();
    assert_eq!((setup.teal.active(), setup.teal.generation()), ("green".to_owned(), generation));
    assert_eq!(setup.who(), "green");
    setup.finish();
}

#[test]
fn a_crash_keeps_the_color_the_history_and_the_way_back() {
    // L6
    let mut setup = Setup::new();
    for color in ["green", "blue", "green"] {
        setup.teal.wait_healthy(color, true);
        setup.teal.switch_to(color);
    }
    let generation = setup.teal.generation();
    let token = setup.teal.token();
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!((setup.teal.active(), setup.teal.generation()), ("green".to_owned(), generation));
    assert_eq!(setup.teal.token(), token);
    assert_eq!(setup.teal.receipt(generation)["generation"], generation);
    // Health is never remembered: it is proven anew.
    setup.teal.wait_healthy("blue", true);
    setup.teal.cli(&["rollback"]).assert_code(0);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn the_initial_color_counts_only_where_no_state_exists() {
    // L6
    let mut setup = Setup::with(|settings| settings.service("initial", "\"green\""));
    assert_eq!(setup.who(), "green");
    setup.teal.switch_to("blue");
    setup.teal.kill();
    setup.teal.start_again();
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn a_crash_in_the_middle_of_a_drain_is_in_the_receipt() {
    // L6
    let mut setup = Setup::new();
    let (_client, _gate) = setup.held_on_blue();
    let answer = setup.teal.switch("green", "&wait=published");
    assert_eq!(answer.status, 200);
    let generation = setup.teal.generation();
    setup.teal.kill();
    setup.teal.start_again();
    let receipt = setup.teal.receipt(generation).to_string();
    assert!(receipt.contains("interrupted"), "{receipt}");
    assert_eq!(setup.who(), "green");
    setup.finish();
}
