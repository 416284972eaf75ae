//! When a long stream is asked to end: its color is being drained, and its service wants that. All of
//! them at once would come back all at once, so each has a moment of its own.

use std::time::{Duration, Instant};

use traffic::Lease;

use crate::worker::Worker;

/// The course of one stream.
#[derive(Debug)]
pub(crate) struct Farewell {
    /// In which time after the beginning of a drain; `None`: never.
    within: Option<Duration>,
    due: Option<Instant>,
    said: bool,
}

impl Farewell {
    pub(crate) fn new(within: Option<Duration>) -> Self {
        Self { within, due: None, said: false }
    }

    /// Whether it is to be asked now: true once. To be looked at whenever the lease wakes.
    pub(crate) fn is_due(&mut self, worker: &Worker, lease: &Lease) -> bool {
        let Some(within) = self.within.filter(|_| !self.said && lease.is_draining()) else {
            return false;
        };
        let now = worker.now();
        let due = *self.due.get_or_insert_with(|| {
            let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
            now + Duration::from_millis((worker.reader.random() >> 16) % millis)
        });
        self.said = due <= now;
        self.said
    }

    /// When that will be, if it is known.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.said)
    }
}
