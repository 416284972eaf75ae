//! Traffic figures: sums taken every second in which there was traffic, and the differences between them.

use std::collections::VecDeque;
use std::time::Duration;

use rules::{ColorFigures, Figures, Generation, Time};
use traffic::{Answers, ColorSum, ServiceBooks, ServiceSum, TargetBooks, TargetSum};

use crate::series::{ColorCounts, Counts};

/// The time before its publish that a receipt covers.
const WINDOW: Duration = Duration::from_secs(30);

/// The sums of one service at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    moment: Duration,
    parked: u64,
    retries: u64,
    stale_lost: u64,
    counts: Counts,
}

/// The sums of the last [`WINDOW`], one per second in which anything happened, oldest first: each is
/// valid until the next.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    kept: VecDeque<Tally>,
    volume: Volume,
    /// True if the newest sums are in the series.
    is_recorded: bool,
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
        self.is_recorded = false;
    }

    /// Returns the newest sums for the series, once; `None`: it has them.
    pub(crate) fn unrecorded(&mut self) -> Option<&Counts> {
        let is_recorded = std::mem::replace(&mut self.is_recorded, true);
        self.kept.back().filter(|_| !is_recorded).map(|tally| &tally.counts)
    }

    /// Returns the sums of 30 s ago, or the oldest ones.
    pub(crate) fn oldest(&self) -> Option<&Tally> {
        self.kept.front()
    }
}

// === impl Volume ===

impl Volume {
    /// Returns the total of all counts of a service and its targets. It grows with each request that is accepted, and
    /// with each that ends.
    pub(crate) fn of<'b>(
        books: &ServiceBooks,
        targets: impl Iterator<Item = &'b TargetBooks>,
    ) -> Self {
        let asked = books.iter().map(|cell| {
            let accepted = cell.accepted.value();
            let ended = accepted.wrapping_sub(cell.in_flight.value());
            let further = cell.retries.value() + cell.parked.value();
            accepted.wrapping_add(ended).wrapping_add(further)
        });
        let ended = targets.map(|books| {
            let Answers { whole, failed, .. } = Answers::of(books);
            whole + failed
        });
        Self(asked.chain(ended).fold(0, u64::wrapping_add))
    }
}

// === impl Tally ===

impl Tally {
    /// Returns the sums of a service now, with the targets of both colors.
    pub(crate) fn of(
        books: &ServiceBooks,
        targets: [impl Iterator<Item = TargetSum>; 2],
        moment: Duration,
    ) -> Self {
        let ServiceSum { parked, retries, own, aborted, .. } = ServiceSum::of(books);
        let mut tally = Self { moment, parked, retries, ..Self::default() };
        tally.counts.teal = own.iter().sum();
        tally.counts.aborted = aborted.iter().sum();
        for (targets, color) in targets.into_iter().zip(&mut tally.counts.colors) {
            for sum in targets {
                let [.., client_errors, server_errors] = sum.classes;
                tally.stale_lost += sum.stale_lost;
                color.requests += sum.classes.iter().sum::<u64>() + sum.failed;
                color.client_errors += client_errors;
                color.server_errors += server_errors;
                color.failed += sum.failed;
                color.latency.add(&sum.latency);
            }
        }
        tally
    }

    /// Returns the sums of what a series shows.
    pub(crate) fn into_counts(self) -> Counts {
        self.counts
    }

    /// Returns the difference to an earlier tally, as in a receipt.
    pub(crate) fn figures(&self, earlier: &Self, sides: &Sides) -> Figures {
        let &Sides { now, books_now, generation, old, new } = sides;
        let wall = |at: Duration| now.minus(books_now.saturating_sub(at));
        let first = new.first_claim.filter(|_| new.claimed_under == generation.0);
        let (now, before) = (&self.counts.colors, &earlier.counts.colors);
        let pairs = [0, 1].map(|color| (&now[color], &before[color]));
        Figures {
            last_on_old: old.last_claim.map(wall),
            first_on_new: first.map(wall),
            parked: self.parked.saturating_sub(earlier.parked),
            retries: self.retries.saturating_sub(earlier.retries),
            stale_lost: self.stale_lost.saturating_sub(earlier.stale_lost),
            colors: pairs.map(|(now, before)| figures(now, before)),
        }
    }
}

fn figures(now: &ColorCounts, before: &ColorCounts) -> ColorFigures {
    let latency = now.latency.since(&before.latency);
    let errors = |counts: &ColorCounts| counts.server_errors + counts.failed;
    ColorFigures {
        requests: now.requests.saturating_sub(before.requests),
        errors: errors(now).saturating_sub(errors(before)),
        p50: latency.quantile(0.5),
        p99: latency.quantile(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of this second; `requests` tells them apart.
    fn at(second: u64, requests: u64) -> Tally {
        let mut tally = Tally { moment: Duration::from_secs(second), ..Tally::default() };
        tally.counts.colors[0].requests = requests;
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
            let oldest = tallies.oldest().expect("one is kept").counts.colors[0].requests;
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
