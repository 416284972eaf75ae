//! Requests through the data plane to real sockets and back.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::time::Duration;

use rules::Color;
use support::{Front, SOON};
use testkit::{Behavior, Client, Target, wait_until};

#[test]
fn requests_go_to_the_active_color_on_keep_alive_connections() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut front = Front::start(&[&blue], &[&green]);
    let mut client = front.client();
    for n in 0..20 {
        let answer = client.get(&format!("/{n}"));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let answer = client.post("/body", b"hello");
    assert_eq!(answer.status, 200);
    assert!(blue.seen().requests().len() == 21 && green.seen().requests().is_empty());
    front.publish(Color::Green, &[(Color::Blue, false)]);
    client.get("/after");
    assert_eq!(green.seen().requests().len(), 1);
    wait_until(SOON, "blue to have no connection", || front.color(Color::Blue).connections == 0);
    blue.assert_well_formed();
    drop(client);
    front.assert_books_balance();
}

#[test]
fn bodies_of_every_framing_and_size_arrive_whole_both_ways() {
    let blue = Target::start("blue");
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    for size in [0usize, 1, 1000, 32 * 1024, 65_536, 1_000_003] {
        let body: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
        let answer = client.post("/sized", &body);
        assert_eq!(answer.status, 200, "{size} bytes");
        let request = blue.seen().requests().pop().unwrap();
        assert_eq!(request.body_length, size as u64, "{size} bytes with a length");
        assert!(body.starts_with(&request.body));
        let mut chunked =
            b"POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(997) {
            chunked.extend_from_slice(format!("{:x};x=y\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(piece);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        client.send(&chunked);
        assert_eq!(client.answer().status, 200);
        let request = blue.seen().requests().pop().unwrap();
        assert_eq!(request.body_length, size as u64, "{size} bytes in chunks");
        assert!(body.starts_with(&request.body));
    }
    blue.assert_well_formed();
    drop(client);
    front.assert_books_balance();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    // F16
    let blue = Target::start("blue");
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    for n in 0..100 {
        client.send(format!("GET /p{n} HTTP/1.1\r\nHost: a\r\nx-request-id: id{n}\r\n\r\n"));
    }
    for n in 0..100 {
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.fields.get("x-request-id"), Some(format!("id{n}").as_str()));
    }
    drop(client);
    front.assert_books_balance();
}

#[test]
fn a_request_to_a_dead_target_is_answered_502_in_the_words_of_the_article() {
    let blue = Target::stopped("blue");
    let front = Front::start(&[&blue], &[&blue]);
    let answer = Client::connect(front.address).get("/");
    assert_eq!((answer.status, answer.body.as_slice()), (502, &b"Backend unavailable\n"[..]));
    assert!(front.target(&blue).connect_failed >= 1);
    front.assert_books_balance();
}

#[test]
fn a_drain_deadline_cuts_the_remaining_leases_and_counts_them() {
    // L3
    let blue = Target::start("blue");
    blue.behave_at("/hang", Behavior::Hang);
    let mut front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the lease", || front.color(Color::Blue).leases == 1);
    front.publish(Color::Green, &[(Color::Blue, false)]);
    assert_eq!(front.color(Color::Blue).leases, 1, "a drain cuts nothing before its deadline");
    front.publish(Color::Green, &[(Color::Blue, true)]);
    let answer = client.answer();
    assert_eq!(answer.status, 504);
    assert_eq!(answer.fields.get("connection"), Some("close"));
    wait_until(SOON, "nothing left on blue", || {
        let sum = front.color(Color::Blue);
        sum.leases == 0 && sum.connections == 0
    });
    assert_eq!(front.color(Color::Blue).cut.unanswered, 1);
    front.assert_books_balance();
}

#[test]
fn a_polite_stop_lets_requests_end_and_then_ends_itself() {
    let blue = Target::start("blue");
    blue.behave_at("/slow", Behavior::Slow(Duration::from_millis(300)));
    let mut front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    let mut idle = front.client();
    idle.get("/");
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the lease", || front.color(Color::Blue).leases == 1);
    front.leave();
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.fields.get("connection"), Some("close"));
    front.ended();
    assert!(Client::try_connect(front.address).is_err(), "the port is closed");
    assert!(idle.ending(SOON).ended());
    front.assert_books_balance();
}
