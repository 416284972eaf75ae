//! Retries (L5), seen from the targets.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::{Duration, Instant};

use rules::{Color, Failover};
use support::{Front, SOON};
use testkit::{Behavior, Gate, Load, LoadOptions, Step, Target, wait_until};

fn requests_for(target: &Target, path: &str) -> usize {
    target.seen().requests().iter().filter(|request| request.target == path).count()
}

#[test]
fn an_idempotent_request_is_sent_again_after_a_close_without_an_answer() {
    // L5
    for (request, again) in [
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", true),
        (
            "DELETE /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            true,
        ),
        ("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", false),
        ("PATCH /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false),
    ] {
        for behavior in [Behavior::close(), Behavior::reset()] {
            let blue = Target::start("blue");
            blue.behave_next("/x", behavior);
            let front = Front::start(&[&blue], &[&blue]);
            let mut client = front.client();
            client.send(request);
            let answer = client.answer();
            let expected = if again { (200, 2, 1) } else { (502, 1, 0) };
            let seen = (answer.status, requests_for(&blue, "/x"), front.sum().retries);
            assert_eq!(seen, expected, "{request}");
            if again && request.contains("abc") {
                assert_eq!(blue.seen().requests().pop().unwrap().body, b"abc");
            }
            drop(client);
            front.assert_books_balance();
        }
    }
}

#[test]
fn a_request_is_sent_at_most_three_times() {
    // L5
    let blue = Target::start("blue");
    blue.behave_at("/x", Behavior::close());
    let front = Front::start(&[&blue], &[&blue]);
    assert_eq!(front.client().get("/x").status, 502);
    assert_eq!(requests_for(&blue, "/x"), 3);
    front.assert_books_balance();
}

#[test]
fn nothing_is_sent_again_once_a_byte_of_an_answer_has_come() {
    // L5
    let blue = Target::start("blue");
    blue.behave_at("/x", Behavior::raw_then_reset("HTTP/1.1 2"));
    blue.behave_at("/interim", Behavior::raw_then_close("HTTP/1.1 103 Early Hints\r\n\r\n"));
    let front = Front::start(&[&blue], &[&blue]);
    for path in ["/x", "/interim"] {
        let mut client = front.client();
        assert_eq!(client.get(path).status, 502);
        assert_eq!(requests_for(&blue, path), 1);
    }
    front.assert_books_balance();
}

#[test]
fn nothing_is_sent_again_after_a_deadline() {
    // L5 L10
    let blue = Target::start("blue");
    blue.behave_at("/hang", Behavior::Hang);
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.response_head = Duration::from_millis(200);
    });
    assert_eq!(front.client().get("/hang").status, 504);
    assert_eq!(requests_for(&blue, "/hang"), 1);
    front.assert_books_balance();
}

#[test]
fn a_body_over_64_kib_is_not_sent_again() {
    // L5
    let blue = Target::start("blue");
    blue.behave_at("/x", Behavior::close());
    let front = Front::start(&[&blue], &[&blue]);
    for (size, times) in [(64 * 1024, 3), (64 * 1024 + 1, 1)] {
        let blue_before = requests_for(&blue, "/x");
        let mut client = front.client();
        client.send(format!("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"));
        client.send(vec![b'x'; size]);
        assert_eq!(client.answer().status, 502);
        assert_eq!(requests_for(&blue, "/x") - blue_before, times, "{size} bytes");
    }
    front.assert_books_balance();
}

#[test]
fn a_refused_connect_moves_any_request_to_another_target() {
    // L5
    let (dead, alive) = (Target::stopped("dead"), Target::start("alive"));
    let front = Front::start_with(&[&dead, &alive], &[&alive], 1, |_, _| {});
    let mut client = front.client();
    // Few enough for the retry budget to last, whichever targets are chosen.
    for n in 0..12 {
        assert_eq!(client.post(&format!("/{n}"), b"body").status, 200);
    }
    assert!(front.sum().retries > 0 && front.target(&dead).connect_failed > 0);
    assert_eq!(front.target(&dead).retried, front.sum().retries, "on the one that failed");
    drop(client);
    front.assert_books_balance();
}

