//! Actions from the screen: shown first, asked about, done at the generation that was seen, or refused.

use testkit::{Health, Load, LoadOptions};

use crate::{Watched, ended};

#[test]
fn figures_move_under_load_and_a_switch_is_shown_asked_about_and_done() {
    // L2
    let mut watched = Watched::new();
    watched.shows(&[
        "web  generation",
        "blue serves; green is drained: safe to stop",
        "● BLUE: active",
        "○ GREEN: idle",
    ]);
    let load = Load::start(watched.teal.listener(), LoadOptions::default());
    load.wait_for_more(100);
    watched.shows(&["█", "p99", "Lost 0 of "]);
    watched.top.press("s");
    watched.shows(&[
        "Switch web to green?",
        "Would switch from blue to green",
        "Enter or y: switch",
    ]);
    assert_eq!(watched.teal.active(), "blue", "nothing happens before the answer");
    load.expect_anyone();
    watched.top.press("\r");
    watched.shows(&["Switch web to green: ● done", "Switched from blue to green"]);
    load.expect_only("green");
    load.wait_for_more(100);
    watched.top.press("\x1b");
    watched.shows(&["○ BLUE: idle", "● GREEN: active", "switch of web from blue to green"]);
    watched.top.press("r");
    watched.shows(&["Roll back web?", "Would switch from green to blue"]);
    load.expect_anyone();
    watched.top.press("y");
    watched.shows(&["Roll back web: ● done"]);
    watched.top.press("\x1bq");
    ended(&mut watched.top, 0);
    assert_eq!(watched.teal.active(), "blue");
    load.expect_end();
    load.stop().assert_nothing_lost();
    watched.finish();
}

#[test]
fn a_refused_switch_says_why_and_the_screen_stays_usable() {
    // L9
    let mut watched = Watched::new();
    watched.green.health(Health::Status(503));
    watched.teal.wait_healthy("green", false);
    watched.shows(&["✕ GREEN: idle, down", ": 503", "web: the green target"]);
    watched.top.press("s");
    let told = watched.shows(&["▲ refused, nothing was changed", "503"]);
    assert!(!told.contains("Enter or y"), "{told}");
    watched.top.press("y\x1b");
    watched.green.health(Health::Healthy);
    watched.teal.wait_healthy("green", true);
    watched.top.press("s");
    watched.shows(&["Switch web to green?", "Enter or y: switch"]);
    // Somebody else is faster.
    watched.teal.switch_to("green");
    watched.teal.switch_to("blue");
    watched.top.press("y");
    watched.shows(&["▲ refused, nothing was changed", "generation 2"]);
    assert_eq!(watched.teal.active(), "blue");
    watched.top.press("\x1b");
    watched.shows(&["web  generation 2"]);
    watched.top.press("h");
    watched.shows(&["Hold web?"]);
    watched.top.press("y");
    watched.shows(&["Hold web: ● done"]);
    watched.top.press("\x1b");
    watched.shows(&["blue is held", "h resume"]);
    watched.top.press("h");
    watched.shows(&["Resume web?", "No request waits; new ones go to blue"]);
    watched.top.press("y");
    watched.shows(&["Resume web: ● done"]);
    watched.top.press("\x1b\x03");
    ended(&mut watched.top, 0);
    watched.finish();
}
