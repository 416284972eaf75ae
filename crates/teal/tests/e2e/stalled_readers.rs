//! Clients and targets that stop reading in the middle: at `write_stall` their connections are gone, and
//! the kernel keeps nothing for them; and targets that vanish.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use testkit::http2::{END_HEADERS, END_STREAM, Frame, get, kind};
use testkit::{Behavior, Client, Gate, Step, wait_for_ok, wait_until, websocket};

use crate::setup::{SOON, Setup};

/// For what takes a deadline, or two of them one after the other.
const LEFT: Duration = Duration::from_secs(8);

/// For what the kernel notices when it asks next whether there is room again.
const GONE: Duration = Duration::from_secs(20);

/// More than the kernel takes for one connection.
const PIECES: usize = 2000;

fn setup(adjust: &str) -> Setup {
    let timeouts = format!("write_stall = \"1s\", {adjust}");
    Setup::with(|settings| settings.timeouts(&timeouts).listener_key("http2", "true"))
}

/// The sockets of this machine: states and timers, of those that these two ends have.
fn sockets(local: Option<u16>, remote: Option<u16>) -> Vec<(String, String)> {
    let all = fs::read_to_string("/proc/net/tcp").expect("Linux tells its sockets");
    let rows = all.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let is_at = |end: &str, port: Option<u16>| {
        port.is_none_or(|port| end.ends_with(&format!(":{port:04X}")))
    };
    let ours = rows.filter(|row| row.len() > 5 && row[3] != "0A");
    let ours = ours.filter(|row| is_at(row[1], local) && is_at(row[2], remote));
    ours.map(|row| (row[3].to_owned(), row[5].to_owned())).collect()
}

/// Waits until Teal's end of a client's connection is gone.
fn wait_gone(setup: &Setup, client: SocketAddr) {
    let port = setup.teal.listener().port();
    wait_for_ok(GONE, "the kernel keeps nothing for it", || {
        let kept = sockets(Some(port), Some(client.port()));
        if kept.is_empty() { Ok(()) } else { Err(format!("it has {kept:?}")) }
    });
}

/// A client whose kernel takes next to nothing.
fn narrow(address: SocketAddr) -> TcpStream {
    let ours = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_recv_buffer_size(&ours, 2048).expect("an option");
    connect(&ours, &address).expect("it accepts");
    TcpStream::from(ours)
}

fn upgrade(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
}

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";

#[test]
fn a_tunnel_whose_client_stops_reading_is_reset_at_the_write_stall() {
    // L8 L10
    let setup = setup("");
    setup.blue.behave_at(
        "/much",
        Behavior::Script(vec![
            Step::Send(SWITCHED.to_vec()),
            Step::SendTimes(vec![b'x'; 64 << 10], PIECES),
            Step::Hang,
        ]),
    );
    let mut client = Client::connect(setup.teal.listener());
    client.send(upgrade("/much"));
    assert_eq!(client.read_any_head().expect("a head").status, 101);
    wait_gone(&setup, client.local());
    wait_until(SOON, "its lease ends", || setup.teal.color("blue")["in_flight"] == 0);
    setup.teal.assert_books_balance();
}

#[test]
fn a_tunnel_whose_target_stops_reading_is_reset_at_the_write_stall() {
    // L8 L10
    let setup = setup("");
    let gate = Gate::new();
    let steps = vec![Step::Send(SWITCHED.to_vec()), Step::WaitFor(gate.clone())];
    setup.blue.behave_at("/deaf", Behavior::Script(steps));
    let mut client = TcpStream::connect(setup.teal.listener()).expect("it accepts");
    client.write_all(upgrade("/deaf").as_bytes()).expect("sent");
    client.set_write_timeout(Some(LEFT)).expect("a deadline");
    let piece = vec![b'x'; 64 << 10];
    let ended = (0..PIECES).any(|_| client.write_all(&piece).is_err());
    assert!(ended, "the client notices");
    let port = setup.blue.address().port();
    wait_until(LEFT, "nothing is kept for the target", || {
        sockets(None, Some(port)).iter().all(|(state, _)| state != "04")
    });
    gate.open();
}

#[test]
fn a_tunnel_in_which_nothing_is_to_be_read_stays() {
    let setup = setup("");
    setup.blue.behave_at("/chat", Behavior::WebSocket);
    let mut socket = websocket(setup.teal.listener(), "/chat");
    let mut other = setup.client();
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(other.get("/").status, 200); // three times the stall goes by
    }
    socket.send("still here".into()).expect("sent");
    assert_eq!(socket.read().expect("an echo").into_text().expect("text").as_str(), "still here");
}

/// The preface, with these windows for each stream and for all, and a request for each stream.
fn asking(window: u32, together: u32, streams: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let setting = [&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
    bytes.extend(Frame::new(kind::SETTINGS, 0, 0, setting).bytes());
    bytes.extend(Frame::new(kind::WINDOW_UPDATE, 0, 0, together.to_be_bytes()).bytes());
    for stream in (0..streams).map(|number| 2 * number + 1) {
        bytes.extend(
            Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, get("/big")).bytes(),
        );
    }
    bytes
}

#[test]
fn an_answer_that_the_kernel_has_taken_and_its_client_does_not_is_kept_no_longer() {
    // L10
    let setup = setup("");
    let some = Behavior::Download { bytes: 60_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/some", some);
    for half_closed in [false, true] {
        let mut client = narrow(setup.teal.listener());
        client
            .write_all(b"GET /some HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .expect("sent");
        wait_until(SOON, "it is answered, as far as Teal goes", || {
            !setup.blue.seen().requests_to("/some").is_empty()
                && setup.teal.color("blue")["in_flight"] == 0
        });
        if half_closed {
            client.shutdown(Shutdown::Write).expect("it is open");
        }
        wait_gone(&setup, client.local_addr().expect("bound"));
    }
    setup.teal.assert_books_balance();
}

#[test]
fn a_connection_of_http_2_whose_client_stops_reading_is_reset() {
    // L8 L10
    let setup = setup("idle = \"1s\"");
    let big = Behavior::Download { bytes: 200_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/big", big);
    // All windows open, so that it is the kernel that is full; and windows that hold what the kernel takes
    // though the client does not.
    for (window, together, streams) in [(1 << 30, 1 << 30, 3), (100_000, 900_000, 9)] {
        let mut client = narrow(setup.teal.listener());
        client.write_all(&asking(window, together, streams)).expect("sent");
        let mut some = [0; 9];
        client.read_exact(&mut some).expect("its settings");
        wait_until(SOON, "it is asked", || {
            setup.blue.seen().requests_to("/big").len() >= streams as usize
        });
        wait_gone(&setup, client.local_addr().expect("bound"));
        wait_until(SOON, "its leases end", || setup.teal.color("blue")["in_flight"] == 0);
    }
    setup.teal.assert_books_balance();
}

#[test]
fn the_kernel_asks_whether_a_silent_target_is_there() {
    // L10
    let setup = setup("");
    setup.blue.behave_at("/chat", Behavior::WebSocket);
    let (_held, gate) = setup.held_on_blue();
    let _socket = websocket(setup.teal.listener(), "/chat");
    let port = setup.blue.address().port();
    let asked = || {
        let all = sockets(None, Some(port));
        let timers = all.iter().filter(|(state, _)| state == "01").map(|(_, timer)| timer);
        timers.filter(|timer| timer.starts_with("02:")).count()
    };
    wait_until(SOON, "a timer of keep-alive runs on both", || asked() >= 2);
    gate.open();
}
