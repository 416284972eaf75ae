//! What operators do besides switching: holds that drain, logs for programs, a drill, receipts.

use testkit::{Client, Load, LoadOptions, Settings, Target, Teal};

use crate::TEAL;
use crate::stage::Stage;

#[test]
fn a_hold_drains_the_active_color_and_says_what_it_cut() {
    // L3
    let stage = Stage::new();
    let (mut held, _gate) = stage.held_on_blue();
    let cut = stage.teal.cli(&["hold", "--drain", "300ms"]);
    assert_eq!(cut.code, Some(5), "{}", cut.all());
    assert_eq!(held.answer().status, 504);
    stage.teal.cli(&["resume"]).assert_code(0);
    stage.teal.cli(&["hold", "--no-wait"]).assert_code(0);
    stage.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn a_receipt_has_the_figures_of_both_colors() {
    let stage = Stage::new();
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    load.wait_for_more(200);
    load.expect_anyone();
    stage.teal.switch_to("green");
    load.expect_only("green");
    load.wait_for_more(50);
    load.stop().assert_nothing_lost();
    let receipt = stage.teal.receipt(stage.teal.generation()).to_string();
    let text = stage.teal.cli(&["receipt"]).assert_code(0).all();
    let line = text.lines().find(|line| line.starts_with("Blue: ")).expect("blue's figures");
    assert!(!line.starts_with("Blue: 0 requests") && line.contains("p99"), "{text}");
    for word in ["retries", "stale_lost", "parked", "p50", "p99"] {
        assert!(receipt.contains(word), "{word} is missing in {receipt}");
    }
    stage.finish();
}

#[test]
fn logs_for_programs_are_one_json_object_per_line() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut teal = Teal::prepare(TEAL, &Settings::new(&blue, &green));
    teal.spawn(&["--log", "json"]);
    teal.log_has(&["listening on"]);
    for line in teal.log().lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["message"].is_string() && event["level"].is_string(), "{line}");
    }
}

#[test]
fn a_drill_says_what_was_lost_and_ends_with_1_if_anything_was() {
    let stage = Stage::new();
    let url = format!("http://{}/page", stage.teal.listener());
    let clean = stage.teal.cli_bare(&["drill", &url, "--time", "1s", "--connections", "4"], &[]);
    assert_eq!(clean.code, Some(0), "{}", clean.all());
    stage.blue.stop();
    let lossy = stage.teal.cli_bare(&["drill", &url, "--time", "1s", "--connections", "4"], &[]);
    assert_eq!(lossy.code, Some(1), "{}", lossy.all());
    stage.finish();
}

#[test]
fn a_target_by_name_is_resolved_and_reached() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let named = |target: &Target| format!("http://localhost:{}", target.address().port());
    let settings = Settings::of_urls(&[&named(&blue)], &[&named(&green)]);
    let teal = Teal::start_healthy(TEAL, &settings);
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    teal.switch_to("green");
    assert_eq!(Client::connect(teal.listener()).get("/").status, 200);
    assert_eq!((blue.seen().count(), green.seen().count()), (1, 1));
    teal.assert_books_balance();
}
