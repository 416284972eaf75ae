//! The JSON of a service and its two colors.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::ServiceProblem;
use super::target::Target;
use super::{Actor, Color};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The color that receives traffic.
    pub active: Color,
    /// The generation of its own last change, for `If-Match`.
    pub generation: u64,
    /// Whether a rollback has somewhere to go.
    #[serde(default)]
    pub can_roll_back: bool,
    /// What happens when the active color dies: `off` or `auto`.
    #[serde(default)]
    pub failover: String,
    /// Set while new requests wait at Teal.
    pub held: Option<Held>,
    /// Both colors.
    pub colors: Colors,
    /// What somebody should look at, the most severe first.
    #[serde(default)]
    pub problems: Vec<ServiceProblem>,
}

/// New requests wait at Teal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Requests waiting now.
    pub waiting: u64,
    /// Since when.
    pub since: String,
    /// Who asked for it.
    pub actor: Actor,
    /// The longest that one request waits, from its own arrival.
    pub max_wait_seconds: f64,
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
    /// What it does now.
    pub role: Role,
    /// Whether a switch to it would pass the gate now; `null`: too few probes have ended to tell.
    pub healthy: Option<bool>,
    /// Its health in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "healthy")]
    pub health: String,
    /// What it does and whether it may be stopped, in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "drained: safe to stop")]
    pub words: String,
    /// Why it would not; `null` if it would.
    #[serde(default)]
    pub reason: Option<String>,
    /// Leases held: requests and tunnels.
    pub in_flight: u64,
    /// Connections to its targets: being made, in use or idle.
    #[serde(default)]
    pub connections: u64,
    /// The age of the oldest lease; `null` without leases.
    pub oldest_age_seconds: Option<f64>,
    /// How many of those in flight are WebSockets, other tunnels and event streams.
    #[serde(default)]
    pub streams: u64,
    /// The age of the oldest of those.
    #[serde(default)]
    pub oldest_stream_age_seconds: Option<f64>,
    /// Time until leases are cut; `null` if it is not draining or has no deadline.
    #[serde(default)]
    pub deadline_seconds: Option<f64>,
    /// The deadline has passed and leases are being cut now.
    #[serde(default)]
    pub cutting: bool,
    /// No lease and no connection is left and none can come: safe to stop.
    pub drained: bool,
    /// Its targets, in the order of the configuration.
    pub targets: Vec<Target>,
    /// The names of which each address is a target, in the order of the configuration.
    #[serde(default)]
    pub names: Vec<Name>,
}

/// A name of which each address is a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Name {
    /// The target as configured.
    #[schema(example = "http://app:8081")]
    pub url: String,
    /// The number of addresses that it had when a resolver last answered.
    pub addresses: usize,
    /// The number of those that traffic uses.
    pub used: usize,
    /// Since when lookups have no answer; `null`: the last one had.
    pub unanswered_since: Option<String>,
    /// What is wrong with it; `null`: nothing.
    pub problem: Option<String>,
}

/// What a color does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It receives traffic.
    Active,
    /// It receives no new requests; leases are ending.
    Draining,
    /// It receives nothing.
    Idle,
}

impl Colors {
    /// One of the two.
    pub fn of(&self, color: Color) -> &ColorStatus {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }
}
