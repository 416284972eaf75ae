//! The place of workers in another process: those of an older Teal that is leaving.
//!
//! To the publisher it is one worker more. Whoever has it passes the tables on, acknowledges what
//! the other process has acknowledged, and keeps its cells at what that process counts. So L2 and
//! L4 hold across both by the same argument as within one, as long as this order is kept: the
//! counts that the others had *after* they took a table over are in the cells before that table
//! is acknowledged here, and what was cut is in them before the lease that it cut is out.

use std::future::poll_fn;

use crate::adopt::Seat;
use crate::books::{ServiceCell, WorkerCell};
use crate::publish::{Exchange, Version};
use crate::report::Report;
use crate::sync::Arc;
use crate::table::Table;

/// A place in the exchange for all workers of another process.
#[derive(Debug)]
pub struct Guest {
    worker: usize,
    exchange: Arc<Exchange>,
}

// === impl Guest ===

impl Guest {
    pub(crate) fn new(worker: usize, exchange: Arc<Exchange>) -> Self {
        Self { worker, exchange }
    }

    /// The number of the place, for the cells of books.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Waits for the next table.
    pub async fn next(&self) -> (Version, Arc<Table>) {
        poll_fn(|cx| self.exchange.mailboxes[self.worker].poll(cx)).await
    }

    /// The newest table, whether it was taken by [`Guest::next`] or not.
    pub fn newest(&self) -> (Version, Arc<Table>) {
        self.exchange.newest()
    }

    /// Says that the other process has this table, and that the cells are not older than that.
    // lossless: L2 L4
    pub fn acknowledge(&self, version: Version) {
        self.exchange.acknowledge(self.worker, version);
    }

    /// Has drains look at the cells again.
    pub fn ring(&self) {
        self.exchange.drain.ring();
    }

    /// Tells the control plane what the other process noticed about a target.
    pub fn report(&self, report: Report) {
        self.exchange.reports.send(report);
    }

    /// The books of its requests that reached no service.
    pub fn unrouted(&self) -> &ServiceCell {
        self.unrouted_at(self.worker)
    }

    /// The same of another place, to be read.
    pub fn unrouted_at(&self, worker: usize) -> &ServiceCell {
        self.exchange.unrouted.cell(worker)
    }

    /// The books of its client connections.
    pub fn connections(&self) -> &WorkerCell {
        self.connections_at(self.worker)
    }

    /// The same of another place, to be read.
    pub fn connections_at(&self, worker: usize) -> &WorkerCell {
        self.exchange.workers.cell(worker)
    }

    /// Now, as books tell the time: since the exchange began.
    pub fn now(&self) -> std::time::Duration {
        self.exchange.began.elapsed()
    }
}

impl Seat {
    /// Gives the place to another process.
    pub fn host(self) -> Guest {
        let (worker, exchange) = self.into_parts();
        exchange.host(worker);
        Guest::new(worker, exchange)
    }
}
