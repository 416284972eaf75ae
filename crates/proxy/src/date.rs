//! The `Date` that is added to answers without one.

use std::time::SystemTime;

/// A second of the wall clock, and its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date {
    second: u64,
    text: [u8; 29],
}

impl Date {
    pub(crate) fn now() -> Self {
        let second = Self::second();
        Self { second, text: http1::http_date(second) }
    }

    /// Returns the same unless another second has begun: formatted once a second, not once per answer.
    pub(crate) fn renewed(self) -> Self {
        if self.second == Self::second() { self } else { Self::now() }
    }

    pub(crate) fn text(self) -> [u8; 29] {
        self.text
    }

    pub(crate) fn since_1970(self) -> u64 {
        self.second
    }

    fn second() -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |since| since.as_secs())
    }
}
