//! A graceful stop loses no request.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::Color;
use support::{Front, SOON};
use testkit::{Behavior, Ending, Gate, Target, wait_until};
use traffic::{AbortCause, OwnReason};

#[test]
fn a_stop_serves_every_queued_connection() {
    // L7
    let blue = Target::start("blue");
    let gate = Gate::new();
    blue.behave_at("/held", Behavior::Held(gate.clone()));
    // With room for one connection, all others wait in the kernel's queue.
    let mut front = Front::start_with(&[&blue], &[&blue], 1, |_, limits| limits.connections = 1);
    let mut first = front.client();
    first.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the lease", || front.color(Color::Blue).leases == 1);
    let mut queued: Vec<_> = (0..300).map(|_| front.client()).collect();
    for client in &mut queued {
        client.send("GET /queued HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    front.leave();
    for client in &mut queued {
        assert_eq!(client.answer().status, 200);
    }
    gate.open();
    assert_eq!(first.answer().status, 200);
    front.ended();
    front.assert_books_balance();
}

#[test]
fn pipelined_requests_are_all_answered_by_a_stop() {
    // L7
    let blue = Target::start("blue");
    let gate = Gate::new();
    blue.behave_at("/held", Behavior::Held(gate.clone()));
    let mut front = Front::start_with(&[&blue], &[&blue], 1, |_, _| {});
    let mut client = front.client();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send([one("/held"), one("/second"), one("/third")].concat());
    wait_until(SOON, "the lease", || front.color(Color::Blue).leases == 1);
    front.leave();
    gate.open();
    let answers = [client.answer(), client.answer(), client.answer()];
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(answers.map(|answer| answer.closes()), [false, false, true]);
    front.ended();
    front.assert_books_balance();
}

#[test]
fn a_request_that_crosses_the_end_of_an_idle_connection_meets_an_end_and_no_reset() {
    // L7
    let blue = Target::start("blue");
    let mut front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.get("/");
    front.leave();
    assert!(matches!(client.ending(SOON), Ending::Fin(_)));
    for _ in 0..3 {
        client.try_send("GET /crossing HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(client.ending(SOON), Ending::Fin(Vec::new()), "a reset could overtake answers");
    }
    drop(client);
    front.ended();
    front.assert_books_balance();
}

#[test]
fn requests_cut_by_a_stop_are_in_the_books() {
    // L8
    let blue = Target::start("blue");
    blue.behave_at("/hang", Behavior::Hang);
    let pause = Duration::from_millis(20);
    let long = Behavior::Download { bytes: 10_000_000, chunked: true, pause };
    blue.behave_at("/long", long);
    let mut front = Front::start(&[&blue], &[&blue]);
    let (mut waiting, mut reading) = (front.client(), front.client());
    waiting.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    reading.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(reading.read_head(false).unwrap().status, 200);
    wait_until(SOON, "both leases", || front.color(Color::Blue).leases == 2);
    front.leave();
    front.cut();
    assert_eq!(waiting.answer().status, 503);
    front.ended();
    let sum = front.sum();
    assert_eq!(sum.own[OwnReason::Stopping as usize], 1);
    assert_eq!(sum.aborted[AbortCause::Shutdown as usize], 1);
    front.assert_books_balance();
}
