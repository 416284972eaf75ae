//! Holds, tunnels and cut leases of the data plane: which requests wait, for what, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use rules::Color;
use support::{Front, SOON};
use testkit::{Behavior, Ending, Silent, Step, Target, wait_until, websocket};
use traffic::Held;

const MS: Duration = Duration::from_millis(1);

#[test]
fn held_requests_wait_and_choose_their_color_when_they_are_let_go() {
    let (blue, green) = (Target::start("blue"), Target::start("green"));
    let mut front = Front::start(&[&blue], &[&green]);
    front.held = Some(Held { max_wait: SOON });
    front.publish(Color::Blue, &[]);
    let mut clients: Vec<_> = (0..20).map(|_| front.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(format!("POST /held{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"));
    }
    wait_until(SOON, "all requests to wait", || front.sum().waiting == 20);
    assert_eq!(front.color(Color::Blue).taken, 0, "a held request has no lease");
    front.publish(Color::Green, &[(Color::Blue, false)]);
    assert_eq!(front.sum().waiting, 20);
    front.held = None;
    front.publish(Color::Green, &[(Color::Blue, false)]);
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert_eq!((blue.seen().requests().len(), green.seen().requests().len()), (0, 20));
    front.assert_books_balance();
}

#[test]
fn a_held_request_is_answered_503_after_its_own_longest_wait() {
    let blue = Target::start("blue");
    let mut front = Front::start(&[&blue], &[&blue]);
    front.held = Some(Held { max_wait: 200 * MS });
    front.publish(Color::Blue, &[]);
    let began = Instant::now();
    let answer = front.client().get("/");
    assert_eq!(answer.status, 503);
    assert!(answer.fields.get("retry-after").is_some());
    assert!(began.elapsed() >= 200 * MS);
    front.assert_books_balance();
}

#[test]
fn beyond_the_caps_a_held_request_is_answered_503_at_once() {
    let blue = Target::start("blue");
    let mut front =
        Front::start_with(&[&blue], &[&blue], 1, |spec, _| spec.policy_mut().hold.requests = 2);
    front.held = Some(Held { max_wait: SOON });
    front.publish(Color::Blue, &[]);
    let mut waiting = [front.client(), front.client()];
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_until(SOON, "two to wait", || front.sum().waiting == 2);
    assert_eq!(front.client().get("/").status, 503);
    front.held = None;
    front.publish(Color::Blue, &[]);
    for mut client in waiting {
        assert_eq!(client.answer().status, 200);
    }
    front.assert_books_balance();
}

#[test]
fn held_requests_are_let_go_at_their_pace() {
    let blue = Target::start("blue");
    let mut front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().hold.release_per_second = 100;
    });
    front.held = Some(Held { max_wait: SOON });
    front.publish(Color::Blue, &[]);
    let mut clients: Vec<_> = (0..40).map(|_| front.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_until(SOON, "all to wait", || front.sum().waiting == 40);
    front.held = None;
    let began = Instant::now();
    front.publish(Color::Blue, &[]);
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    assert!(began.elapsed() >= 300 * MS, "40 at 100 per second took {:?}", began.elapsed());
    front.assert_books_balance();
}

