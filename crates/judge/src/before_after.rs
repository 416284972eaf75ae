//! Judge B: the failures of the candidate against those of stable before it, when there is no traffic on stable any more.

use crate::bound::at_most;
use crate::counts::Counts;
use crate::mixture::Mixture;

/// The E at which a candidate fails: three judges that may take it back are then wrong at most once in 1,000 rollouts.
pub const THRESHOLD: f64 = 3000.0;

/// The error of the bound on stable's share of failures.
const BOUND_ERROR: f64 = 0.001;

/// The highest alternative.
const HIGHEST: f64 = 0.9;

/// The failures that a candidate is allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// It may fail this many times as often as stable did.
    pub ratio: f64,
    /// It may fail this often in any case, from 0 to 1.
    pub floor: f64,
}

/// The judge of one service.
#[derive(Clone, Copy, Debug)]
pub struct BeforeAfter {
    allowed: f64,
    mixture: Mixture,
}

impl BeforeAfter {
    /// Makes the judge from what stable did before. The less is known of it, the more is allowed.
    pub fn new(stable: Counts, tolerance: Tolerance) -> Self {
        let Tolerance { ratio, floor } = tolerance;
        Self::of_allowed((ratio * at_most(stable, BOUND_ERROR)).max(floor))
    }

    /// Makes the judge for a share of failures that is allowed.
    pub fn of_allowed(allowed: f64) -> Self {
        let doubled = std::iter::successors(Some(allowed * 1.5), |share| Some(share * 2.0));
        let below = doubled.take_while(|share| *share < HIGHEST);
        let highest = (allowed < HIGHEST).then_some(HIGHEST);
        Self { allowed, mixture: Mixture::new(allowed, below.chain(highest)) }
    }

    /// Returns the share of failures that is allowed, at most 1.
    pub fn allowed(&self) -> f64 {
        self.allowed.min(1.0)
    }

    /// Returns false if too little is known of stable for any candidate to fail.
    pub fn can_fail(&self) -> bool {
        !self.mixture.is_empty()
    }

    /// Returns the decimal logarithm of E.
    pub fn log10_e(&self, candidate: Counts) -> f64 {
        self.mixture.log_e(candidate) / std::f64::consts::LN_10
    }

    /// Returns true if the candidate fails more often than it is allowed to.
    // lossless: L12
    pub fn fails(&self, candidate: Counts) -> bool {
        self.mixture.log_e(candidate) >= THRESHOLD.ln()
    }
}
