//! Failover: the active color is killed under load.

use std::time::{Duration, Instant};

use testkit::{Load, LoadOptions, wait_until};

use crate::stage::{SOON, Stage};

#[test]
fn the_active_color_killed_under_load_is_failed_over() {
    let stage = Stage::with(|settings| {
        // Only what traffic itself meets can be the reason for a failover within this interval.
        let health = "{ interval = \"5s\", timeout = \"500ms\", fast_interval = \"50ms\" }";
        settings.service("failover", "\"auto\"").service("health", health)
    });
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    load.wait_for_more(200);
    let begun = Instant::now();
    stage.blue.stop();
    wait_until(SOON, "traffic is on green", || stage.teal.active() == "green");
    let over = begun.elapsed();
    load.expect_only("green");
    load.wait_for_more(200);
    let report = load.stop();
    // Lost may be only what was in flight and may not be sent again: at most one per connection,
    // and no request that the target cannot have seen.
    assert!(report.lost <= 8, "{report:#?}");
    assert_eq!(report.late, 0, "{report:#?}");
    assert!(over < Duration::from_secs(2), "over after {over:?}");
    let receipt = stage.teal.receipt(stage.teal.generation()).to_string();
    assert!(receipt.contains("failover"), "{receipt}");
    stage.teal.log_has(&["failover"]);

    // Never back by itself, and not twice within a minute without an operator.
    stage.blue.restart();
    stage.teal.wait_healthy("blue", true);
    assert_eq!(stage.who(), "green");
    stage.green.stop();
    stage.teal.wait_healthy("green", false);
    assert_eq!(stage.teal.active(), "green");
    assert!(matches!(stage.client().get("/").status, 502 | 503));
    stage.green.restart();
    wait_until(SOON, "green answers again", || stage.client().get("/").status == 200);
    stage.finish();
}

#[test]
fn requests_that_every_target_refused_wait_for_the_failover() {
    // L5
    let stage = Stage::with(|settings| settings.service("failover", "\"auto\""));
    stage.blue.stop();
    // A POST that no target can have seen is not lost.
    let answer = stage.client().post("/parked", b"only once");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("green")));
    assert_eq!(stage.green.seen().requests_to("/parked").len(), 1);
    stage.finish();
}

#[test]
fn without_failover_the_operator_decides() {
    let stage = Stage::new();
    stage.blue.stop();
    stage.teal.wait_healthy("blue", false);
    assert_eq!(stage.client().get("/").status, 502);
    assert_eq!(stage.teal.active(), "blue");
    stage.teal.switch_to("green");
    assert_eq!(stage.who(), "green");
    stage.finish();
}

#[test]
fn no_failover_to_a_color_that_is_down_too() {
    // L9
    let stage = Stage::with(|settings| settings.service("failover", "\"auto\""));
    let generation = stage.teal.generation();
    stage.green.stop();
    stage.teal.wait_healthy("green", false);
    stage.blue.stop();
    stage.teal.wait_healthy("blue", false);
    assert!(matches!(stage.client().get("/").status, 502 | 503));
    assert_eq!((stage.teal.active(), stage.teal.generation()), ("blue".to_owned(), generation));
    stage.finish();
}
