//! The answers of one target.

use std::time::Duration;

use rules::Cut;

use super::{CutCell, TargetBooks, add_all, set_all};
use crate::cell::{Count, Gauge};
use crate::histogram::{Histogram, HistogramSum};
use crate::sync::OnceLock;

/// One worker's part of a target's books.
#[derive(Debug, Default)]
pub struct TargetCell {
    /// Leases held.
    pub leases: Gauge,
    /// Connections being made, in use or idle in the pool.
    pub connections: Gauge,
    /// Leases cut by drain deadlines.
    pub cut: CutCell,
    /// Connections made.
    pub connected: Count,
    /// Connections that failed to open.
    pub connect_failed: Count,
    /// Requests sent on a connection that had served before.
    pub reused: Count,
    /// Requests that failed on it and were sent again (L5).
    pub retried: Count,
    /// Requests lost to a reused connection that may not be sent again (L5).
    pub stale_lost: Count,
    /// Requests that got no complete answer from it.
    pub failed: Count,
    classes: [Count; 5],
    latency: OnceLock<Box<Histogram>>,
}

/// A target's books at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetSum {
    /// Leases held.
    pub leases: u64,
    /// Connections being made, in use or idle in the pool.
    pub connections: u64,
    /// Leases cut by drain deadlines.
    pub cut: Cut,
    /// Connections made.
    pub connected: u64,
    /// Connections that failed to open.
    pub connect_failed: u64,
    /// Requests sent on a connection that had served before.
    pub reused: u64,
    /// Requests that failed on it and were sent again.
    pub retried: u64,
    /// Requests lost to a reused connection.
    pub stale_lost: u64,
    /// Requests that got no complete answer.
    pub failed: u64,
    /// Answers by class, 1xx to 5xx.
    pub classes: [u64; 5],
    /// Time from the choice of the target to the last byte of its answer.
    pub latency: HistogramSum,
}

/// The requests that a target has ended, without the rest of its books: cheap enough to be read often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Complete answers.
    pub whole: u64,
    /// Requests that got no complete answer.
    pub failed: u64,
}

// === impl TargetCell, TargetSum, Answers ===

impl TargetCell {
    /// Counts a complete answer with this status after this time.
    pub fn answered(&self, status: u16, latency: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.classes[class].add(1);
        self.latency.get_or_init(Box::default).record(latency);
    }

    /// Replaces the values with those of another process; from the owning worker only. Cuts are written first
    /// and leases last: a reader that sees no leases left sees all cuts.
    // lossless: L3 L4
    pub fn set(&self, sum: &TargetSum) {
        self.cut.set(sum.cut);
        self.connected.set(sum.connected);
        self.connect_failed.set(sum.connect_failed);
        self.reused.set(sum.reused);
        self.retried.set(sum.retried);
        self.stale_lost.set(sum.stale_lost);
        self.failed.set(sum.failed);
        set_all(&self.classes, &sum.classes);
        self.latency.get_or_init(Box::default).set(&sum.latency);
        self.connections.set(sum.connections);
        self.leases.set(sum.leases);
    }
}

impl TargetSum {
    /// Sums the cells.
    pub fn of(books: &TargetBooks) -> Self {
        Self::sum(books.iter())
    }

    /// Returns the values of one worker.
    pub fn of_cell(cell: &TargetCell) -> Self {
        Self::sum(std::iter::once(cell))
    }

    /// Adds the counts of another target.
    pub fn add(&mut self, other: &Self) {
        self.leases += other.leases;
        self.connections += other.connections;
        self.cut = self.cut + other.cut;
        self.connected += other.connected;
        self.connect_failed += other.connect_failed;
        self.reused += other.reused;
        self.retried += other.retried;
        self.stale_lost += other.stale_lost;
        self.failed += other.failed;
        for (class, other) in self.classes.iter_mut().zip(other.classes) {
            *class += other;
        }
        self.latency.add(&other.latency);
    }

    /// Returns the rest without a part that is counted elsewhere and read a little later: nothing falls below 0.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let mut classes = self.classes;
        for (class, part) in classes.iter_mut().zip(part.classes) {
            *class = class.saturating_sub(part);
        }
        Self {
            leases: self.leases.saturating_sub(part.leases),
            connections: self.connections.saturating_sub(part.connections),
            cut: self.cut.saturating_sub(part.cut),
            connected: self.connected.saturating_sub(part.connected),
            connect_failed: self.connect_failed.saturating_sub(part.connect_failed),
            reused: self.reused.saturating_sub(part.reused),
            retried: self.retried.saturating_sub(part.retried),
            stale_lost: self.stale_lost.saturating_sub(part.stale_lost),
            failed: self.failed.saturating_sub(part.failed),
            classes,
            latency: self.latency.since(&part.latency),
        }
    }

    fn sum<'c>(cells: impl Iterator<Item = &'c TargetCell>) -> Self {
        let mut sum = Self::default();
        for cell in cells {
            sum.leases += cell.leases.value();
            sum.connections += cell.connections.value();
            sum.cut = sum.cut + cell.cut.value();
            sum.connected += cell.connected.value();
            sum.connect_failed += cell.connect_failed.value();
            sum.reused += cell.reused.value();
            sum.retried += cell.retried.value();
            sum.stale_lost += cell.stale_lost.value();
            sum.failed += cell.failed.value();
            add_all(&mut sum.classes, &cell.classes);
            if let Some(latency) = cell.latency.get() {
                latency.add_to(&mut sum.latency);
            }
        }
        sum
    }
}

impl Answers {
    /// Sums the cells.
    pub fn of(books: &TargetBooks) -> Self {
        Self::of_workers(books, |_| true)
    }

    /// Sums the cells of some workers.
    pub fn of_workers(books: &TargetBooks, is_counted: impl Fn(usize) -> bool) -> Self {
        let mut answers = Self::default();
        for (_, cell) in books.iter().enumerate().filter(|(worker, _)| is_counted(*worker)) {
            answers.whole += cell.classes.iter().map(Count::value).sum::<u64>();
            answers.failed += cell.failed.value();
        }
        answers
    }
}