#[test]
fn held_requests_are_let_go_in_the_order_of_their_arrival_over_all_workers() {
    let blue = Target::start("blue");
    let mut front = Front::start_with(&[&blue], &[&blue], 2, |spec, _| {
        spec.policy_mut().hold.release_per_second = 9; // one at a time: two would race to the target
    });
    front.held = Some(Held { max_wait: SOON });
    front.publish(Color::Blue, &[]);
    let mut clients = Vec::new();
    while clients.len() < 10 || front.workers_waiting() < 2 {
        let mut client = front.client();
        client.send(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", clients.len()));
        clients.push(client);
        wait_until(SOON, "it waits", || front.sum().waiting == clients.len() as u64);
    }
    front.held = None;
    front.publish(Color::Blue, &[]);
    let expected: Vec<_> = (0..clients.len()).map(|n| format!("/{n}")).collect();
    for mut client in clients {
        assert_eq!(client.answer().status, 200);
    }
    let order: Vec<_> =
        blue.seen().requests().into_iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(order, expected);
    front.assert_books_balance();
}

#[test]
fn a_tunnel_keeps_its_lease_has_its_own_book_and_is_cut_with_the_drain() {
    // L3 L4 L8
    let blue = Target::start("blue");
    blue.behave_at("/ws", Behavior::WebSocket);
    let mut front = Front::start(&[&blue], &[&blue]);
    let mut socket = websocket(front.address, "/ws");
    for n in 0..10 {
        socket.send(format!("message {n}").into()).unwrap();
        assert_eq!(socket.read().unwrap().into_text().unwrap(), format!("message {n}").as_str());
    }
    assert_eq!((front.sum().tunnels_opened, front.sum().in_flight), (1, 0));
    front.publish(Color::Green, &[(Color::Blue, false)]);
    socket.send("still here".into()).unwrap();
    assert_eq!(socket.read().unwrap().into_text().unwrap(), "still here");
    assert_eq!(front.color(Color::Blue).leases, 1);
    front.publish(Color::Green, &[(Color::Blue, true)]);
    assert!(socket.read().is_err(), "the tunnel is closed");
    wait_until(SOON, "the lease to end", || front.color(Color::Blue).leases == 0);
    assert_eq!(front.color(Color::Blue).cut.tunnels, 1);
    wait_until(SOON, "the end of the tunnel in its book", || front.sum().tunnels_closed == 1);
    front.assert_books_balance();
}

#[test]
fn a_begun_answer_that_is_cut_can_not_look_complete() {
    // L3
    for chunked in [true, false] {
        let blue = Target::start("blue");
        blue.behave_at("/long", Behavior::Download { bytes: 10_000_000, chunked, pause: 20 * MS });
        let mut front = Front::start(&[&blue], &[&blue]);
        let mut client = front.client();
        client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.read_head(false).unwrap().status, 200);
        client.read_piece().unwrap();
        front.publish(Color::Green, &[(Color::Blue, false)]);
        front.publish(Color::Green, &[(Color::Blue, true)]);
        let error = loop {
            match client.read_piece() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cut answer looked complete, chunked: {chunked}"),
                Err(error) => break error,
            }
        };
        drop(error);
        wait_until(SOON, "the books", || front.color(Color::Blue).cut.answering == 1);
        front.assert_books_balance();
    }
}

