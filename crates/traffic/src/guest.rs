//! The place of workers in another process: those of an older Teal that is leaving.
//!
//! To the publisher it is one more worker. Its owner passes the tables on, acknowledges what the other process
//! has acknowledged, and updates its cells with that process's counts. So L2 and L4 hold across both processes
//! by the same argument as within one, as long as this order is kept: the counts that the other workers had
//! *after* they took a table over are in the cells before that table is acknowledged here, and a cut is in them
//! before the lease that it cut is out.

use std::future::poll_fn;

use crate::adopt::Subscription;
use crate::books::{ServiceCell, WorkerCell};
use crate::publish::{TableChannel, Version};
use crate::report::Report;
use crate::sync::Arc;
use crate::table::Table;

/// A place in the channel for all workers of another process.
#[derive(Debug)]
pub struct Guest {
    worker: usize,
    channel: Arc<TableChannel>,
}

// === impl Guest ===

impl Guest {
    pub(crate) fn new(worker: usize, channel: Arc<TableChannel>) -> Self {
        Self { worker, channel }
    }

    /// Returns the number of the place, for the cells of books.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Waits for the next table.
    pub async fn next(&self) -> (Version, Arc<Table>) {
        poll_fn(|cx| self.channel.mailboxes[self.worker].poll(cx)).await
    }

    /// Returns the newest table, whether [`Guest::next`] took it or not.
    pub fn newest(&self) -> (Version, Arc<Table>) {
        self.channel.newest()
    }

    /// Acknowledges that the other process has this table, and that the cells are at least as new.
    // lossless: L2 L4
    pub fn acknowledge(&self, version: Version) {
        self.channel.acknowledge(self.worker, version);
    }

    /// Makes drains check the cells again.
    pub fn ring(&self) {
        self.channel.drain.ring();
    }

    /// Reports an observation of the other process about a target to the control plane.
    pub fn report(&self, report: Report) {
        self.channel.reports.send(report);
    }

    /// Returns the books of its requests that were not routed to a service.
    pub fn unrouted(&self) -> &ServiceCell {
        self.unrouted_at(self.worker)
    }

    /// Returns the same of another place, for reading.
    pub fn unrouted_at(&self, worker: usize) -> &ServiceCell {
        self.channel.unrouted.cell(worker)
    }

    /// Returns the books of its client connections.
    pub fn connections(&self) -> &WorkerCell {
        self.connections_at(self.worker)
    }

    /// Returns the same of another place, for reading.
    pub fn connections_at(&self, worker: usize) -> &WorkerCell {
        self.channel.workers.cell(worker)
    }

    /// Returns the current time of the books: since the channel was made.
    pub fn now(&self) -> std::time::Duration {
        self.channel.began.elapsed()
    }
}

impl Subscription {
    /// Gives the place to another process.
    pub fn into_guest(self) -> Guest {
        let (worker, channel) = self.into_parts();
        channel.host(worker);
        Guest::new(worker, channel)
    }
}
