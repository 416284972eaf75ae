//! The counts that a judge is about.

/// Requests that have ended, and those among them that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    requests: u64,
    failed: u64,
}

impl Counts {
    /// Makes counts. There are never more failures than requests.
    pub fn new(requests: u64, failed: u64) -> Self {
        Self { requests, failed: failed.min(requests) }
    }

    /// Returns the requests.
    pub fn requests(self) -> u64 {
        self.requests
    }

    /// Returns the failures.
    pub fn failed(self) -> u64 {
        self.failed
    }

    /// Returns the failures and the other requests, for logarithms.
    pub(crate) fn parts(self) -> (f64, f64) {
        (self.failed as f64, (self.requests - self.failed) as f64)
    }
}
