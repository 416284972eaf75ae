//! Client connections, and counts of the process as a whole.

use super::label::{HandshakeFailure, ReloadEnd, UpgradeEnd};
use super::{WorkerBooks, add_all, set_all};
use crate::cell::{Count, Gauge};

/// One worker's client connections. Counts of the control plane are in the cell of the first worker.
#[derive(Debug, Default)]
pub struct WorkerCell {
    /// Connections accepted.
    pub accepted: Count,
    /// Connections open.
    pub open: Gauge,
    /// Times that clients had to wait because the limit of connections was reached.
    pub crowded: Count,
    /// Idle connections closed for new clients.
    pub given_up: Count,
    /// Lines of the access log that were dropped.
    pub log_dropped: Count,
    /// Spans that were dropped.
    pub spans_dropped: Count,
    /// Lines of Teal's own log that were dropped. Counted by the control plane.
    pub own_log_dropped: Count,
    handshakes: [Count; HandshakeFailure::COUNT],
    reloads: [Count; ReloadEnd::COUNT],
    upgrades: [Count; UpgradeEnd::COUNT],
}

/// The client connections of all workers at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerSum {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open.
    pub open: u64,
    /// Times that clients had to wait because the limit of connections was reached.
    pub crowded: u64,
    /// Idle connections closed for new clients.
    pub given_up: u64,
    /// Lines of the access log that were dropped.
    pub log_dropped: u64,
    /// Spans that were dropped.
    pub spans_dropped: u64,
    /// Lines of Teal's own log that were dropped.
    pub own_log_dropped: u64,
    /// TLS handshakes that failed, in the order of [`HandshakeFailure::ALL`].
    pub handshakes: [u64; HandshakeFailure::COUNT],
    /// Reloads, in the order of [`ReloadEnd::ALL`].
    pub reloads: [u64; ReloadEnd::COUNT],
    /// Upgrades, in the order of [`UpgradeEnd::ALL`].
    pub upgrades: [u64; UpgradeEnd::COUNT],
}

// === impl WorkerCell ===

impl WorkerCell {
    /// Counts a failed TLS handshake with a client.
    pub fn handshake_failed(&self, why: HandshakeFailure) {
        self.handshakes[why as usize].add(1);
    }

    /// Counts a reload; from the control plane only.
    pub fn reloaded(&self, end: ReloadEnd) {
        self.reloads[end as usize].add(1);
    }

    /// Counts an upgrade; from the control plane only.
    pub fn upgraded(&self, end: UpgradeEnd) {
        self.upgrades[end as usize].add(1);
    }

    /// Replaces the values with those of another process; from the owning worker only.
    pub fn set(&self, sum: WorkerSum) {
        self.accepted.set(sum.accepted);
        self.open.set(sum.open);
        self.crowded.set(sum.crowded);
        self.given_up.set(sum.given_up);
        self.log_dropped.set(sum.log_dropped);
        self.spans_dropped.set(sum.spans_dropped);
        self.own_log_dropped.set(sum.own_log_dropped);
        set_all(&self.handshakes, &sum.handshakes);
        set_all(&self.reloads, &sum.reloads);
        set_all(&self.upgrades, &sum.upgrades);
    }
}

// === impl WorkerSum ===

impl WorkerSum {
    /// Sums the cells.
    pub fn of(books: &WorkerBooks) -> Self {
        Self::sum(books.iter())
    }

    /// Returns the values of one worker.
    pub fn of_cell(cell: &WorkerCell) -> Self {
        Self::sum(std::iter::once(cell))
    }

    /// Returns the rest without a part that is counted elsewhere and read a little later: nothing falls below 0.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(part.accepted),
            open: self.open.saturating_sub(part.open),
            crowded: self.crowded.saturating_sub(part.crowded),
            given_up: self.given_up.saturating_sub(part.given_up),
            log_dropped: self.log_dropped.saturating_sub(part.log_dropped),
            spans_dropped: self.spans_dropped.saturating_sub(part.spans_dropped),
            own_log_dropped: self.own_log_dropped.saturating_sub(part.own_log_dropped),
            handshakes: each_without(&self.handshakes, &part.handshakes),
            reloads: each_without(&self.reloads, &part.reloads),
            upgrades: each_without(&self.upgrades, &part.upgrades),
        }
    }

    fn sum<'c>(cells: impl Iterator<Item = &'c WorkerCell>) -> Self {
        let mut sum = Self::default();
        for cell in cells {
            sum.accepted += cell.accepted.value();
            sum.open += cell.open.value();
            sum.crowded += cell.crowded.value();
            sum.given_up += cell.given_up.value();
            sum.log_dropped += cell.log_dropped.value();
            sum.spans_dropped += cell.spans_dropped.value();
            sum.own_log_dropped += cell.own_log_dropped.value();
            add_all(&mut sum.handshakes, &cell.handshakes);
            add_all(&mut sum.reloads, &cell.reloads);
            add_all(&mut sum.upgrades, &cell.upgrades);
        }
        sum
    }
}

fn each_without<const N: usize>(all: &[u64; N], part: &[u64; N]) -> [u64; N] {
    std::array::from_fn(|place| all[place].saturating_sub(part[place]))
}
