//! A target whose process stands still for a while: requests that may not be sent twice wait on kept
//! connections, which it closes unread when it wakes up. What was sent before its silence is noticed can be
//! lost; what comes later waits on new connections.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::{Client, Settings, Target, Teal, wait_until};

use crate::TEAL;
use crate::setup::SOON;

/// A quarter of the time for which the server keeps connections.
const TRUSTED: Duration = Duration::from_millis(500);
/// 20 ms and four times what an answer takes, and room for a busy machine.
const NOTICED: Duration = Duration::from_millis(150);
const KEPT: usize = 40;
const EVERY: Duration = Duration::from_millis(10);
const FROZEN: u32 = 300;

struct Server(Child, u16);

impl Server {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/frozen_server.py");
        let spawned = Command::new("python3").arg(script).stdout(Stdio::piped()).spawn();
        let mut child = spawned.expect("python3 is installed");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        Self(child, line.trim().parse().expect("a port"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn post(teal: &Teal, path: &'static str, id: String) -> thread::JoinHandle<u16> {
    let listener = teal.listener();
    thread::spawn(move || Client::connect(listener).post(path, id.as_bytes()).status)
}

#[test]
fn r45_a_target_that_was_frozen_loses_no_more_than_the_bound_and_doubles_nothing() {
    // L5
    let server = Server::start();
    let spare = Target::start("green");
    let url = format!("http://127.0.0.1:{}", server.1);
    // One pool of connections; and no probe finds out what happens.
    let settings = Settings::of_urls(&[&url], &[&spare.url()])
        .top("workers", "1")
        .service("health", "{ interval = \"60s\", timeout = \"30s\" }");
    let teal = Teal::start_healthy(TEAL, &settings);

    let keep_many = || {
        let slow: Vec<_> = (0..KEPT).map(|_| post(&teal, "/slow", String::new())).collect();
        assert!(slow.into_iter().all(|asked| asked.join().expect("an answer") == 200));
    };
    keep_many();
    let kept = Instant::now();
    // A connection that has survived an idle time is trusted for that time.
    wait_until(SOON, "connections have idled for long", || kept.elapsed() > TRUSTED * 7 / 2);
    keep_many();
    for id in 0..64 {
        assert_eq!(post(&teal, "/usual", format!("u{id}")).join().expect("an answer"), 200);
    }
    assert!(teal.metrics().count("teal_target_connects_total", &[("result", "ok")]) >= KEPT as u64);
    testkit::signal_process(server.0.id(), Signal::STOP);
    let frozen = Instant::now();
    let mut asked = Vec::new();
    for id in 0..FROZEN {
        let due = frozen + EVERY * id;
        wait_until(SOON, "the next is due", || Instant::now() >= due);
        asked.push((frozen.elapsed(), post(&teal, "/", id.to_string())));
    }
    testkit::signal_process(server.0.id(), Signal::CONT);

    let mut lost = Vec::new();
    for (at, asked) in asked {
        match asked.join().expect("an answer") {
            200 => {}
            502 => lost.push(at),
            other => panic!("{other} to what was asked {at:?} after the freeze"),
        }
    }
    println!(
        "{} of {FROZEN} were lost, the last of them asked after {:?}",
        lost.len(),
        lost.last()
    );
    assert!(lost.iter().all(|at| *at < NOTICED), "{lost:?}");
    assert_eq!(
        teal.metrics().count("teal_stale_lost_total", &[]),
        lost.len() as u64,
        "each is counted"
    );
    let received = Client::connect(teal.listener()).get("/received").text();
    let mut ids: Vec<_> = received.split(',').collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), all), (64 + FROZEN as usize - lost.len(), all), "none doubled");
    teal.assert_books_balance();
}
