//! Budgets for the frames of each kind that a peer may send: those that cost us work and bring it nothing (D6).
//! Data that is moved earns frames that it normally causes.

use std::time::{Duration, Instant};

use super::frames::{CONTINUATION, DATA, END_STREAM, HEADERS, SETTINGS};

/// The budget of one kind of frame: this many at once, refilled per second and by data that is moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) left: f64,
    most: f64,
    per_second: f64,
    at: Instant,
}

/// The kinds of frames with a budget: name, burst, rate per second. Data that is moved earns more of some: see
/// `Watch::earn`.
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

/// Returns the index in [`BUDGETS`] of a frame that has one.
pub(super) fn kind(kind: u8, flags: u8, length: usize) -> Option<usize> {
    match kind {
        DATA if length == 0 && flags & END_STREAM == 0 => Some(0),
        2 => Some(1),
        3 => Some(RST_STREAM),
        SETTINGS => Some(3),
        6 => Some(PING),
        8 => Some(WINDOW_UPDATE),
        // These are bounded by streams, windows and the length of heads.
        DATA | HEADERS | CONTINUATION => None,
        _ => Some(6), // PUSH_PROMISE and GOAWAY too, of which one is enough
    }
}

impl Budget {
    /// Returns all budgets, full.
    pub(super) fn all(now: Instant) -> [Self; KINDS] {
        BUDGETS.map(|(_, most, per_second)| Self { left: most, most, per_second, at: now })
    }

    /// Takes one frame from the budget. Returns false if it is exhausted.
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
