//! Latencies: four buckets per power of two from 64 µs to about two minutes, so that any
//! quantile is off by at most an eighth of its value.

use std::time::Duration;

use crate::sync::{Ordering, StatisticU64};

const LOWEST_EXPONENT: u32 = 6; // 64 µs
const OCTAVES: usize = 21; // up to 2^27 µs = 134 s

/// The number of buckets; the last one has no upper bound.
pub const BUCKETS: usize = OCTAVES * 4 + 2;

/// Counts by latency, with one writer.
#[derive(Debug)]
pub struct Histogram {
    buckets: [StatisticU64; BUCKETS],
    total_micros: StatisticU64,
}

/// The sum of several histograms at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSum {
    /// Counts per bucket, not cumulative.
    pub buckets: [u64; BUCKETS],
    /// The sum of all latencies in microseconds.
    pub total_micros: u64,
}

/// Returns the upper bound of a bucket in microseconds; `None` for the last one.
pub fn bucket_bound(bucket: usize) -> Option<u64> {
    if bucket == 0 {
        return Some(1 << LOWEST_EXPONENT);
    }
    if bucket + 1 >= BUCKETS {
        return None;
    }
    let octave = LOWEST_EXPONENT as usize + (bucket - 1) / 4;
    let quarter = ((bucket - 1) % 4 + 1) as u64;
    let base = 1u64 << octave;
    Some(base + (base / 4) * quarter)
}

/// Returns the latency that stands for a bucket: its upper bound; for the last one, its lower bound.
pub fn latency_of(bucket: usize) -> Duration {
    let bound = bucket_bound(bucket).or_else(|| bucket_bound(BUCKETS - 2));
    Duration::from_micros(bound.unwrap_or_default())
}

fn bucket_of(micros: u64) -> usize {
    if micros < 1 << LOWEST_EXPONENT {
        return 0;
    }
    let exponent = micros.ilog2();
    let quarter = (micros >> (exponent - 2)) & 3;
    let octave = (exponent - LOWEST_EXPONENT) as usize;
    (1 + octave * 4 + quarter as usize).min(BUCKETS - 1)
}

// === impl Histogram ===

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { StatisticU64::new(0) }; BUCKETS],
            total_micros: StatisticU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one latency, from the owning worker only.
    pub fn record(&self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let add = |place: &StatisticU64, amount: u64| {
            let sum = place.load(Ordering::Relaxed).wrapping_add(amount);
            place.store(sum, Ordering::Relaxed);
        };
        add(&self.buckets[bucket_of(micros)], 1);
        add(&self.total_micros, micros);
    }

    /// Replaces the counts, from the owning worker only.
    pub fn set(&self, sum: &HistogramSum) {
        for (into, from) in self.buckets.iter().zip(&sum.buckets) {
            into.store(*from, Ordering::Relaxed);
        }
        self.total_micros.store(sum.total_micros, Ordering::Relaxed);
    }

    /// Adds this histogram to a sum.
    pub fn add_to(&self, sum: &mut HistogramSum) {
        for (into, from) in sum.buckets.iter_mut().zip(&self.buckets) {
            *into += from.load(Ordering::Relaxed);
        }
        sum.total_micros = sum.total_micros.wrapping_add(self.total_micros.load(Ordering::Relaxed));
    }
}

// === impl HistogramSum ===

impl Default for HistogramSum {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], total_micros: 0 }
    }
}

impl HistogramSum {
    /// Returns how many latencies were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the counts since an earlier sum of the same histograms.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = Self::default();
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        for (into, (now, before)) in since.buckets.iter_mut().zip(pairs) {
            *into = now.saturating_sub(*before);
        }
        since.total_micros = self.total_micros.saturating_sub(earlier.total_micros);
        since
    }

    /// Adds the counts of other histograms.
    pub fn add(&mut self, other: &Self) {
        for (into, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *into += from;
        }
        self.total_micros = self.total_micros.wrapping_add(other.total_micros);
    }

    /// Returns the latency below which this share (0 to 1) of requests lies: the upper bound of its bucket.
    /// `None` if nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        self.bucket_at(share).map(latency_of)
    }

    /// Returns the number of the bucket below whose upper bound this share (0 to 1) of requests lies. `None` if
    /// nothing was counted.
    pub fn bucket_at(&self, share: f64) -> Option<usize> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = (share.clamp(0.0, 1.0) * count as f64).ceil().max(1.0);
        let mut seen = 0u64;
        self.buckets.iter().position(|number| {
            seen += number;
            seen as f64 >= rank
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_the_bucket_whose_bounds_hold_it() {
        for micros in
            (0..2000).chain((11..37).map(|e| (1u64 << e) - 1)).chain((11..37).map(|e| 1 << e))
        {
            let bucket = bucket_of(micros);
            if let Some(bound) = bucket_bound(bucket) {
                assert!(micros < bound, "{micros} in bucket {bucket} below {bound}");
            }
            if bucket > 0 {
                let below = bucket_bound(bucket - 1).unwrap();
                assert!(micros >= below, "{micros} in bucket {bucket} from {below}");
            }
        }
    }

    #[test]
    fn a_quantile_is_off_by_at_most_a_quarter() {
        let histogram = Histogram::default();
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let mut sum = HistogramSum::default();
        histogram.add_to(&mut sum);
        assert_eq!(sum.count(), 1000);
        for (share, exact) in [(0.5, 500.0), (0.99, 990.0)] {
            let found = sum.quantile(share).unwrap().as_secs_f64() * 1000.0;
            assert!(found >= exact && found <= exact * 1.25, "{share}: {found} for {exact}");
        }
        let later = sum.clone();
        assert_eq!(later.since(&sum).count(), 0);
        assert_eq!(later.since(&sum).quantile(0.5), None);
    }
}
