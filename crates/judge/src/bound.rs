//! How much is known of a share: the highest one that counts agree with, however often one looks.
//!
//! The confidence sequence of the mixture with Jeffreys' prior: {p : S ln p + (n-S) ln(1-p) >= ln a + ln B(S+1/2, n-S+1/2)
//! - ln B(1/2, 1/2)} (Howard, Ramdas, McAuliffe, Sekhon, 2021, arXiv 1810.08240, section 3.4 for the method).

use libm::lgamma;

use crate::counts::Counts;

/// Halvings of the interval: more than a double has digits.
const STEPS: usize = 60;

/// Returns the highest share of failures that the counts agree with. With a probability of at most `error` the true share
/// is ever above it.
pub fn at_most(counts: Counts, error: f64) -> f64 {
    let (failed, good) = counts.parts();
    if good == 0.0 {
        return 1.0;
    }
    let log_beta = |one: f64, other: f64| lgamma(one) + lgamma(other) - lgamma(one + other);
    let least = error.ln() + log_beta(failed + 0.5, good + 0.5) - log_beta(0.5, 0.5);
    let likelihood = |share: f64| {
        let of_failed = if failed > 0.0 { failed * share.ln() } else { 0.0 };
        of_failed + good * (1.0 - share).ln()
    };
    let (mut low, mut high) = (failed / (failed + good), 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if likelihood(middle) >= least {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}
