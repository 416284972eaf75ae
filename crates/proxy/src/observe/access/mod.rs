//! The access log: one line for each finished request.
//!
//! A worker only gathers the content of a line and hands it over; one thread writes for all workers. If that
//! thread can't keep up, lines are dropped and counted: a request never waits for a disk. Without an access log
//! nothing is gathered.

mod line;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use super::record::AccessRecord;

pub use line::Format;
pub use writer::{Destination, LogWriter};

/// The workers' end of the access log.
#[derive(Clone, Debug)]
pub struct AccessLog {
    lines: SyncSender<Box<AccessRecord>>,
    /// Lines that could not be written and are not counted in metrics yet.
    lost: Arc<AtomicU64>,
}

impl AccessLog {
    /// Hands a line over; false if it had to be dropped.
    pub(crate) fn send(&self, record: Box<AccessRecord>) -> bool {
        self.lines.try_send(record).is_ok()
    }

    /// Returns how many lines could not be written since the last call, by whichever worker.
    pub(crate) fn take_lost(&self) -> u64 {
        if self.lost.load(Ordering::Relaxed) == 0 {
            0
        } else {
            self.lost.swap(0, Ordering::Relaxed)
        }
    }
}
