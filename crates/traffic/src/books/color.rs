//! The leases and connections of one color.

use std::time::Duration;

use rules::Cut;

use super::{ColorBooks, CutCell, FailureCell};
use crate::cell::{Count, Gauge};

/// One worker's part of a color's books. Times are nanoseconds since the channel was made,
/// 0 for none.
#[derive(Debug, Default)]
pub struct ColorCell {
    /// Leases held.
    pub leases: Gauge,
    /// Connections being made, in use or idle in the pool.
    pub connections: Gauge,
    /// Leases ever taken.
    pub taken: Count,
    /// The generation under which leases are being taken.
    pub claimed_under: Count,
    /// The time when the first lease was taken under that generation.
    pub first_claim: Count,
    /// The time when the last lease was taken.
    pub last_claim: Count,
    /// The time when the oldest lease still held was taken, as of the last survey.
    pub oldest: Count,
    /// Leases of long streams.
    pub streams: Gauge,
    /// Leases of tunnels, among those of long streams.
    pub tunnels: Gauge,
    /// The same as `oldest`, for long streams.
    pub oldest_stream: Count,
    /// Failed requests by client.
    pub failures: FailureCell,
    /// Leases cut by drain deadlines.
    pub cut: CutCell,
}

/// A color's books at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColorSum {
    /// Leases held.
    pub leases: u64,
    /// Connections being made, in use or idle.
    pub connections: u64,
    /// Leases ever taken.
    pub taken: u64,
    /// The newest generation under which leases were taken.
    pub claimed_under: u64,
    /// Since the channel was made: the first lease under that generation.
    pub first_claim: Option<Duration>,
    /// Since the channel was made: the last lease taken.
    pub last_claim: Option<Duration>,
    /// Since the channel was made: the oldest lease still held.
    pub oldest: Option<Duration>,
    /// Leases of long streams.
    pub streams: u64,
    /// Leases of tunnels among these.
    pub tunnels: u64,
    /// Since the channel was made: the oldest of those.
    pub oldest_stream: Option<Duration>,
    /// Leases cut by drain deadlines.
    pub cut: Cut,
}

// === impl ColorCell, ColorSum ===

impl ColorCell {
    /// Replaces the values with those of another process, with its times converted to the clock of this
    /// channel; from the owning worker only. Cuts are written first and leases last: a reader that sees no
    /// leases left sees all cuts.
    // lossless: L3 L4
    pub fn set(&self, sum: &ColorSum) {
        let nanos = |time: Option<Duration>| {
            time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1))
        };
        self.cut.set(sum.cut);
        self.taken.set(sum.taken);
        self.claimed_under.set(sum.claimed_under);
        self.first_claim.set(nanos(sum.first_claim));
        self.last_claim.set(nanos(sum.last_claim));
        self.oldest.set(nanos(sum.oldest));
        self.oldest_stream.set(nanos(sum.oldest_stream));
        self.streams.set(sum.streams);
        self.tunnels.set(sum.tunnels);
        self.connections.set(sum.connections);
        self.leases.set(sum.leases);
    }
}

impl ColorSum {
    /// Sums the cells.
    pub fn of(books: &ColorBooks) -> Self {
        Self::sum(books.iter())
    }

    /// Returns the values of one worker.
    pub fn of_cell(cell: &ColorCell) -> Self {
        Self::sum(std::iter::once(cell))
    }

    /// Returns the rest without a part that is counted elsewhere and read a little later: nothing falls
    /// below 0. Times stay as they are.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        Self {
            leases: self.leases.saturating_sub(part.leases),
            connections: self.connections.saturating_sub(part.connections),
            taken: self.taken.saturating_sub(part.taken),
            streams: self.streams.saturating_sub(part.streams),
            tunnels: self.tunnels.saturating_sub(part.tunnels),
            cut: self.cut.saturating_sub(part.cut),
            ..*self
        }
    }

    fn sum<'c>(cells: impl Iterator<Item = &'c ColorCell>) -> Self {
        let mut sum = Self::default();
        let time = |count: &Count| match count.value() {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        for cell in cells {
            sum.leases += cell.leases.value();
            sum.connections += cell.connections.value();
            sum.taken += cell.taken.value();
            let under = cell.claimed_under.value();
            if under > sum.claimed_under {
                sum.first_claim = None; // other workers' first lease is of an older generation
                sum.claimed_under = under;
            }
            if under == sum.claimed_under {
                sum.first_claim = earlier(sum.first_claim, time(&cell.first_claim));
            }
            sum.last_claim = sum.last_claim.max(time(&cell.last_claim));
            if cell.leases.value() > 0 {
                sum.oldest = earlier(sum.oldest, time(&cell.oldest));
            }
            let streams = cell.streams.value();
            sum.streams += streams;
            sum.tunnels += cell.tunnels.value();
            if streams > 0 {
                sum.oldest_stream = earlier(sum.oldest_stream, time(&cell.oldest_stream));
            }
            sum.cut = sum.cut + cell.cut.value();
        }
        sum
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
