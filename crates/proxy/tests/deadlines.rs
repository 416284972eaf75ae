//! Deadlines of the data plane: a client or target that keeps Teal waiting is dropped in time, and one that is
//! only slow is not.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use rules::Color;
use support::{Front, SOON};
use testkit::{Behavior, Ending, Gate, Step, Target, wait_until, websocket};
use traffic::{AbortCause, OwnReason};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_head_that_drips_is_answered_408_at_its_deadline() {
    // D10 L10
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.request_head = 300 * MS;
    });
    let mut client = front.client();
    let began = Instant::now();
    client.drip("GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 20 * MS);
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(client.answer().status, 408);
    assert!(blue.seen().requests().is_empty());
    front.assert_books_balance();
}

#[test]
fn a_body_that_drips_below_its_rate_is_answered_408() {
    // D10 L10
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.body_progress = 200 * MS;
        spec.policy_mut().timeouts.body_min_bytes = 100;
    });
    let mut client = front.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    client.drip(vec![b'x'; 100], 10 * MS);
    assert_eq!(client.answer().status, 408);
    assert!(client.ending(SOON).ended());
    front.assert_books_balance();
}

#[test]
fn a_slow_body_above_its_rate_is_left_alone() {
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.body_progress = 300 * MS;
        spec.policy_mut().timeouts.body_min_bytes = 5;
    });
    let mut client = front.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n");
    assert_eq!(client.drip(vec![b'x'; 60], 20 * MS), 60);
    assert_eq!(client.answer().status, 200);
    drop(client);
    front.assert_books_balance();
}

#[test]
fn a_client_that_does_not_read_is_disconnected_at_the_write_stall() {
    // D10 L10
    let blue = Target::start("blue");
    blue.behave_at(
        "/big",
        Behavior::Download { bytes: 100_000_000, chunked: false, pause: Duration::ZERO },
    );
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.write_stall = 300 * MS;
    });
    let mut client = front.client();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the deadline", || front.sum().in_flight == 0 && front.sum().accepted == 1);
    assert_eq!(front.sum().aborted.iter().sum::<u64>(), 1);
    front.assert_books_balance();
}

#[test]
fn a_client_that_does_not_read_our_own_answers_is_disconnected_at_the_write_stall() {
    // L10 D10
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.hosts = vec!["another".to_owned()];
        spec.policy_mut().timeouts.write_stall = 300 * MS;
    });
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    let many = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let began = Instant::now();
    while stream.write_all(many.as_bytes()).is_ok() {
        assert!(began.elapsed() < Duration::from_secs(60), "answers went nowhere for a minute");
    }
    let left = || front.unrouted().aborted[AbortCause::Deadline as usize];
    wait_until(SOON, "the deadline", || left() == 1);
    front.assert_books_balance();
}

/// Reads an answer piece by piece, at most a hundred per second, until it ends, the front gives up, or a minute
/// has passed; returns the number of bytes read.
fn read_steadily(front: &Front, path: &str, piece: usize) -> usize {
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut piece = vec![0; piece];
    let mut whole = 0;
    let began = Instant::now();
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        whole += count;
        let given_up = front.sum().aborted.iter().sum::<u64>() > 0;
        if given_up || began.elapsed() > Duration::from_secs(60) {
            break;
        }
        thread::sleep(10 * MS); // the pace of this reader
    }
    whole
}

#[test]
fn a_client_that_reads_below_the_least_rate_is_disconnected_and_a_slow_one_above_it_is_not() {
    // L10, D10
    const BIG: u64 = 30_000_000;
    const ENDLESS: u64 = 1 << 50;
    let blue = Target::start("blue");
    for (path, bytes) in [("/big", BIG), ("/endless", ENDLESS)] {
        blue.behave_at(path, Behavior::Download { bytes, chunked: false, pause: Duration::ZERO });
    }
    let front = |least| {
        Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
            spec.policy_mut().timeouts.write_stall = 1000 * MS;
            spec.policy_mut().timeouts.body_min_bytes = least;
        })
    };
    let lenient = front(1000);
    assert!(read_steadily(&lenient, "/big", 64 * 1024) as u64 > BIG, "head and body");
    lenient.assert_books_balance();
    // Only a window in which nothing but the client was waited for counts against it. This one reads so little
    // that the kernel's buffers, once full, have no room for another burst within one.
    let strict = front(1 << 30);
    read_steadily(&strict, "/endless", 4096);
    assert_eq!(strict.sum().aborted[AbortCause::Deadline as usize], 1);
    strict.assert_books_balance();
}

#[test]
fn an_idle_connection_is_closed_after_idle() {
    // D10 L10
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.idle = 200 * MS;
    });
    let (mut used, mut fresh) = (front.client(), front.client());
    used.get("/");
    for client in [&mut used, &mut fresh] {
        assert!(matches!(client.ending(SOON), Ending::Fin(bytes) if bytes.is_empty()));
    }
    front.assert_books_balance();
}

#[test]
fn a_target_that_sends_nothing_more_is_disconnected_at_response_idle() {
    // L10
    let blue = Target::start("blue");
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
    blue.behave_at("/x", Behavior::raw(begun));
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.response_idle = 200 * MS;
    });
    let mut client = front.client();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.read_answer(false).is_err());
    wait_until(SOON, "the books", || front.sum().aborted.iter().sum::<u64>() == 1);
    front.assert_books_balance();
}

#[test]
fn a_target_that_does_not_read_its_request_is_disconnected_at_the_write_stall() {
    // L10 D10
    const LENGTH: usize = 100_000_000;
    let blue = Target::start("blue");
    blue.behave_at("/x", Behavior::Script(vec![Step::WaitFor(Gate::new())]));
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.write_stall = 300 * MS;
    });
    let mut client = front.client().patience(SOON);
    client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"));
    let piece = vec![b'x'; 1_000_000];
    while client.try_send(&piece).is_ok() {}
    wait_until(SOON, "the answer", || front.sum().own[OwnReason::ResponseTimeout as usize] == 1);
    wait_until(SOON, "the lease to end", || front.color(Color::Blue).leases == 0);
    front.assert_books_balance();
}

#[test]
fn events_that_do_not_come_are_waited_for_as_long_as_a_silent_tunnel() {
    // L10
    let blue = Target::start("blue");
    let begun = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    blue.behave_at("/events", Behavior::raw(begun));
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.tunnel_idle = 500 * MS;
        spec.policy_mut().timeouts.response_idle = 50 * MS; // is for other answers
    });
    let mut client = front.client();
    let began = Instant::now();
    client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.read_answer(false).is_err());
    assert!(began.elapsed() >= 500 * MS, "{:?}", began.elapsed());
    wait_until(SOON, "the end", || front.sum().aborted[AbortCause::Deadline as usize] == 1);
    front.assert_books_balance();
}

#[test]
fn a_tunnel_without_a_word_is_closed_after_tunnel_idle() {
    // L10
    let blue = Target::start("blue");
    blue.behave_at("/ws", Behavior::WebSocket);
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.tunnel_idle = 200 * MS;
    });
    let mut socket = websocket(front.address, "/ws");
    assert!(socket.read().is_err());
    wait_until(SOON, "the lease to end", || front.color(Color::Blue).leases == 0);
    front.assert_books_balance();
}
