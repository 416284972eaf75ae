//! Traffic figures: sums taken every second in which there was traffic, and the differences between them.

use std::collections::VecDeque;
use std::time::Duration;

use rules::{ColorFigures, Figures, Generation, Time};
use traffic::{Answers, ColorSum, HistogramSum, ServiceBooks, ServiceSum, TargetBooks, TargetSum};

/// The time before its publish that a receipt covers.
const WINDOW: Duration = Duration::from_secs(30);

/// The sums of one service at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    moment: Duration,
    parked: u64,
    retries: u64,
    stale_lost: u64,
    colors: [ColorTally; 2],
}

#[derive(Clone, Debug, Default)]
struct ColorTally {
    requests: u64,
    errors: u64,
    latency: HistogramSum,
}

/// The sums of the last [`WINDOW`], one per second in which anything happened, oldest first: each is
/// valid until the next.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    kept: VecDeque<Tally>,
    volume: Volume,
}

/// The total of all counts: as long as it is the same, so are the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Volume(u64);

/// The two sides of a switch, and the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    /// The wall clock time.
    pub(crate) now: Time,
    /// The time of the counters' clock.
    pub(crate) books_now: Duration,
    /// The generation of the switch.
    pub(crate) generation: Generation,
    /// The old color.
    pub(crate) old: ColorSum,
    /// The new color.
    pub(crate) new: ColorSum,
}

// === impl Tallies ===

impl Tallies {
    /// Drops the sums that no receipt needs any more; returns true if new ones should be taken.
    pub(crate) fn pass(&mut self, moment: Duration, volume: Volume) -> bool {
        let since = moment.saturating_sub(WINDOW);
        while self.kept.get(1).is_some_and(|next| next.moment <= since) {
            self.kept.pop_front();
        }
        let before = std::mem::replace(&mut self.volume, volume);
        before != volume || self.kept.is_empty()
    }

    /// Adds the sums of this moment.
    pub(crate) fn take(&mut self, tally: Tally) {
        self.kept.push_back(tally);
    }

    /// Returns the sums of 30 s ago, or the oldest ones.
    pub(crate) fn oldest(&self) -> Option<&Tally> {
        self.kept.front()
    }
}

// === impl Volume ===

impl Volume {
    /// Returns the total of all counts of a service and its targets.
    pub(crate) fn of<'b>(
        books: &ServiceBooks,
        targets: impl Iterator<Item = &'b TargetBooks>,
    ) -> Self {
        let asked = books
            .iter()
            .map(|cell| cell.accepted.value() + cell.retries.value() + cell.parked.value());
        let ended = targets.map(|books| {
            let Answers { whole, failed } = Answers::of(books);
            whole + failed
        });
        Self(asked.chain(ended).fold(0, u64::wrapping_add))
    }
}

// === impl Tally ===

impl Tally {
    /// Returns the sums of a service now, with the targets of both colors.
    pub(crate) fn of<'b>(
        books: &ServiceBooks,
        targets: [impl Iterator<Item = &'b TargetBooks>; 2],
        moment: Duration,
    ) -> Self {
        let ServiceSum { parked, retries, .. } = ServiceSum::of(books);
        let mut tally = Self { moment, parked, retries, ..Self::default() };
        for (targets, color) in targets.into_iter().zip(&mut tally.colors) {
            for sum in targets.map(TargetSum::of) {
                let [.., server_errors] = sum.classes;
                tally.stale_lost += sum.stale_lost;
                color.requests += sum.classes.iter().sum::<u64>() + sum.failed;
                color.errors += server_errors + sum.failed;
                for (into, from) in color.latency.buckets.iter_mut().zip(&sum.latency.buckets) {
                    *into += from;
                }
            }
        }
        tally
    }

    /// Returns the difference to an earlier tally, as in a receipt.
    pub(crate) fn figures(&self, earlier: &Self, sides: &Sides) -> Figures {
        let &Sides { now, books_now, generation, old, new } = sides;
        let wall = |at: Duration| now.minus(books_now.saturating_sub(at));
        let first = new.first_claim.filter(|_| new.claimed_under == generation.0);
        let pairs = [0, 1].map(|color| (&self.colors[color], &earlier.colors[color]));
        Figures {
            last_on_old: old.last_claim.map(wall),
            first_on_new: first.map(wall),
            parked: self.parked.saturating_sub(earlier.parked),
            retries: self.retries.saturating_sub(earlier.retries),
            stale_lost: self.stale_lost.saturating_sub(earlier.stale_lost),
            colors: pairs.map(|(now, before)| now.figures(before)),
        }
    }
}

// === impl ColorTally ===

impl ColorTally {
    fn figures(&self, earlier: &Self) -> ColorFigures {
        let latency = self.latency.since(&earlier.latency);
        ColorFigures {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of this second; `requests` tells them apart.
    fn at(second: u64, requests: u64) -> Tally {
        let mut tally = Tally { moment: Duration::from_secs(second), ..Tally::default() };
        tally.colors[0].requests = requests;
        tally
    }

    #[test]
    fn a_receipt_looks_back_30_s_also_over_seconds_in_which_nothing_happened() {
        let mut tallies = Tallies::default();
        let mut requests = 0;
        let busy = |second| (10..20).contains(&second) || second == 100 || second >= 120;
        for second in 0..200 {
            requests += u64::from(busy(second));
            if tallies.pass(Duration::from_secs(second), Volume(requests)) {
                tallies.take(at(second, requests));
            }
            let before = (0..=second.saturating_sub(30)).filter(|second| busy(*second)).count();
            let oldest = tallies.oldest().expect("one is kept").colors[0].requests;
            assert_eq!(oldest, before as u64, "in second {second}");
        }
        assert!(tallies.kept.len() <= 32, "{}", tallies.kept.len());
    }

    #[test]
    fn a_service_without_traffic_keeps_one() {
        let mut tallies = Tallies::default();
        for second in 0..100 {
            if tallies.pass(Duration::from_secs(second), Volume::default()) {
                tallies.take(at(second, 0));
            }
        }
        assert_eq!(tallies.kept.len(), 1);
    }
}
