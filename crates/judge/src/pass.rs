//! The test that a candidate passes: not that no failure was seen, but that a bad share of failures would have shown.

use crate::counts::Counts;
use crate::mixture::Mixture;

/// The E at which a candidate passes: one that is just bad does so in at most 5 % of all rollouts.
pub const PASS_THRESHOLD: f64 = 20.0;

/// The parts of the bad share that are the alternatives; the last one: no failure at all.
const PARTS: [f64; 4] = [0.5, 0.2, 0.05, 0.0];

/// The test of one service.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    mixture: Mixture,
}

impl Pass {
    /// Makes the test against a share of failures that is bad.
    pub fn new(bad: f64) -> Self {
        Self { mixture: Mixture::new(bad, PARTS.into_iter().map(|part| bad * part)) }
    }

    /// Returns true if the candidate passes.
    pub fn passes(&self, candidate: Counts) -> bool {
        self.mixture.log_e(candidate) >= PASS_THRESHOLD.ln()
    }
}
