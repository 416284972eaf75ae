//! When a long stream is asked to end: its color is being drained, and its service wants that. All of
//! them at once would come back all at once, so each has a moment of its own.

use std::time::{Duration, Instant};

use traffic::Lease;

use crate::worker::Worker;

/// The course of one stream.
#[derive(Debug)]
pub(crate) struct Farewell {
    /// Whether it is asked at all.
    wanted: bool,
    due: Option<Instant>,
    said: bool,
    /// How long it may take from there.
    patience: Duration,
}

/// The longest that a farewell waits for a pause.
const LONGEST: Duration = Duration::from_secs(2);

impl Farewell {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, due: None, said: false, patience: Duration::ZERO }
    }

    /// Whether it is to be asked now: true once. To be looked at whenever the lease wakes, and before
    /// [`Farewell::due`]: a drain that was withdrawn by a switch back takes the moment with it.
    pub(crate) fn is_due(&mut self, worker: &Worker, lease: &Lease) -> bool {
        let Some(within) = lease.close_within().filter(|_| self.wanted && !self.said) else {
            self.due = None;
            return false;
        };
        self.patience = (within / 2).min(LONGEST);
        let now = worker.now();
        let due = *self.due.get_or_insert_with(|| {
            let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
            now + Duration::from_millis((worker.reader.random() >> 16) % millis)
        });
        self.said = due <= now;
        self.said
    }

    /// How long a pause may be waited for: not so long that the drain's deadline comes first.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// When that will be, if it is known.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.said)
    }
}
