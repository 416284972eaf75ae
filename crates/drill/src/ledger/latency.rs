//! A histogram of answer times: 16 buckets per power of two of microseconds, so
//! a percentile is at most 6.25 % above the truth and never below it.

/// Buckets per power of two.
const STEPS: u32 = 16;
/// Enough buckets for every `u32` of microseconds (over an hour).
const BUCKETS: usize = 29 * STEPS as usize;

/// Counts of answer times.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    buckets: Vec<u64>,
    count: u64,
}

impl Latency {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }

    /// Adds one answer time in microseconds.
    pub(super) fn add(&mut self, micros: u32) {
        if let Some(bucket) = self.buckets.get_mut(index(micros)) {
            *bucket += 1;
        }
        self.count += 1;
    }

    /// The time, in microseconds, that so many of 1,000 answers did not exceed.
    pub(super) fn quantile(&self, per_mille: u64) -> u32 {
        let rank = self.count.saturating_mul(per_mille).div_ceil(1_000);
        let mut seen = 0;
        for (position, count) in self.buckets.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return upper(position);
            }
        }
        0
    }
}

/// The bucket of a time.
fn index(micros: u32) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let power = micros.ilog2(); // at least 4
    let step = (micros >> (power - 4)) - STEPS;
    ((power - 3) * STEPS + step) as usize
}

/// The largest time in a bucket.
fn upper(position: usize) -> u32 {
    let position = position as u64;
    let steps = u64::from(STEPS);
    if position < steps {
        return position as u32;
    }
    let shift = position / steps - 1;
    let next = (steps + position % steps + 1) << shift;
    u32::try_from(next - 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_never_below_the_truth_and_at_most_a_sixteenth_above() {
        for micros in [0, 1, 15, 16, 17, 100, 1_000, 65_535, 1_000_000, u32::MAX] {
            let mut latency = Latency::new();
            latency.add(micros);
            let found = latency.quantile(990);
            assert!(found >= micros, "{found} for {micros}");
            assert!(found - micros <= micros / 16, "{found} for {micros}");
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