#[test]
fn requests_that_every_target_refuses_wait_for_a_failover() {
    // L5
    let (blue, green) = (Target::stopped("blue"), Target::start("green"));
    let mut front = Front::start_with(&[&blue], &[&green], 1, |spec, _| {
        spec.policy_mut().failover = Failover::Auto;
    });
    let mut client = front.client();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    wait_until(SOON, "the request to wait", || front.sum().waiting == 1);
    front.publish(Color::Green, &[(Color::Blue, false)]);
    assert_eq!(client.answer().status, 200);
    assert_eq!(green.seen().requests().pop().unwrap().body, b"hi");
    // Without a failover to come they do not wait forever.
    front.publish(Color::Blue, &[(Color::Green, false)]);
    let began = Instant::now();
    assert_eq!(client.post("/y", b"hi").status, 502);
    assert!(began.elapsed() >= Duration::from_secs(2) && began.elapsed() < Duration::from_secs(4));
    drop(client);
    front.assert_books_balance();
}

#[test]
fn targets_that_close_idle_connections_early_lose_no_request() {
    // L5
    for idle in [50, 200, 1000] {
        let blue = Target::start("blue");
        blue.close_idle_after(Some(Duration::from_millis(idle)));
        let front = Front::start(&[&blue], &[&blue]);
        let options = LoadOptions { connections: 8, pause: Duration::from_millis(idle / 2) };
        let load = Load::start(front.address, options);
        load.wait_for_more(if idle < 1000 { 300 } else { 60 });
        load.stop().assert_nothing_lost();
        assert_eq!(front.target(&blue).stale_lost, 0, "{idle} ms");
        front.assert_books_balance();
    }
}

#[test]
fn a_request_lost_on_a_reused_connection_that_may_not_be_sent_again_is_counted() {
    // L5
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |_, _| {});
    let mut client = front.client();
    let mut posts = 0;
    wait_until(SOON, "a POST to meet a connection that ends", || {
        assert_eq!(client.get("/kept").status, 200);
        blue.behave_next("/x", Behavior::close());
        assert_eq!(client.post("/x", b"once").status, 502);
        posts += 1;
        // Only within the trusted idle time is the idle connection used for it.
        front.target(&blue).stale_lost == 1
    });
    assert_eq!(requests_for(&blue, "/x"), posts, "each was sent once");
    let stale = traffic::OwnReason::StaleLost as usize;
    wait_until(SOON, "the books to say so", || front.sum().own[stale] == 1);
    drop(client);
    front.assert_books_balance();
}

#[test]
fn a_large_upload_takes_no_connection_that_may_be_stale_and_a_retry_takes_none_at_all() {
    // L5
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |_, _| {});
    let mut client = front.client();
    assert_eq!(client.get("/first").status, 200);
    let idle = Instant::now() + Duration::from_millis(8);
    wait_until(SOON, "longer than is trusted at first", || Instant::now() >= idle);
    let connection = || blue.seen().requests().pop().unwrap().connection;
    let put = |size: usize| format!("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
    client.send(put(100_000));
    client.send(vec![b'x'; 100_000]);
    assert_eq!(client.answer().status, 200);
    assert_eq!(connection(), 1, "a fresh one");
    // Now two are idle. A request that fails on one of them is not tried on the other.
    blue.behave_next("/again", Behavior::close());
    assert_eq!(client.get("/again").status, 200);
    assert_eq!(connection(), 2, "a fresh one");
    drop(client);
    front.assert_books_balance();
}

#[test]
fn a_retry_goes_to_the_color_that_is_active_by_then() {
    // L5
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let gate = Gate::new();
    blue.behave_at("/x", Behavior::Script(vec![Step::WaitFor(gate.clone()), Step::Close]));
    let mut front = Front::start(&[&blue], &[&green]);
    let mut client = front.client();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "blue to have it", || requests_for(&blue, "/x") == 1);
    front.publish(Color::Green, &[(Color::Blue, false)]);
    gate.open();
    assert_eq!(client.answer().status, 200);
    assert_eq!((requests_for(&blue, "/x"), requests_for(&green, "/x")), (1, 1));
    wait_until(SOON, "nothing left on blue", || front.color(Color::Blue).connections == 0);
    front.assert_books_balance();
}

#[test]
fn stray_bytes_on_an_idle_connection_end_it() {
    // F17: unasked bytes from a target must not answer the next request.
    let blue = Target::start("blue");
    let stray = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    blue.behave_at("/stray", Behavior::raw(stray));
    let front = Front::start_with(&[&blue], &[&blue], 1, |_, _| {});
    let mut client = front.client();
    for _ in 0..10 {
        assert_eq!(client.get("/stray").body, b"ok");
        for answer in [client.get("/x"), client.post("/x", b"1")] {
            assert_ne!(answer.body, b"poison");
            assert_eq!(answer.status, 200);
        }
    }
    drop(client);
    front.assert_books_balance();
}
