//! Failover: the active color is killed under load.

use std::time::{Duration, Instant};

use testkit::{Load, LoadOptions, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn the_active_color_killed_under_load_is_failed_over() {
    let setup = Setup::with(|settings| {
        // Only what traffic itself meets can be the reason for a failover within this interval.
        let health = "{ interval = \"5s\", timeout = \"500ms\", fast_interval = \"50ms\" }";
        settings.service("failover", "\"auto\"").service("health", health)
    });
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    load.wait_for_more(200);
    let begun = Instant::now();
    setup.blue.stop();
    wait_until(SOON, "traffic is on green", || setup.teal.active() == "green");
    let over = begun.elapsed();
    load.expect_only("green");
    load.wait_for_more(200);
    let report = load.stop();
    // Lost may be only what was in flight and may not be sent again: at most one per connection,
    // and no request that the target cannot have seen.
    assert!(report.lost <= 8, "{report:#?}");
    assert_eq!(report.late, 0, "{report:#?}");
    assert!(over < Duration::from_secs(2), "over after {over:?}");
    let receipt = setup.teal.receipt(setup.teal.generation()).to_string();
    assert!(receipt.contains("failover"), "{receipt}");
    setup.teal.log_has(&["failover"]);

    // Never back by itself, and not twice within a minute without an operator.
    setup.blue.restart();
    setup.teal.wait_healthy("blue", true);
    assert_eq!(setup.who(), "green");
    setup.green.stop();
    setup.teal.wait_healthy("green", false);
    assert_eq!(setup.teal.active(), "green");
    assert!(matches!(setup.client().get("/").status, 502 | 503));
    setup.green.restart();
    wait_until(SOON, "green answers again", || setup.client().get("/").status == 200);
    setup.finish();
}

#[test]
fn requests_that_every_target_refused_wait_for_the_failover() {
    // L5
    let setup = Setup::with(|settings| settings.service("failover", "\"auto\""));
    setup.blue.stop();
    // A POST that no target can have seen is not lost.
    let answer = setup.client().post("/parked", b"only once");
    assert_eq!((answer.status, answer.fields.get("x-target")), (200, Some("green")));
    assert_eq!(setup.green.seen().requests_to("/parked").len(), 1);
    setup.finish();
}

#[test]
fn without_failover_the_operator_decides() {
    let setup = Setup::new();
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    assert_eq!(setup.client().get("/").status, 502);
    assert_eq!(setup.teal.active(), "blue");
    setup.teal.switch_to("green");
    assert_eq!(setup.who(), "green");
    setup.finish();
}

#[test]
fn no_failover_to_a_color_that_is_down_too() {
    // L9
    let setup = Setup::with(|settings| settings.service("failover", "\"auto\""));
    let generation = setup.teal.generation();
    setup.green.stop();
    setup.teal.wait_healthy("green", false);
    setup.blue.stop();
    setup.teal.wait_healthy("blue", false);
    assert!(matches!(setup.client().get("/").status, 502 | 503));
    assert_eq!((setup.teal.active(), setup.teal.generation()), ("blue".to_owned(), generation));
    setup.finish();
}
