//! Hold: new requests wait at Teal instead of failing, also across a switch.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{Load, LoadOptions, wait_until};

use crate::setup::{SOON, Setup};

#[test]
fn a_switch_while_held_under_load_loses_nothing() {
    let setup = Setup::new();
    let load = Load::start(setup.teal.listener(), LoadOptions::default());
    setup.teal.cli(&["hold", "--max-wait", "30s"]).assert_code(0);
    assert!(!setup.teal.service()["held"].is_null(), "{}", setup.teal.service());
    let before = (setup.blue.seen().count(), setup.green.seen().count());
    // Nothing is in flight on any color, so the old one may be replaced at rest.
    wait_until(SOON, "all clients of the load wait", || {
        setup.teal.service()["held"]["waiting"] == 8
    });
    assert_eq!((setup.blue.seen().count(), setup.green.seen().count()), before);
    load.expect_anyone();
    setup.teal.switch_to("green");
    load.expect_only("green");
    setup.teal.cli(&["resume"]).assert_code(0);
    assert!(setup.teal.service()["held"].is_null());
    load.wait_for_more(200);
    load.stop().assert_nothing_lost();
    // The color is chosen at release.
    assert_eq!(setup.blue.seen().count(), before.0);
    setup.finish();
}

#[test]
fn a_request_that_waits_too_long_gets_a_retry_after() {
    let setup = Setup::new();
    setup.teal.cli(&["hold", "--max-wait", "300ms"]).assert_code(0);
    let begun = Instant::now();
    let answer = setup.client().get("/");
    assert_eq!(answer.status, 503);
    assert!(answer.fields.get("retry-after").is_some(), "{:?}", answer.fields);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(250) && waited < SOON, "{waited:?}");
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(setup.who(), "blue");
    setup.finish();
}

#[test]
fn beyond_the_cap_a_request_is_turned_away_at_once() {
    // Each worker keeps its share of the cap, so one worker has all of it.
    let setup = Setup::with(|settings| {
        settings
            .top("workers", "1")
            .service("hold", "{ requests = 2, bytes = \"1MiB\", release_per_second = 1000 }")
    });
    setup.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let mut waiting = [setup.client(), setup.client()];
    for client in &mut waiting {
        client.send("GET /waits HTTP/1.1\r\nHost: test\r\n\r\n");
    }
    wait_until(SOON, "both wait", || setup.teal.service()["held"]["waiting"] == 2);
    let mut turned_away = 0;
    wait_until(SOON, "a third request is turned away", || {
        let mut client = setup.client().patience(Duration::from_millis(200));
        client.send("GET /third HTTP/1.1\r\nHost: test\r\n\r\n");
        turned_away += usize::from(client.read_answer(false).is_ok_and(|a| a.status == 503));
        turned_away > 0
    });
    assert!(waiting.iter().all(testkit::Client::is_quiet), "those before it still wait");
    setup.teal.cli(&["resume"]).assert_code(0);
    for client in &mut waiting {
        assert_eq!(client.answer().status, 200);
    }
    setup.finish();
}

#[test]
fn held_requests_are_released_in_the_order_of_arrival() {
    let setup = Setup::with(|settings| {
        settings.top("workers", "1").service("hold", "{ release_per_second = 5 }")
    });
    setup.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let clients = (0..8).map(|number| {
        let mut client = setup.client();
        client.send(format!("GET /n{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
        // Arrival is what is ordered, so the next one comes after this one is known to wait.
        wait_until(SOON, "the request waits", || {
            setup.teal.service()["held"]["waiting"] == number + 1
        });
        client
    });
    let clients = clients.collect::<Vec<_>>();
    setup.teal.cli(&["resume"]).assert_code(0);
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    let seen = setup.blue.seen().requests();
    let order = seen.iter().filter(|request| request.target.starts_with("/n"));
    let order = order.map(|request| request.target.clone()).collect::<Vec<_>>();
    let expected = (0..8).map(|number| format!("/n{number}")).collect::<Vec<_>>();
    assert_eq!(order, expected);
    setup.finish();
}

#[test]
fn a_hold_survives_a_crash_and_a_client_that_leaves_is_not_a_loss() {
    // L6 L8
    let mut setup = Setup::new();
    setup.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    setup.teal.kill();
    setup.teal.start_again();
    assert!(!setup.teal.service()["held"].is_null(), "{}", setup.teal.service());
    let mut leaving = setup.client();
    leaving.send("GET /leaves HTTP/1.1\r\nHost: test\r\n\r\n");
    let address = setup.teal.listener();
    let staying = thread::spawn(move || testkit::Client::connect(address).get("/stays").status);
    wait_until(SOON, "two requests wait", || setup.teal.service()["held"]["waiting"] == 2);
    leaving.reset();
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!(staying.join().expect("the client does not panic"), 200);
    setup.finish();
}

#[test]
fn a_held_request_has_no_lease_and_its_body_waits_too() {
    // L2
    let setup = Setup::new();
    setup.teal.cli(&["hold", "--max-wait", "20s"]).assert_code(0);
    let body = "0123456789abcdef".repeat(2_000);
    let mut client = setup.client();
    client
        .send(format!("POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len()));
    wait_until(SOON, "the head alone makes it wait", || {
        setup.teal.service()["held"]["waiting"] == 1
    });
    client.send(&body);
    // A second one that came later waits too: by then the body of the first is there.
    let mut second = setup.client();
    second.send("GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
    wait_until(SOON, "both wait", || setup.teal.service()["held"]["waiting"] == 2);
    for (color, target) in [("blue", &setup.blue), ("green", &setup.green)] {
        assert_eq!(setup.teal.color(color)["in_flight"], 0, "{color}");
        let seen = target.seen();
        assert!(seen.count() == 0 && seen.bytes().is_empty(), "{color}: {:?}", seen.requests());
    }
    assert!(client.is_quiet());
    setup.teal.cli(&["resume"]).assert_code(0);
    assert_eq!((client.answer().status, second.answer().status), (200, 200));
    let request = setup.blue.seen().requests_to("/up")[0].clone();
    assert!(request.complete && request.body == body.as_bytes(), "{}", request.body_length);
    setup.finish();
}
