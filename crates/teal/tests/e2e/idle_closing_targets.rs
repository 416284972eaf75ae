//! Targets that close idle connections just when they are used again: nothing is lost, also not
//! what may not be sent twice.

use std::time::{Duration, Instant};

use testkit::{Load, LoadOptions, wait_until};

use crate::setup::{SOON, Setup};

fn nothing_is_lost(target_idle: Duration, requests: u64, advertise: Option<&str>) {
    // L5
    let setup = Setup::new();
    for target in [&setup.blue, &setup.green] {
        target.close_idle_after(Some(target_idle));
        if let Some(value) = advertise {
            target.advertise_keep_alive(value);
        }
    }
    // Pauses around the target's idle time: many requests meet a connection that is being closed.
    let options = LoadOptions { connections: 24, pause: target_idle.min(Duration::from_secs(3)) };
    let load = Load::start(setup.teal.listener(), options);
    load.wait_for_more(requests);
    load.expect_anyone();
    setup.teal.switch_to("green");
    load.expect_only("green");
    load.wait_for_more(requests);
    load.stop().assert_nothing_lost();
    let metrics = setup.teal.metrics();
    assert_eq!(metrics.count("teal_stale_lost_total", &[]), 0);
    setup.finish();
}

#[test]
fn nothing_is_lost_with_targets_that_close_after_50_ms() {
    nothing_is_lost(Duration::from_millis(50), 800, None);
}

#[test]
fn nothing_is_lost_with_targets_that_close_after_200_ms() {
    nothing_is_lost(Duration::from_millis(200), 300, None);
}

#[test]
fn nothing_is_lost_with_targets_that_close_after_1_s() {
    nothing_is_lost(Duration::from_secs(1), 80, Some("timeout=1"));
}

#[test]
fn nothing_is_lost_with_targets_that_close_after_5_s() {
    nothing_is_lost(Duration::from_secs(5), 24, None);
}

#[test]
fn nothing_is_lost_without_pauses_either() {
    // L5
    let setup = Setup::new();
    setup.blue.close_idle_after(Some(Duration::from_millis(1)));
    let options = LoadOptions { connections: 8, pause: Duration::from_millis(1) };
    let load = Load::start(setup.teal.listener(), options);
    load.wait_for_more(4000);
    load.stop().assert_nothing_lost();
    setup.finish();
}

#[test]
fn a_request_that_may_not_be_sent_twice_never_meets_a_closing_connection() {
    // L5
    let setup = Setup::new();
    let late = Duration::from_millis(150);
    setup.blue.cross_requests_after(late);
    setup.blue.close_idle_after(Some(late + Duration::from_millis(100)));
    let mut client = setup.client();
    for number in 0..10 {
        assert_eq!(client.get("/before").status, 200);
        let due = Instant::now() + late + Duration::from_millis(30);
        wait_until(SOON, "a kept connection was idle for too long", || Instant::now() >= due);
        let answer = client.post("/once", b"not twice");
        assert_eq!(answer.status, 200, "{number}: {}", answer.text());
    }
    assert_eq!(setup.blue.seen().requests_to("/once").len(), 10);
    assert_eq!(setup.teal.metrics().count("teal_stale_lost_total", &[]), 0);
    setup.finish();
}
