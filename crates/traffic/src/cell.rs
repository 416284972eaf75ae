//! Counters with one writer: a worker adds to its own cell with a plain load and store,
//! the control plane sums all cells.

use crate::sync::{AtomicU64, Ordering, StatisticU64};

/// A number that only grows. One writer, any readers.
#[derive(Debug, Default)]
pub struct Count(StatisticU64);

/// A number that grows and shrinks. One writer, any readers.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// One value per worker, each on its own cache lines.
#[derive(Debug)]
pub struct PerWorker<T> {
    cells: Box<[Padded<T>]>,
}

// 128: the adjacent-line prefetcher of x86 moves lines in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Padded<T>(T);

// === impl Count ===

impl Count {
    /// Adds, from the owning worker only.
    pub fn add(&self, amount: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(amount);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Replaces the value, from the owning worker only.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Returns the value, from anywhere.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

// === impl Gauge ===

impl Gauge {
    /// Adds one, from the owning worker only.
    pub fn rise(&self) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(1);
        self.0.store(sum, Ordering::Relaxed);
    }

    /// Subtracts one, from the owning worker only. Release: a reader of the lower value also sees everything
    /// that the worker did before.
    pub fn fall(&self) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_sub(1);
        self.0.store(sum, Ordering::Release);
    }

    /// Replaces the value, from the owning worker only. Release, as for [`Gauge::fall`].
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Returns the value, from anywhere.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

// === impl PerWorker ===

impl<T: Default> PerWorker<T> {
    /// Makes one default value per worker.
    pub fn new(workers: usize) -> Self {
        Self { cells: (0..workers).map(|_| Padded::default()).collect() }
    }

    /// Returns the cell of one worker. A worker beyond the number given to [`PerWorker::new`] is a bug of the
    /// caller; it gets the last cell rather than a panic on the data path.
    pub fn cell(&self, worker: usize) -> &T {
        let last = self.cells.len().saturating_sub(1);
        &self.cells[worker.min(last)].0
    }

    /// Returns all cells, in the order of workers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.cells.iter().map(|padded| &padded.0)
    }
}
