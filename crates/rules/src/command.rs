//! The commands to the rules: a closed list, each with its preconditions.

use std::sync::Arc;
use std::time::Duration;

use crate::deploy::{DeployId, DeployResult, DeployStep};
use crate::health::Proof;
use crate::maintenance::Notice;
use crate::name::{Actor, Color, Generation, GroupName, ServiceName};
use crate::receipt::{DrainEnd, Figures};
use crate::remarks::Remarks;
use crate::rollout::{Bake, Baseline, RolloutId, RolloutResult};
use crate::target::TargetUrl;
use crate::time::Time;
use crate::told::Tell;
use crate::version::Version;
use crate::wait::{Verb, WaitEnd};

/// A request for a change, or a report of something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Move services to another color. Legal while nothing is being published, with evidence, and to a retired color
    /// only by a switch that no open deploy concerns.
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
        /// The way it ended.
        end: DrainEnd,
        /// The figures of its traffic.
        figures: Figures,
    },
    /// Answer new requests by Teal itself. Legal always; ends a hold.
    BeginMaintenance {
        /// The services: one, or those of a group.
        services: Vec<ServiceName>,
        /// The actor that asks.
        actor: Actor,
        /// The answer to clients.
        notice: Arc<Notice>,
    },
    /// Send new requests to the services again. Legal if one of them is in maintenance.
    EndMaintenance {
        /// The services: one, or those of a group.
        services: Vec<ServiceName>,
        /// The actor that asks.
        actor: Actor,
    },
    /// Keep new requests waiting. Legal if the service is neither held nor in maintenance.
    Hold {
        /// The service.
        service: ServiceName,
        /// The actor that asks.
        actor: Actor,
        /// The longest that one request waits.
        max_wait: Duration,
    },
    /// Release waiting requests. Legal if the service is held.
    Resume {
        /// The service.
        service: ServiceName,
        /// The actor that asks.
        actor: Actor,
    },
    /// The services are these from now on. Legal while nothing is being published.
    Reload {
        /// All services that are configured now.
        configured: Vec<ConfiguredService>,
        /// The actor that asks.
        actor: Actor,
    },
    /// Send nothing to a color any more. Legal if it is idle; nothing follows if it is retired already.
    Retire {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The actor that asks.
        actor: Actor,
    },
    /// Use other targets for a color. Legal while no deploy of others concerns its service, and for an active color
    /// while nothing is being published; nothing follows if the color has them already.
    Tell(Tell),
    /// Make the preview tokens of a service void that were made until now. Legal always.
    RevokePreviews {
        /// The service.
        service: ServiceName,
        /// The actor that asks.
        actor: Actor,
    },
    /// Begin a deploy. Legal if no open deploy concerns its services, which have the same idle color.
    BeginDeploy(BeginDeploy),
    /// Report the progress of a deploy. Legal if it is open, for the command line that has it.
    ReportDeploy(ReportDeploy),
    /// End a rollout, and leave traffic where it is. Legal for a rollout that is kept; nothing follows if it is over.
    EndRollout(EndRollout),
    /// A call that was waiting ended before it decided anything. Legal always.
    EndWait {
        /// The kind of call.
        verb: Verb,
        /// The services that it was about; none: all.
        services: Vec<ServiceName>,
        /// The actor that asked.
        actor: Actor,
        /// The time since when it waited.
        since: Time,
        /// The way it ended.
        end: WaitEnd,
    },
    /// Teal has restarted: everything it was doing is over. Legal always.
    Restart,
}

/// A switch, rollback or failover: all that it moves, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The requested move.
    pub request: MoveRequest,
    /// The actor that asks.
    pub actor: Actor,
    /// The evidence for every service that is to move.
    pub proven: Vec<ProvenColor>,
    /// The remarks of the actor.
    pub remarks: Remarks,
    /// The way the switch is watched; `None`: it is not.
    pub watched: Option<Watched>,
}

/// The way a switch is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The watched time.
    pub bake: Bake,
    /// The traffic before it, of every service that is to move.
    pub baselines: Vec<Baseline>,
}

