//! Endpoints that do not answer cost a switch nothing.

use std::time::{Duration, Instant};

use testkit::{Teal, free_port};

use crate::{Endpoint, TEAL, service, table};

/// Switches to and fro, and returns half of the times.
fn median(teal: &Teal) -> Duration {
    let times = ["green", "blue"].repeat(5).into_iter().map(|color| {
        let begin = Instant::now();
        teal.switch_to(color);
        begin.elapsed()
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}

// L10
#[test]
fn a_switch_with_endpoints_that_never_answer_or_are_dead_is_as_fast_as_without() {
    let (_blue, _green, settings) = service("");
    let without = median(&Teal::start_healthy(TEAL, &settings));
    let silent = Endpoint::silent();
    let dead = free_port();
    let tables = [table("silent", silent.port()), table("dead", dead)].concat();
    let (_blue, _green, settings) = service(&tables);
    let teal = Teal::start_healthy(TEAL, &settings);
    let with = median(&teal);
    assert!(with < without * 3 + Duration::from_millis(200), "{with:?}, and {without:?} without");
    silent.has("switch", 1);
    let pending = |name| teal.metrics().count("teal_notifications_pending", &[("endpoint", name)]);
    testkit::wait_until(Duration::from_secs(10), "ten wait for each", || {
        pending("silent") >= 10 && pending("dead") >= 10
    });
    teal.assert_books_balance();
}
