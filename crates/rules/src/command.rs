//! What may be asked of the rules: a closed list, each with when it is legal.

use std::time::Duration;

use crate::health::Proof;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{DrainEnd, Figures};
use crate::time::Time;
use crate::wait::{Verb, WaitEnd};

/// Something that somebody wants, or that has come to pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Move services to another color. Legal while nothing is being published, with evidence.
    Move(Move),
    /// Every worker has acknowledged this generation. Legal if it is being published.
    Published {
        /// The generation.
        generation: Generation,
    },
    /// A drain is over. Legal if the receipt of this service is open and published.
    EndDrain {
        /// The generation of the switch that began it.
        generation: Generation,
        /// The service.
        service: ServiceName,
        /// How it ended.
        end: DrainEnd,
        /// What traffic looked like.
        figures: Figures,
    },
    /// Keep new requests waiting. Legal if the service is not held.
    Hold {
        /// The service.
        service: ServiceName,
        /// Who asks.
        actor: Actor,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Let waiting requests go. Legal if the service is held.
    Resume {
        /// The service.
        service: ServiceName,
        /// Who asks.
        actor: Actor,
    },
    /// The services are these from now on. Legal while nothing is being published.
    Reload {
        /// All services that are configured now.
        wanted: Vec<Wanted>,
        /// Who asks.
        actor: Actor,
    },
    /// A call that was waiting ended before it decided anything. Legal always.
    EndWait {
        /// What it asked for.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// Who asked.
        actor: Actor,
        /// Since when it waited.
        since: Time,
        /// How it ended.
        end: WaitEnd,
    },
    /// Teal has started anew: what it was doing is over. Legal always.
    Restart,
}

/// A switch, rollback or failover: all that it moves, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// What is asked for.
    pub wish: Wish,
    /// Who asks.
    pub actor: Actor,
    /// What has been proven, for every service that is to move.
    pub proven: Vec<Proven>,
}

/// A color of a service that has passed the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// The service.
    pub service: ServiceName,
    /// The color to go to.
    pub color: Color,
    /// What proves it healthy (L9).
    pub evidence: Vec<Proof>,
    /// The figures of the drain that this would supersede.
    pub unfinished: Option<Figures>,
}

/// What a switch is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The services, each once: one, or those of a group.
    pub services: Vec<ServiceName>,
    /// Where to.
    pub aim: Aim,
    /// Refuse if the services have another generation: the highest of theirs.
    pub if_generation: Option<Generation>,
}

/// Where a switch is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// To this color: a switch.
    To(Color),
    /// To the color that was active before: a rollback. Of several services those go back that
    /// their newest switch has moved.
    Back,
    /// Away from this active color, which is dead: a failover.
    AwayFrom(Color),
}

/// A service that is configured now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: ServiceName,
    /// Its active color if it never existed.
    pub initial: Color,
    /// Whether its routes, or the targets of its active color, have changed.
    pub moved: bool,
}
