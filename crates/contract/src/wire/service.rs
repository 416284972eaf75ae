//! The JSON of a service and its two colors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::books::Books;
use super::problems::ServiceProblem;
use super::target::Target;
use super::{Actor, Color, Rollout};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The color that receives traffic.
    pub active: Color,
    /// The generation of its last change, for `If-Match`.
    pub generation: u64,
    /// True if there is something to roll back to.
    #[serde(default)]
    pub can_roll_back: bool,
    /// The color to which a rollback would go; `null`: there is none, or it is retired.
    #[serde(default)]
    pub rollback: Option<Rollback>,
    /// The last change of where its traffic goes; `null`: there was none, or it is no longer in the history.
    #[serde(default)]
    pub changed: Option<LastChange>,
    /// Its requests by their ends; `null` from a Teal that does not tell.
    #[serde(default)]
    pub books: Option<Books>,
    /// The failover mode, for when the active color fails: `off` or `auto`.
    #[serde(default)]
    pub failover: String,
    /// The hold; set while new requests wait at Teal.
    pub held: Option<Held>,
    /// The maintenance; set while Teal answers new requests itself.
    #[serde(default)]
    pub maintenance: Option<Maintenance>,
    /// The open rollout; `null` if nothing of it is being watched.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// Both colors.
    pub colors: Colors,
    /// Problems that need attention, the most severe first.
    #[serde(default)]
    pub problems: Vec<ServiceProblem>,
}

/// The destination of a rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollback {
    /// The color.
    pub to: Color,
    /// The version that runs there, if known.
    #[schema(example = "v41")]
    pub version: Option<String>,
    /// The time until which the deploy keeps it up; `null`: no such time is set.
    pub until: Option<String>,
}

/// The last change of where the traffic of a service goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastChange {
    /// The time of the decision.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The kind: `switch`, `rollback`, `failover` or `reload`.
    #[schema(example = "switch")]
    pub verb: String,
    /// The reason that was given for it; `null`: none.
    pub reason: Option<String>,
}

/// A hold: new requests wait at Teal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Requests waiting now.
    pub waiting: u64,
    /// The time at which it began.
    pub since: String,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The longest time a request waits, from its arrival.
    pub max_wait_seconds: f64,
}

/// A maintenance: Teal answers new requests itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Maintenance {
    /// The time at which it began.
    pub since: String,
    /// The caller that asked for it, or for its present message and page.
    pub actor: Actor,
    /// The sentence for clients; `null`: the usual one.
    pub message: Option<String>,
    /// True if it has a page of its own.
    pub page: bool,
    /// The clients whose requests go to the service as always.
    pub allow: Vec<String>,
}

/// Both colors of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Colors {
    /// The first environment.
    pub blue: ColorStatus,
    /// The second environment.
    pub green: ColorStatus,
}

/// One color of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColorStatus {
    /// Its current role.
    pub role: Role,
    /// The version that a deploy has started in it, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v42")]
    pub version: Option<String>,
    /// True if nothing is sent to it, not even a probe, until a switch or a deploy to it.
    #[serde(default)]
    pub retired: bool,
    /// True if the configuration leaves its targets to a runner (`targets = "runner"`).
    #[serde(default)]
    pub told: bool,
    /// True if a switch to it would pass the gate now; `null`: not enough probes have ended to tell.
    pub healthy: Option<bool>,
    /// Its health in words, as in texts and on the page.
    #[serde(default)]
    #[schema(example = "healthy")]
    pub health: String,
    /// Its role and whether it may be stopped, in words, as in texts and on the page.
    #[serde(default)]
    #[schema(example = "drained: safe to stop")]
    pub words: String,
    /// The reason a switch to it would not pass the gate; `null` if it would.
    #[serde(default)]
    pub reason: Option<String>,
    /// The leases held: requests and tunnels in flight.
    pub in_flight: u64,
    /// Connections to its targets: being established, in use or idle.
    #[serde(default)]
    pub connections: u64,
    /// The age of the oldest lease; `null` without leases.
    pub oldest_age_seconds: Option<f64>,
    /// The number of WebSockets, other tunnels and event streams among those in flight.
    #[serde(default)]
    pub streams: u64,
    /// The number of WebSockets and other tunnels among the streams; the rest are event streams.
    #[serde(default)]
    pub tunnels: u64,
    /// The age of the oldest of the streams.
    #[serde(default)]
    pub oldest_stream_age_seconds: Option<f64>,
    /// The time until leases are cut; `null` if it is not draining or has no deadline.
    #[serde(default)]
    pub deadline_seconds: Option<f64>,
    /// True if the deadline has passed and leases are being cut now.
    #[serde(default)]
    pub cutting: bool,
    /// True if no lease and no connection is left and no new one can begin: safe to stop.
    pub drained: bool,
    /// Its targets, in the order of the configuration.
    pub targets: Vec<Target>,
    /// The host names of which each address is a target, in the order of the configuration.
    #[serde(default)]
    pub names: Vec<Name>,
}

/// A host name of which each address is a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Name {
    /// The target as configured.
    #[schema(example = "http://app:8081")]
    pub url: String,
    /// The number of addresses in the last answer of a resolver.
    pub addresses: usize,
    /// The number of those addresses that receive traffic.
    pub used: usize,
    /// The time since which lookups get no answer; `null`: the last one was answered.
    pub unanswered_since: Option<String>,
    /// The problem with it; `null`: none.
    pub problem: Option<String>,
}

/// The current role of a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It receives traffic.
    Active,
    /// It receives no new requests; its leases are ending.
    Draining,
    /// It receives nothing.
    Idle,
}

impl Colors {
    /// Returns the status of one color.
    pub fn of(&self, color: Color) -> &ColorStatus {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }
}
