//! Hold: new requests wait at Teal instead of failing, also across a switch.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{Load, LoadOptions, wait_until};

use crate::stage::{SOON, Stage};

#[test]
fn a_switch_while_held_under_load_loses_nothing() {
    let stage = Stage::new();
    let load = Load::start(stage.teal.listener(), LoadOptions::default());
    stage.teal.cli(&["hold", "--max-wait", "30s"]).assert_code(0);
    assert!(!stage.teal.service()["held"].is_null(), "{}", stage.teal.service());
    let before = (stage.blue.seen().count(), stage.green.seen().count());
    // Nothing is in flight on any color, so the old one may be replaced at rest.
    wait_until(SOON, "all clients of the load wait", || {
        stage.teal.service()["held"]["waiting"] == 8
    });
    assert_eq!((stage.blue.seen().count(), stage.green.seen().count()), before);
    load.expect_anyone();
    stage.teal.switch_to("green");
    load.expect_only("green");
    stage.teal.cli(&["resume"]).assert_code(0);
    assert!(stage.teal.service()["held"].is_null());
    load.wait_for_more(200);
    load.stop().assert_nothing_lost();
    // The color is chosen at release.
    assert_eq!(stage.blue.seen().count(), before.0);
    stage.finish();
}

#[test]
fn a_request_that_waits_too_long_gets_a_retry_after() {
    let stage = Stage::new();
    stage.teal.cli(&["hold", "--max-wait", "300ms"]).assert_code(0);
    let begun = Instant::now();
    let answer = stage.client().get("/");
    assert_eq!(answer.status, 503);
    assert!(answer.fields.get("retry-after").is_some(), "{:?}", answer.fields);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(250) && waited < SOON, "{waited:?}");
    stage.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(stage.who(), "blue");
    stage.finish();
}

#[test]
fn beyond_the_cap_a_request_is_turned_away_at_once() {
    // Each worker keeps its share of the cap, so one worker has all of it.
    let stage = Stage::with(|settings| {
        settings
            .top("workers", "1")
            .service("hold", "{ requests = 2, bytes = \"1MiB\", release_per_second = 1000 }")
    });
    stage.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let mut waiting = [stage.client(), stage.client()];
    for client in &mut waiting {
        client.send("GET /waits HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    wait_until(SOON, "both wait", || stage.teal.service()["held"]["waiting"] == 2);
    let mut turned_away = 0;
    wait_until(SOON, "a third request is turned away", || {
        let mut client = stage.client().patience(Duration::from_millis(200));
        client.send("GET /third HTTP/1.1\r\nHost: test\r\n\r\n");
        turned_away += usize::from(client.read_answer(false).is_ok_and(|a| a.status == 503));
        turned_away > 0
    });
    assert!(waiting.iter().all(testkit::Client::is_quiet), "those before it still wait");
    stage.teal.cli(&["resume"]).assert_code(0);
    for client in &mut waiting {
        assert_eq!(client.answer().status, 200);
    }
    stage.finish();
}

#[test]
fn held_requests_are_released_in_the_order_of_arrival() {
    let stage = Stage::with(|settings| {
        settings.top("workers", "1").service("hold", "{ release_per_second = 5 }")
    });
    stage.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let clients = (0..8).map(|number| {
        let mut client = stage.client();
        client.send(format!("GET /n{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
        // Arrival is what is ordered, so the next one comes after this one is known to wait.
        wait_until(SOON, "the request waits", || {
            stage.teal.service()["held"]["waiting"] == number + 1
        });
        client
    });
    let clients = clients.collect::<Vec<_>>();
    stage.teal.cli(&["resume"]).assert_code(0);
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    let seen = stage.blue.seen().requests();
    let order = seen.iter().filter(|request| request.target.starts_with("/n"));
    let order = order.map(|request| request.target.clone()).collect::<Vec<_>>();
    let expected = (0..8).map(|number| format!("/n{number}")).collect::<Vec<_>>();
    assert_eq!(order, expected);
    stage.finish();
}

#[test]
fn a_hold_survives_a_crash_and_a_client_that_leaves_is_not_a_loss() {
    // L6 L8
    let mut stage = Stage::new();
    stage.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    stage.teal.kill();
    stage.teal.start_again();
    assert!(!stage.teal.service()["held"].is_null(), "{}", stage.teal.service());
    let mut leaving = stage.client();
    leaving.send("GET /leaves HTTP/1.1\r\nHost: test\r\n\r\n");
    let address = stage.teal.listener();
    let staying = thread::spawn(move || testkit::Client::connect(address).get("/stays").status);
    wait_until(SOON, "two requests wait", || stage.teal.service()["held"]["waiting"] == 2);
    leaving.reset();
    stage.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(staying.join().expect("the client does not panic"), 200);
    stage.finish();
}

#[test]
fn a_held_request_has_no_lease_and_its_body_waits_too() {
    // L2
    let stage = Stage::new();
    stage.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let body = "0123456789abcdef".repeat(2_000);
    let mut client = stage.client();
    client
        .send(format!("POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len()));
    wait_until(SOON, "the head alone makes it wait", || {
        stage.teal.service()["held"]["waiting"] == 1
    });
    client.send(&body);
    // A second one that came later waits too: by then the body of the first is there.
    let mut second = stage.client();
    second.send("GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "both wait", || stage.teal.service()["held"]["waiting"] == 2);
    for (color, target) in [("blue", &stage.blue), ("green", &stage.green)] {
        assert_eq!(stage.teal.color(color)["in_flight"], 0, "{color}");
        let seen = target.seen();
        assert!(seen.count() == 0 && seen.bytes().is_empty(), "{color}: {:?}", seen.requests());
    }
    assert!(client.is_quiet());
    stage.teal.cli(&["resume"]).assert_code(0);
    assert_eq!((client.answer().status, second.answer().status), (200, 200));
    let request = stage.blue.seen().requests_to("/up")[0].clone();
    assert!(request.complete && request.body == body.as_bytes(), "{}", request.body_length);
    stage.finish();
}
