//! Shared parts of the drill's tests: a relay that plays the proxy, and waiting.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "this is a part of tests")]

pub(crate) mod http2;
pub(crate) mod relay;
pub(crate) mod scripted;
pub(crate) mod secure;
pub(crate) mod stand_in;

use std::time::{Duration, Instant};

use drill::ledger::Verdict;
use drill::load::{Endpoint, Load, LoadOptions, Trust, Work};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Waits until a condition holds; fails the test if it takes more than 20 s.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// GETs one page over two loops until `enough` requests have an outcome.
pub(crate) async fn page(endpoint: Endpoint, trust: Trust, host: &str, enough: u64) -> Verdict {
    let load = Load::start(LoadOptions {
        endpoints: vec![endpoint],
        host: host.to_owned(),
        trust,
        work: Work::Page("/".to_owned()),
        connections: 2,
        rate: Some(50), // 40 ms between two requests of a loop: time to be idle
        open: false,
        timeout: Duration::from_millis(500),
    })
    .unwrap();
    until("there are outcomes", || {
        let snapshot = load.snapshot();
        snapshot.sent - snapshot.in_flight >= enough
    })
    .await;
    Verdict::of_client(&load.finish().await)
}

/// Reads up to the end of a request's head; false: there is no other.
async fn is_asked(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut seen = Vec::new();
    while !seen.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
            return false;
        }
    }
    true
}
