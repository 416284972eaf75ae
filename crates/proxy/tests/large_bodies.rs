//! Bodies long enough to pass inside the kernel: complete, in order, and never past their end, with and without
//! a free pipe.

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::{Front, SOON};
use testkit::{Behavior, Client, Ending, Target, checksum, wait_until};
use traffic::AbortCause;

/// No two pieces of it are alike, so that a lost, doubled or moved one is noticed.
fn body(bytes: usize) -> Vec<u8> {
    (0_u64..).flat_map(|n| (n * 0x9E37_79B9).to_le_bytes()).take(bytes).collect()
}

fn answer(body: &[u8]) -> Vec<u8> {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [answer.as_bytes(), body].concat()
}

#[test]
fn large_bodies_pass_whole_and_the_connection_stays_usable() {
    let blue = Target::start("blue");
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    for bytes in [32 * 1024, 64 * 1024 + 1, 1_000_003, 3_000_017] {
        let body = body(bytes);
        let echoed = client.post("/up", &body).text();
        assert!(echoed.contains(&format!("{:016x}", checksum(0, &body))), "{bytes}: {echoed}");
        blue.behave_at("/down", Behavior::raw(answer(&body)));
        client.send("GET /down HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.answer().body == body, "{bytes} bytes came otherwise");
        assert!(client.answer().text().contains("/next"), "the next answer begins where it should");
    }
    blue.assert_well_formed();
    front.assert_books_balance();
}

#[test]
fn more_large_bodies_at_once_than_there_are_pipes_pass_all_the_same() {
    const CLIENTS: usize = 150;
    let blue = Target::start("blue");
    let body = Arc::new(body(6_000_000));
    blue.behave_at("/down", Behavior::raw(answer(&body)));
    let front = Front::start_with(&[&blue], &[&blue], 1, |_, _| {});
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|_| front.client().patience(SOON * 3)).collect();
    for client in &mut clients {
        client.send("GET /down HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    wait_until(SOON, "all to wait", || front.sum().in_flight == CLIENTS as u64);
    for mut client in clients {
        assert!(client.answer().body == *body);
    }
    front.assert_books_balance();
}

#[test]
fn a_large_body_that_breaks_off_is_not_passed_off_as_whole() {
    // L3: wherever it breaks off.
    let blue = Target::start("blue");
    let whole = answer(&body(2_000_000));
    for (number, cut) in [40_000, 700_000, 1_999_999].into_iter().enumerate() {
        let path = format!("/{cut}");
        blue.behave_at(&path, Behavior::raw_then_close(&whole[..cut]));
        let front = Front::start(&[&blue], &[&blue]);
        let mut client = front.client();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.read_answer(false).is_err(), "{number}");
        assert!(matches!(client.ending(SOON), Ending::Fin(_) | Ending::Reset(_)));
        wait_until(SOON, "the books", || {
            front.sum().aborted[AbortCause::Target as usize] == 1 && front.sum().in_flight == 0
        });
        front.assert_books_balance();
    }
}

#[test]
fn a_client_that_leaves_within_a_large_body_leaves_nothing_behind() {
    let blue = Target::start("blue");
    let endless = Behavior::Download { bytes: 1 << 40, chunked: false, pause: Duration::ZERO };
    blue.behave_at("/endless", endless);
    let front = Front::start(&[&blue], &[&blue]);
    let mut client = front.client();
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_bytes(1_000_000);
    client.reset();
    wait_until(SOON, "the lease to end", || front.color(rules::Color::Blue).leases == 0);
    assert_eq!(front.sum().aborted[AbortCause::Client as usize], 1);
    // And the pipe it left bytes in is not reused.
    let body = body(500_000);
    blue.behave_at("/down", Behavior::raw(answer(&body)));
    assert!(front.client().get("/down").body == body);
    front.assert_books_balance();
}
