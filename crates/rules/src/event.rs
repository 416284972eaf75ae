//! What has been decided: what the journal holds, and what `apply` makes the state of.

use std::time::Duration;

use crate::health::Proof;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Figures};
use crate::time::Time;
use crate::wait::{Verb, WaitEnd};

/// One decision, or something noted about one.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A service moves to another color. Those that move together are journaled together, with
    /// the same generation.
    Moved {
        /// The service.
        service: ServiceName,
        /// The color that was active before.
        from: Color,
        /// The generation that this makes.
        generation: Generation,
        /// What kind of switch it is.
        cause: Cause,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
        /// What proves the new color healthy.
        evidence: Vec<Proof>,
    },
    /// Every worker has acknowledged a generation.
    Published {
        /// The generation.
        generation: Generation,
        /// When.
        at: Time,
    },
    /// The drain that a switch began is over.
    DrainEnded {
        /// The generation of the switch.
        generation: Generation,
        /// The service; `None` in journals from before a generation could move several.
        service: Option<ServiceName>,
        /// When.
        at: Time,
        /// How.
        end: DrainEnd,
        /// What traffic looked like.
        figures: Option<Figures>,
    },
    /// New requests wait.
    Held {
        /// The service.
        service: ServiceName,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Waiting requests are let go.
    Resumed {
        /// The service.
        service: ServiceName,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
    },
    /// Services came, left or moved.
    Reloaded {
        /// The generation that this makes; 0 for the very first configuration.
        generation: Generation,
        /// Who asked for it.
        actor: Actor,
        /// When it was decided.
        at: Time,
        /// What became of which service.
        services: Vec<(ServiceName, Fate)>,
    },
    /// A call that was waiting ended before it decided anything.
    WaitEnded {
        /// What it asked for.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// Who asked.
        actor: Actor,
        /// Since when it waited.
        since: Time,
        /// When it ended.
        at: Time,
        /// How.
        end: WaitEnd,
    },
    /// Teal has started anew: what was open is interrupted.
    Restarted {
        /// When.
        at: Time,
    },
}

/// What a reload makes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is new, with this active color.
    Added(Color),
    /// It is back, with the color it had.
    Restored,
    /// Its routes or active targets have changed.
    Moved,
    /// It is no longer configured.
    Retired,
}

// === impl Event ===

impl Event {
    /// Whether it must be durable before anything follows from it (L6). What is not a decision
    /// may be lost in a crash without harm: the receipt then says "interrupted".
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Moved { .. }
            | Self::Held { .. }
            | Self::Resumed { .. }
            | Self::Reloaded { .. } => true,
            Self::Published { .. }
            | Self::DrainEnded { .. }
            | Self::WaitEnded { .. }
            | Self::Restarted { .. } => false,
        }
    }
}
