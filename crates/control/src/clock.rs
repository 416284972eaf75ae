//! The two clocks of the control plane: one for people and the journal, one for measuring.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rules::Time;
use tokio::time::Instant;

/// The clock of all modules of this crate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Returns the wall clock time. It can be set, so nothing is measured with it.
    pub(crate) fn now() -> Time {
        // A clock before 1970 is wrong anyway; it reads as zero.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns the time to the next whole second of the wall clock.
    pub(crate) fn to_next_second() -> Duration {
        Duration::from_millis(1000 - Self::now().0 % 1000)
    }

    /// Returns the time since the process started; never goes back.
    pub(crate) fn moment(self) -> Duration {
        self.started.elapsed()
    }
}