#[test]
fn an_answer_that_only_a_close_would_end_is_reset_when_it_is_cut() {
    // L3
    let blue = Target::start("blue");
    let begun = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbegun".to_vec();
    blue.behave_at("/x", Behavior::Script(vec![Step::Send(begun), Step::Hang]));
    let mut front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.send("GET /x HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_head(false).unwrap().status, 200);
    front.publish(Color::Green, &[(Color::Blue, false)]);
    front.publish(Color::Green, &[(Color::Blue, true)]);
    let ending = client.ending(SOON);
    assert!(matches!(ending, Ending::Reset(_)), "a FIN would make it look whole: {ending:?}");
    assert_eq!(front.color(Color::Blue).cut.answering, 1);
    front.assert_books_balance();
}

#[test]
fn a_connection_still_being_made_holds_its_color() {
    // L4
    let silent = Silent::start();
    let (blue, green) = (Target::stopped("blue"), Target::start("green"));
    let mut front = Front::start_with(&[&blue], &[&green], 1, |spec, _| {
        spec.policy_mut().timeouts.connect = 700 * MS;
    });
    front.repoint(&blue, silent.url().trim_start_matches("http://").parse().unwrap());
    front.publish(Color::Blue, &[]);
    let mut client = front.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the dial", || front.color(Color::Blue).connections == 1);
    front.publish(Color::Green, &[(Color::Blue, false)]);
    let sum = front.color(Color::Blue);
    assert_eq!((sum.leases, sum.connections), (1, 1), "drained would be a lie");
    assert_eq!(client.answer().status, 504);
    wait_until(SOON, "nothing left", || front.color(Color::Blue).connections == 0);
    front.assert_books_balance();
}

#[test]
fn a_connection_still_being_made_is_given_up_at_the_drain_deadline() {
    // L3
    let silent = Silent::start();
    let (blue, green) = (Target::stopped("blue"), Target::start("green"));
    let mut front = Front::start_with(&[&blue], &[&green], 1, |spec, _| {
        spec.policy_mut().timeouts.connect = 60_000 * MS;
    });
    front.repoint(&blue, silent.url().trim_start_matches("http://").parse().unwrap());
    front.publish(Color::Blue, &[]);
    let mut client = front.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the dial", || front.color(Color::Blue).connections == 1);
    front.publish(Color::Green, &[(Color::Blue, true)]);
    assert_eq!(client.answer().status, 504);
    wait_until(SOON, "nothing left", || front.color(Color::Blue).connections == 0);
    assert_eq!(front.color(Color::Blue).cut.unanswered, 1);
    front.assert_books_balance();
}

#[test]
fn a_client_that_does_not_read_slows_its_target_down() {
    const WHOLE: u64 = 400_000_000;
    let blue = Target::start("blue");
    let large = Behavior::Download { bytes: WHOLE, chunked: false, pause: Duration::ZERO };
    blue.behave_at("/large", large);
    let front = Front::start_with(&[&blue], &[&blue], 1, |spec, _| {
        spec.policy_mut().timeouts.write_stall = 500 * MS;
    });
    let mut client = front.client();
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    // It ends at the write stall. Bytes taken from the target by then are in the kernel's buffers and in ours,
    // and are not read here: a small part of the whole.
    wait_until(SOON, "the deadline", || front.sum().aborted.iter().sum::<u64>() == 1);
    let ending = client.ending(SOON);
    let taken = ending.bytes();
    assert!((taken.len() as u64) < WHOLE / 8, "{} bytes were buffered", taken.len());
    front.assert_books_balance();
}

#[test]
fn beyond_the_bytes_of_a_hold_a_request_is_answered_503() {
    let blue = Target::start("blue");
    let mut front =
        Front::start_with(&[&blue], &[&blue], 2, |spec, _| spec.policy_mut().hold.bytes = 4000);
    front.held = Some(Held { max_wait: SOON });
    front.publish(Color::Blue, &[]);
    let request = |padding: usize| {
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Padding: {}\r\n\r\n", "x".repeat(padding))
    };
    let mut small = front.client();
    small.send(request(1000));
    wait_until(SOON, "it to wait", || front.sum().waiting == 1);
    let mut large = front.client();
    large.send(request(3500));
    assert_eq!(large.answer().status, 503);
    front.held = None;
    front.publish(Color::Blue, &[]);
    assert_eq!(small.answer().status, 200);
    front.assert_books_balance();
}

#[test]
fn a_client_that_resets_while_it_waits_frees_its_lease() {
    let blue = Target::start("blue");
    blue.behave_at("/hang", Behavior::Hang);
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.send("GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    wait_until(SOON, "the lease", || front.color(Color::Blue).leases == 1);
    client.reset();
    wait_until(SOON, "the lease to end", || front.color(Color::Blue).leases == 0);
    wait_until(SOON, "the client in the books", || front.sum().aborted[0] == 1);
    front.assert_books_balance();
}

#[test]
fn a_client_that_only_closes_its_own_side_still_gets_its_answer() {
    let blue = Target::start("blue");
    blue.behave_at("/slow", Behavior::Slow(200 * MS));
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    client.half_close();
    assert_eq!(client.answer().status, 200);
    front.assert_books_balance();
}

#[test]
fn the_limit_of_connections_makes_others_wait_not_fail() {
    // D11
    let blue = Target::start("blue");
    let front = Front::start_with(&[&blue], &[&blue], 1, |_, limits| limits.connections = 4);
    let many: Vec<_> = (0..50)
        .map(|_| {
            thread::spawn({
                let address = front.address;
                move || testkit::Client::connect(address).get("/").status
            })
        })
        .collect();
    for one in many {
        assert_eq!(one.join().unwrap(), 200);
    }
    front.assert_books_balance();
}
