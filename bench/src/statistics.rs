//! Medians and their confidence bounds.

const RESAMPLES: usize = 10_000;

/// The middle value; for an even number of values the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    if sorted.len() % 2 == 1 {
        at(middle)
    } else {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    }
}

/// The value that this percentage of values does not exceed.
#[expect(clippy::cast_sign_loss, reason = "a share of a length is never negative")]
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The upper bound of the median, 95 % one-sided, by the percentile bootstrap. The seed is fixed:
/// the same figures always have the same bound.
pub(crate) fn upper_bound(values: &[f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let mut state = 0x7ea1_7ea1_7ea1_7ea1_u64;
    let mut draw = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = usize::try_from(state % values.len() as u64).unwrap_or_default();
        values.get(index).copied().unwrap_or(f64::NAN)
    };
    let medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| median(&(0..values.len()).map(|_| draw()).collect::<Vec<_>>()))
        .collect();
    percentile(&medians, 95.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_what_they_are_by_hand() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!((percentile(&[1.0, 2.0, 3.0, 4.0], 50.0) - 2.0).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_bound_is_above_the_median_and_the_same_each_time() {
        let ratios = [0.80, 0.82, 0.78, 0.95, 0.81, 0.79, 0.83, 0.80, 0.84];
        let bound = upper_bound(&ratios);
        assert!(bound > median(&ratios) && bound <= 0.95, "{bound}");
        assert!((bound - upper_bound(&ratios)).abs() < 1e-12);
        assert!((upper_bound(&[0.9; 9]) - 0.9).abs() < 1e-9, "without spread they are the same");
    }
}
