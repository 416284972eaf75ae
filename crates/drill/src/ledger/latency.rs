//! A compact histogram of all answer times: a percentile is at most 1 % above the true value and never
//! below it.

use hdrhistogram::Histogram;

/// The longest distinguishable time: as many microseconds as fit, over an hour.
const LONGEST: u64 = u32::MAX as u64;

/// The precision of a time, in decimal digits.
const DIGITS: u8 = 2;

/// Counts of answer times.
#[derive(Debug, Clone)]
pub(super) struct Latency(Histogram<u64>);

impl Latency {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Self(histogram.expect("the bounds are ordered, and there are that many digits"))
    }

    /// Adds one answer time in microseconds.
    pub(super) fn add(&mut self, micros: u32) {
        self.0.saturating_record(micros.into());
    }

    /// The time, in microseconds, that this many of 1,000 answers did not exceed.
    pub(super) fn quantile(&self, per_mille: u64) -> u32 {
        let found = self.0.value_at_quantile(per_mille as f64 / 1_000.0);
        u32::try_from(found).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_never_below_the_truth_and_at_most_a_hundredth_above() {
        for micros in [0, 1, 15, 16, 17, 100, 1_000, 65_535, 1_000_000, u32::MAX] {
            let mut latency = Latency::new();
            latency.add(micros);
            let found = latency.quantile(990);
            assert!(found >= micros, "{found} for {micros}");
            assert!(found - micros <= micros / 100, "{found} for {micros}");
        }
    }

    #[test]
    fn percentiles_count_from_below() {
        let mut latency = Latency::new();
        for micros in 0..10 {
            latency.add(micros);
        }
        assert_eq!(latency.quantile(500), 4);
        assert_eq!(latency.quantile(1_000), 9);
        assert_eq!(Latency::new().quantile(500), 0);
    }
}
