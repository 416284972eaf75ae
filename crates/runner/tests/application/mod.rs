//! The application of these tests: the test executable, started again as a small HTTP server.
//!
//! It answers every connection with its version, and ends by itself some minutes after a test that has lost it.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

const LIFE: Duration = Duration::from_secs(180);
const PATIENCE: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(10);

/// The arguments that start the test executable as the application. It needs a test `application` that calls
/// [`serve`].
pub(crate) const ARGUMENTS: [&str; 4] = ["application", "--exact", "--ignored", "--nocapture"];

/// The test executable.
pub(crate) fn executable() -> PathBuf {
    env::current_exe().expect("a process has a program")
}

/// Serves on `TEAL_PORT`; returns at once where that is not set, as in a run of all ignored tests.
pub(crate) fn serve() {
    let Some(port) = env::var("TEAL_PORT").ok().and_then(|port| port.parse::<u16>().ok()) else {
        return;
    };
    thread::spawn(|| {
        thread::sleep(LIFE); // not a wait for luck: the end of an application that a test has lost
        process::abort();
    });
    let version = env::var("TEAL_VERSION").unwrap_or_default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    writeln!(std::io::stderr(), "listening on {port} as {version}").expect("there is a log");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 4096]); // a connection that was only made to see whether one can be
        let length = version.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{version}"
        );
    }
}

/// The version that the application at a port answers with; `None` if nothing listens there.
pub(crate) fn version_at(port: u16) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.rsplit("\r\n").next().map(str::to_owned)
}

/// Waits until a condition holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(GLANCE);
    }
}

/// Returns true if a process runs: not if it has ended and nobody has waited for it.
pub(crate) fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    status.is_ok_and(|status| !status.contains("\nState:\tZ") && !status.contains("\nState:\tX"))
}