/// A color of a service that has passed the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenColor {
    /// The service.
    pub service: ServiceName,
    /// The color to go to.
    pub color: Color,
    /// The probes that prove it healthy (L9).
    pub evidence: Vec<Proof>,
    /// The figures of the drain that this would supersede.
    pub unfinished: Option<Figures>,
}

/// The request of a switch, rollback or failover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// The services, each once: one, or those of a group.
    pub services: Vec<ServiceName>,
    /// The destination.
    pub direction: Direction,
    /// Refuse if the services have another generation: the highest of theirs.
    pub if_generation: Option<Generation>,
    /// The version that is named for the destination; `None`: the one that is known.
    pub version: Option<Version>,
    /// Go even to a version that Teal has taken back.
    pub supersede: bool,
    /// The verdict that it follows from; `None`: an operator or a failover wants it.
    pub verdict: Option<Verdict>,
}

/// A failing verdict on the candidate of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The rollout.
    pub rollout: RolloutId,
    /// The evidence, in words.
    pub detail: String,
}

/// The request to end a rollout without moving traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndRollout {
    /// The rollout.
    pub id: RolloutId,
    /// The result; never [`RolloutResult::RolledBack`], which only a move has.
    pub result: RolloutResult,
    /// The evidence, or what ended it, in words.
    pub detail: String,
}

/// The destination of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To this color: a switch.
    To(Color),
    /// To the color that was active before: a rollback. Of several services, the ones that their
    /// newest switch moved go back.
    Back,
    /// Away from this active color, which is dead: a failover.
    AwayFrom(Color),
}

/// A service that is configured now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredService {
    /// Its name.
    pub name: ServiceName,
    /// Its active color if it is new.
    pub initial: Color,
    /// True if its routes, or the targets of its active color, have changed.
    pub moved: bool,
    /// The targets that a runner has told for both colors, in the order of [`Color::index`]: those that were told
    /// last, those that the color had when it was left to a runner, or none.
    pub told: [Vec<TargetUrl>; 2],
}

/// The request to begin a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginDeploy {
    /// The services, each once: one, or those of a group.
    pub services: Vec<ServiceName>,
    /// The group, if one was named.
    pub group: Option<GroupName>,
    /// The version, if one was named.
    pub version: Option<Version>,
    /// The actor that asks.
    pub actor: Actor,
    /// The user and the host of its command line.
    pub by: Option<String>,
    /// The reason.
    pub reason: Option<String>,
    /// True if it begins inside a freeze window.
    pub emergency: bool,
    /// Begin although a service was rolled back.
    pub supersede: bool,
    /// True to stop the old environment, whose time is over, instead of deploying a version.
    pub sweep: bool,
    /// Refuse if the services have another generation: the highest of theirs.
    pub if_generation: Option<Generation>,
}

/// A report about a deploy. Without a step and a result it says that the command line is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportDeploy {
    /// The deploy.
    pub id: DeployId,
    /// The claim of the command line that reports.
    pub claim: Claim,
    /// The step that begins now.
    pub step: Option<DeployStep>,
    /// Pause before the switch.
    pub pause: bool,
    /// The result, which ends the deploy.
    pub result: Option<DeployResult>,
    /// The reason for the result.
    pub detail: Option<String>,
    /// The time for which the old environment stays up, counted from the result.
    pub keep: Option<Duration>,
}

/// The claim of a command line to a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It has the deploy, by this claim.
    Held(u32),
    /// It takes the deploy over from another one.
    Take {
        /// The actor that asks.
        actor: Actor,
        /// The user and the host of the command line.
        by: Option<String>,
        /// The time since the other one last reported.
        silent: Duration,
    },
}

// === impl MoveRequest ===

impl MoveRequest {
    /// The plain request: whatever the generation, for the version that is known.
    pub fn new(services: Vec<ServiceName>, direction: Direction) -> Self {
        Self {
            services,
            direction,
            if_generation: None,
            version: None,
            supersede: false,
            verdict: None,
        }
    }
}
