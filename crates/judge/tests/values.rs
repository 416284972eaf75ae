//! The values of `oracle/values.csv`, which `oracle/make.py` has computed with 60 digits.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use judge::{BeforeAfter, Counts, Pass, at_most};

#[test]
fn values_are_those_of_an_oracle() {
    let mut checked = 0;
    for line in include_str!("oracle/values.csv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').collect();
        let [what, parameter, requests, failed, value] = fields[..] else { panic!("{line}") };
        let counts = Counts::new(requests.parse().unwrap(), failed.parse().unwrap());
        let (parameter, value): (f64, f64) = (parameter.parse().unwrap(), value.parse().unwrap());
        let ours = match what {
            "log10_e" => BeforeAfter::of_allowed(parameter).log10_e(counts),
            _ => at_most(counts, parameter),
        };
        let error = (ours - value).abs() / value.abs().max(1e-3);
        assert!(error < 1e-8, "{line}: {ours}");
        checked += 1;
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn a_clean_candidate_passes_after_as_many_requests_as_the_error_needs() {
    let first =
        |bad: f64| (1..10_000).find(|requests| Pass::new(bad).passes(Counts::new(*requests, 0)));
    assert_eq!((first(0.01), first(0.005)), (Some(344), Some(690)));
    // No test can do with less: 0.95^59 is below 5 %.
    assert!(first(0.05).unwrap() >= 59);
}

#[test]
fn no_counts_panic_and_what_is_not_a_share_is_no_evidence() {
    for counts in [Counts::default(), Counts::new(0, 9), Counts::new(u64::MAX, u64::MAX)] {
        for share in [0.0, 1.0, 2.0, -1.0, f64::NAN, f64::INFINITY] {
            let judge = BeforeAfter::of_allowed(share);
            assert!(!judge.log10_e(counts).is_nan(), "{counts:?} {share}");
            assert!(!judge.fails(counts), "{counts:?} {share}");
            assert!(!Pass::new(share).passes(counts), "{counts:?} {share}");
        }
        assert!(!BeforeAfter::of_allowed(0.5).log10_e(counts).is_nan(), "{counts:?}");
        assert!((0.0..=1.0).contains(&at_most(counts, 0.05)), "{counts:?}");
    }
}
