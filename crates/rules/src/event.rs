//! The events of the journal, from which `apply` builds the state.

use std::time::Duration;

use crate::deploy::{Deploy, DeployId, DeployResult, DeployStep};
use crate::health::Proof;
use crate::maintenance::Maintained;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Figures};
use crate::remarks::Remarks;
use crate::rollout::{Rollout, RolloutEnd, RolloutId};
use crate::time::Time;
use crate::told::Told;
use crate::wait::{Verb, WaitEnd};

/// A decision, or a note about one.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A service moves to another color. Those that move together are journaled together, with
    /// the same generation.
    Moved {
        /// The service.
        service: ServiceName,
        /// The color that was active before.
        from: Color,
        /// The generation that this creates.
        generation: Generation,
        /// The kind of switch.
        cause: Cause,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The probes that prove the new color healthy.
        evidence: Vec<Proof>,
        /// The remarks of the actor.
        remarks: Remarks,
    },
    /// Every worker has acknowledged a generation.
    Published {
        /// The generation.
        generation: Generation,
        /// The time.
        at: Time,
    },
    /// The drain that a switch began is over.
    DrainEnded {
        /// The generation of the switch.
        generation: Generation,
        /// The service; `None` in journals from before a generation could move several.
        service: Option<ServiceName>,
        /// The time of its end.
        at: Time,
        /// The way it ended.
        end: DrainEnd,
        /// The figures of its traffic.
        figures: Option<Figures>,
    },
    /// New requests wait.
    Held {
        /// The service.
        service: ServiceName,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Waiting requests are released.
    Resumed {
        /// The service.
        service: ServiceName,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
    },
    /// A maintenance began, has another notice, or ended. A hold of these services is over.
    Maintained(Maintained),
    /// Services were added, removed or moved.
    Reloaded {
        /// The generation that this creates; 0 for the very first configuration.
        generation: Generation,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
        /// The services, each with its change.
        services: Vec<(ServiceName, ServiceChange)>,
    },
    /// Nothing is sent to a color any more, until a switch or a deploy to it.
    Retired {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
    },
    /// A color has other targets, which a runner has told.
    Told(Told),
    /// The preview tokens of a service that were made until now are void.
    PreviewsRevoked {
        /// The service.
        service: ServiceName,
        /// The actor that asked for it.
        actor: Actor,
        /// The time of the decision.
        at: Time,
    },
    /// A deploy began, went on or ended.
    Deploy(DeployEvent),
    /// A rollout began or ended.
    Rollout(RolloutEvent),
    /// A call that was waiting ended before it decided anything.
    WaitEnded {
        /// The kind of call.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// The actor that asked.
        actor: Actor,
        /// The time since when it waited.
        since: Time,
        /// The time of its end.
        at: Time,
        /// The way it ended.
        end: WaitEnd,
    },
    /// Teal has restarted: everything open is interrupted.
    Restarted {
        /// The time.
        at: Time,
    },
}

/// A change of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployEvent {
    /// It has begun; its services are locked for others.
    Began(Box<Deploy>),
    /// It has come to a step.
    Stepped {
        /// The deploy.
        id: DeployId,
        /// The step.
        step: DeployStep,
        /// The time.
        at: Time,
    },
    /// It waits before its switch.
    Paused {
        /// The deploy.
        id: DeployId,
        /// The time.
        at: Time,
    },
    /// Another command line has taken it over.
    Taken {
        /// The deploy.
        id: DeployId,
        /// The claim of the new command line.
        claim: u32,
        /// The actor that asked for it.
        actor: Actor,
        /// The user and the host of the new command line.
        by: Option<String>,
        /// The time.
        at: Time,
    },
    /// It has ended; its services are free again.
    Ended {
        /// The deploy.
        id: DeployId,
        /// The result.
        result: DeployResult,
        /// The reason.
        detail: Option<String>,
        /// The time until which the old environment stays up, if it is limited.
        keep_until: Option<Time>,
        /// The time.
        at: Time,
    },
}

/// A change of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutEvent {
    /// It has begun, with the switch that it watches.
    Began(Box<Rollout>),
    /// It has ended.
    Ended {
        /// The rollout.
        id: RolloutId,
        /// Its end.
        end: RolloutEnd,
    },
}

/// The effect of a reload on a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceChange {
    /// It is new, with this active color.
    Added(Color),
    /// It is back, with the color it had.
    Restored,
    /// Its routes or active targets have changed.
    Moved,
    /// It is no longer configured.
    Removed,
}

// === impl Event ===

impl Event {
    /// Returns true if it must be durable before anything follows from it (L6). Other events
    /// may be lost in a crash without harm: the receipt then says "interrupted".
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Moved { .. }
            | Self::Held { .. }
            | Self::Resumed { .. }
            | Self::Maintained(_)
            | Self::Reloaded { .. }
            | Self::Rollout(_)
            | Self::Retired { .. }
            | Self::Told(_)
            | Self::PreviewsRevoked { .. }
            | Self::Deploy(_) => true, // a command line acts on it: what it started is known after a crash
            Self::Published { .. }
            | Self::DrainEnded { .. }
            | Self::WaitEnded { .. }
            | Self::Restarted { .. } => false,
        }
    }
}
