//! A hundred clients that do their worst at once: what they may cost is bounded, and nobody else
//! notices them (D10, D11, F19).

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Behavior, wait_until};

use crate::setup::{SOON, Setup};

const HOSTILE: usize = 100;
const HONEST: usize = 1_000;

/// The memory that one client may cost: a read buffer on its side and one on the target's, a body
/// that may be sent again, and the state of connection and request.
const BYTES_EACH: usize = (32 + 32 + 64 + 8) * 1024;

/// One client, and how it misbehaves.
struct Hostile {
    stream: TcpStream,
    /// Sent first.
    begin: Vec<u8>,
    /// Sent again and again, piece by piece.
    drip: &'static [u8],
}

impl Hostile {
    /// Six ways of wasting what belongs to others.
    fn new(setup: &Setup, number: usize) -> Self {
        let stream = TcpStream::connect(setup.teal.listener()).expect("it accepts");
        stream.set_nonblocking(true).expect("a socket");
        let line = "HTTP/1.1\r\nHost: test\r\n";
        let (begin, drip) = match number % 6 {
            0 => (format!("GET / {line}A: "), &b"a"[..]), // a head that never ends
            1 => (format!("GET / {line}A: {}", "a".repeat(32_000)), &b""[..]),
            2 => (format!("PUT / {line}Content-Length: 60000\r\n\r\n"), &b"b"[..]),
            3 => (format!("POST / {line}Transfer-Encoding: chunked\r\n\r\n"), &b"1;x\r\nc\r\n"[..]),
            4 => (format!("GET /big {line}\r\n"), &b""[..]), // and never reads
            _ => (format!("GET /big {line}\r\n").repeat(400), &b""[..]),
        };
        Self { stream, begin: begin.into_bytes(), drip }
    }

    /// Sends what can be sent of its begin, then a bit of its drip.
    fn misbehave(&mut self) {
        let drips = self.begin.is_empty();
        let sent = self.stream.write(if drips { self.drip } else { &self.begin });
        if let (false, Ok(count)) = (drips, sent) {
            self.begin.drain(..count);
        }
    }
}

#[test]
fn a_hundred_hostile_clients_cost_a_bounded_memory_and_no_other_client_an_answer() {
    // L8 L10
    let setup = Setup::new();
    let big = Behavior::Download { bytes: 50_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/big", big);
    let mut honest = setup.client();
    for _ in 0..100 {
        assert_eq!(honest.get("/warm").status, 200); // so that what it needs anyway is there
    }
    let before = resident(setup.teal.pid());
    let over = AtomicBool::new(false);
    let peak = thread::scope(|scope| {
        let worst = scope.spawn(|| {
            let mut hostile: Vec<_> = (0..HOSTILE).map(|n| Hostile::new(&setup, n)).collect();
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                hostile.iter_mut().for_each(Hostile::misbehave);
                peak = peak.max(resident(setup.teal.pid()));
                thread::sleep(Duration::from_millis(2)); // the pace of the drip
            }
            let left = hostile.iter().filter(|hostile| is_open(&hostile.stream)).count();
            assert!(left > HOSTILE / 2, "only {left} of them were still at it");
            peak
        });
        for n in 0..HONEST {
            let answer = honest.get(&format!("/honest/{n}"));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains(&format!("/honest/{n} ")), "{}", answer.text());
        }
        over.store(true, Ordering::Relaxed);
        worst.join().expect("the hostile ones")
    });
    let grown = peak.saturating_sub(before);
    assert!(grown <= HOSTILE * BYTES_EACH, "{grown} bytes for {HOSTILE} hostile clients");
    wait_until(SOON, "their leases to end", || setup.teal.color("blue")["in_flight"] == 0);
    setup.teal.assert_books_balance();
}

fn is_open(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(count) => count > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
