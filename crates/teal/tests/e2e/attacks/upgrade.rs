//! Rows U1-U4: no tunnel before the target's 101 to what was asked for.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_send_buffer_size;
use testkit::{Behavior, Gate, Step, wait_until};

use super::canary;
use crate::setup::{SOON, Setup};

#[test]
fn u1_bytes_after_an_upgrade_request_are_a_request_unless_the_target_agrees() {
    let setup = Setup::new();
    let wish = "GET /wish HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let second = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n";
    for (answer, status) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
        ("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403),
        ("HTTP/1.1 426 Upgrade Required\r\nUpgrade: bar\r\nContent-Length: 0\r\n\r\n", 426),
    ] {
        setup.blue.seen().forget();
        setup.blue.behave_at("/wish", Behavior::raw(answer));
        let mut client = setup.client();
        client.send(format!("{wish}{second}"));
        assert_eq!(client.answer().status, status);
        // The second one is a request like any other.
        let answer = client.answer();
        assert!(answer.text().contains(" /second "), "{}", answer.text());
        assert_eq!(setup.blue.seen().requests_to("/second").len(), 1);
        assert!(setup.blue.seen().malformed().is_empty());
        canary(&setup, "U1");
    }
    setup.blue.behave_at("/wish", Behavior::Tunnel);
    let mut client = setup.client();
    client.send(format!("{wish}{second}"));
    let head = client.read_any_head().expect("a head");
    assert_eq!((head.status, head.fields.get("upgrade")), (101, Some("foo")));
    // Now these bytes belong to the tunnel.
    assert_eq!(client.read_bytes(second.len()), second.as_bytes());
    client.send("more");
    assert_eq!(client.read_bytes(4), b"more");
    client.half_close();
    assert!(client.ending(SOON).ended());
    setup.finish();
}

/// One end of a TCP connection on this machine, and what the kernel holds there.
struct End {
    local: u16,
    remote: u16,
    unsent: usize,
    unread: usize,
}

fn ends() -> Vec<End> {
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of connections");
    let number = |hex: &str| usize::from_str_radix(hex, 16).expect("a hexadecimal number");
    let port = |address: &str| {
        let (_, port) = address.split_once(':').expect("an address and a port");
        u16::try_from(number(port)).expect("a port")
    };
    let end = |line: &str| {
        let words = line.split_whitespace().collect::<Vec<_>>();
        let (unsent, unread) = words[4].split_once(':').expect("two queues");
        let (local, remote) = (port(words[1]), port(words[2]));
        End { local, remote, unsent: number(unsent), unread: number(unread) }
    };
    table.lines().skip(1).map(end).collect()
}

/// The bytes that the kernel holds on their way from one port to the other.
fn queued(from: u16, to: u16) -> usize {
    let ends = ends();
    let sending = ends.iter().filter(|end| (end.local, end.remote) == (from, to));
    let receiving = ends.iter().filter(|end| (end.local, end.remote) == (to, from));
    sending.map(|end| end.unsent).chain(receiving.map(|end| end.unread)).sum()
}

/// Sends until nothing more is taken; how many bytes were.
fn send_all_that_is_taken(stream: &mut TcpStream, bytes: &[u8]) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a deadline");
    let mut sent = 0;
    while let Ok(taken @ 1..) = stream.write(&bytes[sent..]) {
        sent += taken;
    }
    sent
}

