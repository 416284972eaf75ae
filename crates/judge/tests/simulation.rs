//! Simulated rollouts: how often a judge is wrong, and how soon it is right.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use judge::{BeforeAfter, Counts, Pass, THRESHOLD, Tolerance};

/// A generator of pseudo-random numbers (`SplitMix64`): the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// From 0 to 1, never 0.
    fn share(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// The number of requests up to the next one that fails.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small")]
    fn until_failure(&mut self, share: f64) -> u64 {
        1 + (self.share().ln() / (1.0 - share).ln()) as u64
    }
}

/// The requests until E reaches a threshold, with at least five failures; `None`: not within so many requests. E grows
/// with failures alone, so that it need not be looked at in between.
fn until(
    judge: &BeforeAfter,
    threshold: f64,
    most: u64,
    mut next: impl FnMut() -> u64,
) -> Option<u64> {
    let (mut requests, mut failed) = (0, 0);
    loop {
        requests += next();
        failed += 1;
        if requests > most {
            return None;
        }
        let log = judge.log10_e(Counts::new(requests, failed));
        if failed >= 5 && log >= threshold.log10() {
            return Some(requests);
        }
    }
}

/// The alarms that are allowed in so many runs: one in `threshold`, and three standard deviations.
fn allowed_alarms(runs: u32, threshold: f64) -> f64 {
    let runs = f64::from(runs);
    runs / threshold + 3.0 * (runs / threshold).sqrt()
}

#[test]
fn a_candidate_that_fails_exactly_as_often_as_allowed_is_hardly_ever_taken_back() {
    // L12
    const RUNS: u32 = 3000;
    for allowed in [0.001, 0.005, 0.05] {
        let judge = BeforeAfter::of_allowed(allowed);
        for threshold in [100.0, THRESHOLD] {
            let mut random = Random(7);
            let alarms = (0..RUNS)
                .filter(|_| {
                    until(&judge, threshold, 50_000, || random.until_failure(allowed)).is_some()
                })
                .count();
            let most = allowed_alarms(RUNS, threshold);
            assert!(alarms as f64 <= most, "{alarms} of {RUNS} at {threshold}, {allowed}");
        }
    }
}

#[test]
fn failures_that_come_in_waves_below_what_is_allowed_are_no_evidence() {
    // L12
    const RUNS: u32 = 2000;
    let judge = BeforeAfter::of_allowed(0.01);
    let mut random = Random(11);
    let mut alarms = 0;
    for _ in 0..RUNS {
        let mut wave = 0_u32;
        let next = || {
            wave += 1;
            let share = if (wave / 20).is_multiple_of(2) { 0.01 } else { 0.0002 };
            random.until_failure(share)
        };
        alarms += u32::from(until(&judge, 100.0, 50_000, next).is_some());
    }
    assert!(f64::from(alarms) <= allowed_alarms(RUNS, 100.0), "{alarms} of {RUNS}");
}

#[test]
fn a_short_history_of_stable_makes_no_false_alarm_either() {
    // L12
    const RUNS: u32 = 2000;
    let tolerance = Tolerance { ratio: 2.0, floor: 0.0001 };
    let mut random = Random(13);
    let mut alarms = 0;
    for run in 0..RUNS {
        // Both fail as often: what is known of stable is chance.
        let (share, history) =
            ([0.002, 0.02, 0.2][run as usize % 3], [20, 200, 2000][run as usize / 3 % 3]);
        let failed = (0..history).filter(|_| random.share() < share).count() as u64;
        let judge = BeforeAfter::new(Counts::new(history, failed), tolerance);
        let next = || random.until_failure(2.0 * share);
        alarms += u32::from(judge.can_fail() && until(&judge, 100.0, 20_000, next).is_some());
    }
    let most = allowed_alarms(RUNS, 100.0) + f64::from(RUNS) * 0.001;
    assert!(f64::from(alarms) <= most, "{alarms} of {RUNS}");
}

/// The medians of the requests until a candidate fails, from simulations apart from this program.
#[test]
fn a_bad_candidate_fails_after_as_many_requests_as_expected() {
    for (allowed, share, median) in [
        (0.005, 0.01, 5960.0),
        (0.005, 0.05, 114.0),
        (0.005, 0.5, 10.0),
        (0.001, 0.01, 663.0),
        (0.001, 0.05, 94.0),
        (0.001, 0.5, 10.0),
        (0.01, 0.05, 218.0),
        (0.01, 0.5, 10.0),
    ] {
        let judge = BeforeAfter::of_allowed(allowed);
        let mut random = Random(17);
        let mut all: Vec<_> = (0..1001)
            .map(|_| until(&judge, THRESHOLD, 10_000_000, || random.until_failure(share)).unwrap())
            .collect();
        all.sort_unstable();
        let found = all[all.len() / 2] as f64;
        let error = (found / median - 1.0).abs();
        assert!(error <= 0.15, "{share} beyond {allowed}: {found} requests, not {median}");
    }
}

#[test]
fn a_candidate_that_is_just_bad_hardly_ever_passes() {
    const RUNS: u32 = 2000;
    let (bad, pass) = (0.01, Pass::new(0.01));
    let mut random = Random(19);
    let mut passed = 0;
    for _ in 0..RUNS {
        let (mut requests, mut failed, mut passes) = (0, 0, false);
        while requests < 20_000 && !passes {
            let gap = random.until_failure(bad);
            // E grows while nothing fails: it is greatest just before the next failure.
            passes = pass.passes(Counts::new(requests + gap - 1, failed));
            requests += gap;
            failed += 1;
        }
        passed += u32::from(passes);
    }
    assert!(f64::from(passed) <= allowed_alarms(RUNS, 20.0), "{passed} of {RUNS}");
}
