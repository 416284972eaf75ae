//! Waiting until a color or a target has no lease and no connection left, on any worker (L4).
//!
//! To be asked only after a table that lists it as draining was acknowledged by all workers;
//! before that, "none left" would not be final.

use std::fmt;
use std::future::poll_fn;
use std::ops::Add;
use std::task::{Context, Poll};

use rules::Cut;

use crate::books::{ColorBooks, CutCell, TargetBooks};
use crate::cell::Gauge;
use crate::publish::Publisher;

/// The books of a color or of one of its targets, to be drained.
pub trait DrainBooks: fmt::Debug + Send + Sync {
    /// Returns what still holds it.
    fn remaining(&self) -> Remaining;

    /// Returns the cuts of drain deadlines there so far.
    fn cut(&self) -> Cut;
}

/// The leases and connections left on a color or a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Leases held.
    pub leases: u64,
    /// Connections being made, in use or idle.
    pub connections: u64,
}

impl Publisher {
    /// Waits until no lease or connection is left in these books.
    pub async fn drained(&self, books: &dyn DrainBooks) {
        poll_fn(|cx| self.poll_drained(books, cx)).await;
    }

    fn poll_drained(&self, books: &dyn DrainBooks, cx: &mut Context<'_>) -> Poll<()> {
        // First the waker, then the sum: what ends after the sum finds the waker in place,
        // and what ended before it rang is in the sum, since both take the bell's lock.
        self.drain_bell().listen(cx.waker());
        if books.remaining() == Remaining::default() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

// === impl DrainBooks ===

impl DrainBooks for ColorBooks {
    fn remaining(&self) -> Remaining {
        Remaining::sum(self.iter().map(|cell| (&cell.leases, &cell.connections)))
    }

    fn cut(&self) -> Cut {
        sum_cut(self.iter().map(|cell| &cell.cut))
    }
}

impl DrainBooks for TargetBooks {
    fn remaining(&self) -> Remaining {
        Remaining::sum(self.iter().map(|cell| (&cell.leases, &cell.connections)))
    }

    fn cut(&self) -> Cut {
        sum_cut(self.iter().map(|cell| &cell.cut))
    }
}

fn sum_cut<'c>(cells: impl Iterator<Item = &'c CutCell>) -> Cut {
    cells.map(CutCell::value).fold(Cut::default(), Cut::add)
}

// === impl Remaining ===

impl Remaining {
    fn sum<'c>(cells: impl Iterator<Item = (&'c Gauge, &'c Gauge)>) -> Self {
        cells.fold(Self::default(), |sum, (leases, connections)| Self {
            leases: sum.leases + leases.value(),
            connections: sum.connections + connections.value(),
        })
    }
}
