//! The moment when a long stream is asked to end: its color is being drained, and its service ends streams
//! gracefully. All at once they would reconnect all at once, so each has its own moment.

use std::time::{Duration, Instant};

use traffic::Lease;

/// The schedule of one stream.
#[derive(Debug)]
pub(crate) struct CloseSchedule {
    /// True if the stream is asked to end at all.
    wanted: bool,
    due: Option<Instant>,
    said: bool,
    /// The time that it may take from there.
    patience: Duration,
}

/// The longest wait for a pause.
const LONGEST: Duration = Duration::from_secs(2);

impl CloseSchedule {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, due: None, said: false, patience: Duration::ZERO }
    }

    /// Returns true once, when the stream is to be asked to end. To be called whenever the lease wakes, and
    /// before [`CloseSchedule::due`]: a switch back withdraws the drain, and the moment with it.
    pub(crate) fn is_due(
        &mut self,
        lease: &Lease,
        now: Instant,
        random: impl FnOnce() -> u64,
    ) -> bool {
        let Some(within) = lease.close_within().filter(|_| self.wanted && !self.said) else {
            self.due = None;
            return false;
        };
        self.patience = (within / 2).min(LONGEST);
        let due = *self.due.get_or_insert_with(|| {
            let millis = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
            now + Duration::from_millis((random() >> 16) % millis)
        });
        self.said = due <= now;
        self.said
    }

    /// Returns how long to wait for a pause: not so long that the drain's deadline comes first.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Returns the time when it is due, if known.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| !self.said)
    }
}
