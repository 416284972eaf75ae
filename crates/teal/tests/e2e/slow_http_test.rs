//! slowhttptest, the tool that people test their servers with: slow heads, slow bodies and slow
//! readers are left at their deadlines, and the service stays available (D10, L10).

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::{Behavior, wait_until};

use crate::setup::{SOON, Setup};

const CONNECTIONS: u64 = 50;

fn setup() -> Setup {
    let deadlines = r#"request_head = "1s", body_progress = "1s", write_stall = "1s""#;
    let setup = Setup::with(|settings| settings.timeouts(deadlines));
    let big = Behavior::Download { bytes: 100_000_000, chunked: false, pause: Duration::ZERO };
    setup.blue.behave_at("/big", big);
    setup
}

/// The tool on so many connections, for at most 20 s.
fn slow(setup: &Setup, path: &str, more: &[&str]) -> Command {
    let url = format!("http://{}{path}", setup.teal.listener());
    let mut command = Command::new("slowhttptest");
    command.args(["-u", &url, "-c", &CONNECTIONS.to_string(), "-r", "200", "-l", "20", "-p", "3"]);
    command.args(["-v", "1"]).args(more).stdin(Stdio::null());
    command
}

#[test]
fn slow_heads_and_slow_bodies_are_cut_at_their_deadlines() {
    // L8 L10
    let setup = setup();
    for more in [&["-H", "-i", "2"][..], &["-B", "-i", "2", "-s", "8192", "-x", "10"]] {
        let output = slow(&setup, "/slow", more).output().expect("slowhttptest is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("No open connections left"), "{more:?}: {said}");
        assert!(said.contains("YES") && !said.contains("NO\n"), "{more:?}: {said}");
        assert_eq!(setup.client().get("/honest").status, 200);
    }
    setup.finish();
}

/// Connections of this port that the kernel keeps because their FIN has not been taken.
fn closing(port: u16) -> usize {
    let sockets = fs::read_to_string("/proc/net/tcp").expect("Linux tells its sockets");
    let local = format!(":{port:04X}");
    let rows = sockets.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 3 && row[1].ends_with(&local) && row[3] == "04").count()
}

#[test]
fn slow_readers_are_disconnected_at_the_write_stall() {
    // L8 L10
    let setup = setup();
    let more = ["-X", "-n", "1", "-z", "16", "-w", "512", "-y", "1024"];
    let mut reading = slow(&setup, "/big", &more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("slowhttptest is installed");
    let aborted = || setup.teal.metrics().count("teal_requests_aborted_total", &[]);
    wait_until(SOON * 2, "all of them to be left", || aborted() >= CONNECTIONS);
    assert_eq!(setup.client().get("/honest").status, 200);
    // The tool still answers for its closed windows, so that a FIN would wait behind the rest.
    let port = setup.teal.listener().port();
    wait_until(SOON, "the kernel to keep nothing for them", || closing(port) == 0);
    // Ignored where it fails: it has ended by itself.
    let _ = reading.kill();
    let _ = reading.wait();
    wait_until(SOON, "their leases to end", || setup.teal.color("blue")["in_flight"] == 0);
    setup.finish();
}
