//! What the drill's tests share: a relay that plays the proxy, and waiting.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "this is a part of tests")]

pub(crate) mod http2;
pub(crate) mod relay;
pub(crate) mod scripted;
pub(crate) mod secure;
pub(crate) mod stand_in;

use std::time::{Duration, Instant};

/// Waits until a condition holds; fails the test if it takes more than 20 s.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
