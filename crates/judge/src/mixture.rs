//! The e-process of a Bernoulli share against a few others: the mean of their likelihood ratios.
//!
//! For a null hypothesis "at most p0" all others are above p0, for "at least p0" below. The factor of one trial is then
//! monotone in its outcome and has the mean 1 at p0, hence at most 1 for each share in the null hypothesis.

use crate::counts::Counts;

/// The maximum number of alternatives.
const ALTERNATIVES: usize = 16;

/// A share, and the alternatives to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mixture {
    /// The logarithms of the factors of a failure and of another request, for each alternative.
    factors: [(f64, f64); ALTERNATIVES],
    len: usize,
}

impl Mixture {
    /// Makes one of a share and its alternatives, all from 0 to 1; without the share itself inside of that, or without an
    /// alternative, nothing is ever evidence.
    pub(crate) fn new(null: f64, alternatives: impl Iterator<Item = f64>) -> Self {
        let mut mixture = Self { factors: [(0.0, 0.0); ALTERNATIVES], len: 0 };
        if !(null > 0.0 && null < 1.0) {
            return mixture;
        }
        for (place, share) in mixture.factors.iter_mut().zip(alternatives) {
            *place = ((share / null).ln(), ((1.0 - share) / (1.0 - null)).ln());
            mixture.len += 1;
        }
        mixture
    }

    /// Returns true if nothing is ever evidence.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the natural logarithm of E.
    pub(crate) fn log_e(&self, counts: Counts) -> f64 {
        let (failed, good) = counts.parts();
        let all = self.factors.iter().take(self.len).map(|(on_failure, otherwise)| {
            // 0 failures of a share of 0: 0 times minus infinity.
            let part = |count: f64, factor: f64| if count > 0.0 { count * factor } else { 0.0 };
            part(failed, *on_failure) + part(good, *otherwise)
        });
        let most = all.clone().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() {
            return if self.len == 0 { 0.0 } else { most };
        }
        // From the greatest, so that nothing overflows.
        most + (all.map(|log| (log - most).exp()).sum::<f64>() / self.len as f64).ln()
    }
}
