//! How many frames of a kind a peer may send: those that cost us work and bring it nothing (D6). What is
//! moved earns the frames that come of it.

use std::time::{Duration, Instant};

use super::frames::{CONTINUATION, DATA, END_STREAM, HEADERS, SETTINGS};

/// What a peer may send of one kind: so many at once, and then so many in a second, or for what was
/// moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

/// Kinds of frames with a budget: name, how many at once, how many in a second. What moves earns more
/// of some: see `Watch::earn`.
pub(super) const KINDS: usize = 7;
pub(super) const BUDGETS: [(&str, f64, f64); KINDS] = [
    ("empty DATA", 100.0, 20.0),
    ("PRIORITY", 300.0, 50.0),
    ("RST_STREAM", 500.0, 250.0),
    ("SETTINGS", 50.0, 5.0),
    ("PING", 2000.0, 500.0),
    ("WINDOW_UPDATE", 20_000.0, 20_000.0),
    ("unknown", 100.0, 10.0),
];
pub(super) const RST_STREAM: usize = 2;
pub(super) const PING: usize = 4;
pub(super) const WINDOW_UPDATE: usize = 5;

/// The place in [`BUDGETS`] of a frame that has one.
pub(super) fn kind(kind: u8, flags: u8, length: usize) -> Option<usize> {
    match kind {
        DATA if length == 0 && flags & END_STREAM == 0 => Some(0),
        2 => Some(1),
        3 => Some(RST_STREAM),
        SETTINGS => Some(3),
        6 => Some(PING),
        8 => Some(WINDOW_UPDATE),
        // Those without a budget are bounded otherwise: by streams, windows and the length of heads.
        DATA | HEADERS | CONTINUATION => None,
        _ => Some(6), // PUSH_PROMISE and GOAWAY too, of which one is enough
    }
}

impl Budget {
    /// All of them, at the beginning.
    pub(super) fn all(now: Instant) -> [Self; KINDS] {
        BUDGETS.map(|(_, most, per_second)| Self { left: most, most, per_second, at: now })
    }

    /// False: there is nothing left.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at);
        if since > Duration::from_millis(100) {
            self.left = self.most.min(self.left + since.as_secs_f64() * self.per_second);
            self.at = now;
        }
        self.left -= 1.0;
        self.left >= 0.0
    }

    pub(super) fn earn(&mut self, count: usize) {
        self.left = self.most.min(self.left + count as f64);
    }
}
