//! Client connections.

use super::WorkerBooks;
use crate::cell::{Count, Gauge};

/// One worker's client connections.
#[derive(Debug, Default)]
pub struct WorkerCell {
    /// Connections accepted.
    pub accepted: Count,
    /// Connections open.
    pub open: Gauge,
    /// Lines of the access log that had to be dropped.
    pub log_dropped: Count,
    /// Spans that had to be dropped.
    pub spans_dropped: Count,
}

/// The client connections of all workers at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerSum {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open.
    pub open: u64,
    /// Lines of the access log that had to be dropped.
    pub log_dropped: u64,
    /// Spans that had to be dropped.
    pub spans_dropped: u64,
}

// === impl WorkerCell, WorkerSum ===

impl WorkerCell {
    /// Takes over what another process has counted; from the owning worker only.
    pub fn set(&self, sum: WorkerSum) {
        self.accepted.set(sum.accepted);
        self.open.set(sum.open);
        self.log_dropped.set(sum.log_dropped);
        self.spans_dropped.set(sum.spans_dropped);
    }
}

impl WorkerSum {
    /// Sums the cells.
    pub fn of(books: &WorkerBooks) -> Self {
        Self::sum(books.iter())
    }

    /// What one worker has counted.
    pub fn of_cell(cell: &WorkerCell) -> Self {
        Self::sum(std::iter::once(cell))
    }

    /// What is left without a part that is counted elsewhere, and is a little newer: nothing is less
    /// than 0.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(part.accepted),
            open: self.open.saturating_sub(part.open),
            log_dropped: self.log_dropped.saturating_sub(part.log_dropped),
            spans_dropped: self.spans_dropped.saturating_sub(part.spans_dropped),
        }
    }

    fn sum<'c>(cells: impl Iterator<Item = &'c WorkerCell>) -> Self {
        let mut sum = Self::default();
        for cell in cells {
            sum.accepted += cell.accepted.value();
            sum.open += cell.open.value();
            sum.log_dropped += cell.log_dropped.value();
            sum.spans_dropped += cell.spans_dropped.value();
        }
        sum
    }
}
