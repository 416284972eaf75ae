//! What traffic looked like: sums taken every second, and what lies between two of them.

use std::collections::VecDeque;
use std::time::Duration;

use rules::{ColorFigures, Figures, Generation, Time};
use traffic::{ColorSum, HistogramSum, ServiceBooks, ServiceSum, TargetBooks, TargetSum};

/// How far back a receipt looks before its publish.
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

/// The sums of the last [`WINDOW`], one per second, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    kept: VecDeque<Tally>,
}

/// The two sides of a switch, and what time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    /// Now, for people.
    pub(crate) now: Time,
    /// Now, as the books tell the time.
    pub(crate) books_now: Duration,
    /// The generation of the switch.
    pub(crate) generation: Generation,
    /// The color that it left.
    pub(crate) old: ColorSum,
    /// The color that it went to.
    pub(crate) new: ColorSum,
}

// === impl Tallies ===

impl Tallies {
    /// Takes the sums of this moment and lets those go that no receipt needs.
    pub(crate) fn take(&mut self, tally: Tally) {
        let since = tally.moment.saturating_sub(WINDOW);
        while self.kept.get(1).is_some_and(|next| next.moment <= since) {
            self.kept.pop_front();
        }
        self.kept.push_back(tally);
    }

    /// The sums of 30 s ago, or the oldest there are.
    pub(crate) fn oldest(&self) -> Option<&Tally> {
        self.kept.front()
    }
}

// === impl Tally ===

impl Tally {
    /// The sums of a service now, of the targets of both colors.
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

    /// What lies between an earlier tally and this one, as it stands in a receipt.
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