#[test]
fn u1_bytes_before_the_101_wait_within_bounds_and_arrive_whole() {
    const HELD_MAX: usize = 64 * 1024;
    let setup = Setup::new();
    let (asked, agree) = (Gate::new(), Gate::new());
    let agrees = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    setup.blue.behave_at(
        "/wish",
        Behavior::Script(vec![
            Step::Open(asked.clone()),
            Step::WaitFor(agree.clone()),
            Step::Send(agrees.into()),
            Step::Hang,
        ]),
    );
    let wish = "GET /wish HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let early = (0..=250).cycle().take(16 << 20).collect::<Vec<u8>>();
    let mut client = TcpStream::connect(setup.teal.listener()).expect("connected");
    set_socket_send_buffer_size(&client, 16 * 1024).expect("a small buffer");
    // Some in the same segment as the request, which Teal can't help reading.
    client.write_all(&[wish.as_bytes(), &early[..4096]].concat()).expect("sent");
    assert!(asked.wait(Instant::now() + SOON), "the target is asked");
    let sent = 4096 + send_all_that_is_taken(&mut client, &early[4096..]);
    let (from, to) =
        (client.local_addr().expect("an address").port(), setup.teal.listener().port());
    let held = sent - queued(from, to);
    assert!((1..=HELD_MAX).contains(&held), "{held} of {sent} bytes are held");
    // By now they would have been passed on; the target has not even the first of them.
    let at_target = || setup.blue.seen().bytes().concat();
    let head = at_target();
    assert!(head.ends_with(b"\r\n\r\n"), "{}", String::from_utf8_lossy(&head));
    let target = setup.blue.address().port();
    let unread = || {
        let with_target = ends().into_iter().filter(|end| end.local == target && end.remote != 0);
        with_target.map(|end| end.unread).sum::<usize>()
    };
    // Nor does it lie before it. A health check may, for a moment.
    wait_until(SOON, "nothing is sent before the 101", || unread() == 0);
    agree.open();
    wait_until(SOON, "all of it has arrived", || at_target().len() >= head.len() + sent);
    client.write_all(b"more").expect("sent");
    wait_until(SOON, "what follows has arrived", || at_target().ends_with(b"more"));
    let arrived = at_target().split_off(head.len());
    assert!(arrived == [&early[..sent], b"more"].concat(), "{} of {sent}", arrived.len());
    drop(client);
    setup.finish();
}

#[test]
fn u2_u3_an_upgrade_to_h2c_or_to_a_web_socket_with_a_body_is_ignored() {
    let setup = Setup::new();
    let upgrade = "Connection: upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\nUpgrade:";
    for request in [
        format!(
            "POST / HTTP/1.1\r\nHost: test\r\n{upgrade} websocket\r\nContent-Length: 2\r\n\r\nhi"
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: test\r\n{upgrade} websocket\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\n"
        ),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{upgrade} h2c\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: test\r\n{upgrade} H2C\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: foo\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.0\r\nHost: test\r\n{upgrade} foo\r\n\r\n"),
    ] {
        setup.blue.seen().forget();
        let mut client = setup.client();
        client.send(&request);
        let answer = client.answer();
        assert!(matches!(answer.status, 200 | 400), "{request:?}: {}", answer.status);
        for received in setup.blue.seen().requests() {
            assert_eq!(received.fields.get("upgrade"), None, "{request:?}");
            assert_eq!(received.fields.get("http2-settings"), None, "{request:?}");
        }
        canary(&setup, "U2 U3");
    }
    setup.finish();
}

#[test]
fn u4_a_101_without_an_upgrade_request_is_502() {
    let setup = Setup::new();
    let plain = "GET /101 HTTP/1.1\r\nHost: test\r\n\r\n";
    let wish = "GET /101 HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n";
    let unnamed = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n";
    let other = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bar\r\n\r\n";
    let socket = wish.replace("foo", "websocket");
    let unproven = other.replace("bar", "websocket"); // without Sec-WebSocket-Accept
    let faults =
        [(plain, other), (plain, unnamed), (wish, other), (wish, unnamed), (&socket, &unproven)];
    for (request, answer) in faults {
        setup.blue.behave_at("/101", Behavior::raw(answer));
        let mut client = setup.client();
        client.send(request);
        assert_eq!(client.answer().status, 502, "{request:?} {answer:?}");
        canary(&setup, "U4");
    }
    setup.finish();
}

#[test]
fn u4_a_refused_web_socket_handshake_is_passed_back() {
    let setup = Setup::new();
    let refusal =
        "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n";
    setup.blue.behave_at("/ws", Behavior::raw(refusal));
    let mut client = setup.client();
    client.send(
        "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n\r\n",
    );
    let answer = client.answer();
    assert_eq!((answer.status, answer.fields.get("sec-websocket-version")), (426, Some("13")));
    canary(&setup, "U4");
    setup.finish();
}
