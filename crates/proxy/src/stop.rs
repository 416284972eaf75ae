//! Stopping: first gracefully, then at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time for which an idle client connection is kept open after the stop began or after its last request,
/// whichever is later: a request that is already on its way still arrives.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// The progress of the stop on one worker.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    phase: Cell<Phase>,
}

/// The phases, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Serving.
    #[default]
    Running,
    /// Another Teal accepts: answers carry `Connection: close`, idle connections have their full time.
    Aside,
    /// Answers carry `Connection: close`; idle connections are closed after [`CLOSE_WAIT`].
    Leaving(Instant),
    /// The deadline has passed: remaining work ends now, and is counted.
    Cut,
}

impl Stop {
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.phase.get() != Phase::Running
    }

    /// Returns true if this Teal stops and no other takes its place.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase.get(), Phase::Leaving(_) | Phase::Cut)
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.phase.get() == Phase::Cut
    }

    /// Returns until when a connection may stay that was last active at `active` and would otherwise stay until `due`.
    pub(crate) fn limit_idle(&self, active: Instant, due: Instant) -> Instant {
        match self.phase.get() {
            Phase::Running | Phase::Aside => due, // lossless: L7
            Phase::Leaving(since) => due.min(active.max(since) + CLOSE_WAIT),
            Phase::Cut => active,
        }
    }
}
