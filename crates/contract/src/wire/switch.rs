//! The JSON of the calls that change something.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, Evidence};

/// What a switch or a rollback did, of one service or of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SwitchOutcome {
    /// Of a group.
    Group(GroupAnswer),
    /// Of one service.
    Service(SwitchAnswer),
}

/// What a switch or a rollback did to the services of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupAnswer {
    /// What happened: `already` only if no service had to move.
    pub result: SwitchResult,
    /// The group.
    pub group: String,
    /// The color that was active before, of those that move; for `already` the other one.
    pub from: Color,
    /// The color that is active now; for `would_switch` the one that would be.
    pub to: Color,
    /// The one generation of the switch; else the highest of the services.
    pub generation: u64,
    /// What happened to each service, in the order of the configuration.
    pub services: Vec<SwitchAnswer>,
}

/// What a switch or a rollback did to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwitchAnswer {
    /// What happened.
    pub result: SwitchResult,
    /// The service.
    pub service: String,
    /// The color that was active before; for `already` the other one.
    pub from: Color,
    /// The color that is active now; for `would_switch` the one that would be.
    pub to: Color,
    /// The generation of the service.
    pub generation: u64,
    /// The drain of the color that was left; `null` if there is none.
    pub drain: Option<Drain>,
    /// Why a switch to the color would be refused now; only if the result is `already` and it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy: Option<String>,
    /// The probes that proved the new color healthy.
    pub evidence: Vec<Evidence>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchResult {
    /// Traffic goes to the new color.
    Switched,
    /// Traffic went there already.
    Already,
    /// A dry run: the gate would pass, nothing was changed.
    WouldSwitch,
}

/// How far the drain of a color is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drain {
    /// The color that is being left.
    pub color: Color,
    /// How it stands.
    pub state: DrainState,
    /// What the deadline cut; only if the state is `cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// The newer generation; only if the state is `superseded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<u64>,
    /// What is left on the color; only if the state is `stuck`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
}

/// How a drain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrainState {
    /// Leases are left: do not stop the color.
    Draining,
    /// Nothing is left: safe to stop.
    Drained,
    /// Nothing is left, but the deadline cut some leases.
    Cut,
    /// The deadline has passed, but workers have not ended what they were told to cut: do not
    /// stop the color. Teal goes on waiting for them.
    Stuck,
    /// A newer change took over before the end.
    Superseded,
    /// Teal stopped, or a hold was resumed, before the end.
    Interrupted,
}

/// What a drain deadline cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cut {
    /// All leases that were cut.
    pub total: u64,
    /// Requests without any answer yet: answered 504.
    pub unanswered: u64,
    /// Answers that had begun: aborted.
    pub answering: u64,
    /// Tunnels: closed.
    pub tunnels: u64,
}

/// What is left on a color whose drain is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Left {
    /// Requests and tunnels.
    pub leases: u64,
    /// Connections to its targets.
    pub connections: u64,
}

/// What a hold did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldAnswer {
    /// The service.
    pub service: String,
    /// The active color, which drains now.
    pub color: Color,
    /// The longest that one request waits, from its own arrival.
    pub max_wait_seconds: f64,
    /// The drain of the active color.
    pub drain: Drain,
}

/// What a resume did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resumed {
    /// The service.
    pub service: String,
    /// The color that the requests are released to.
    pub color: Color,
    /// Requests that were waiting and are being released.
    pub waiting: u64,
}

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// The generation that it made; `null`: it did not change where traffic goes.
    pub generation: Option<u64>,
    /// What changed, one text each; empty: nothing.
    pub changes: Vec<String>,
}

/// Which events a Teal logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLevel {
    /// The level of all, and those of modules, with commas between.
    pub level: String,
}

/// A newer Teal has taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgraded {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

impl SwitchOutcome {
    /// Puts together what happened to each service; `None` if there is none.
    pub fn of(group: Option<String>, services: Vec<SwitchAnswer>) -> Option<Self> {
        let moved = |service: &&SwitchAnswer| service.result != SwitchResult::Already;
        let first = services.iter().find(moved).or(services.first())?;
        let Some(group) = group else { return Some(Self::Service(first.clone())) };
        let (result, from, to) = (first.result, first.from, first.to);
        let generation = services.iter().map(|service| service.generation).max()?;
        Some(Self::Group(GroupAnswer { result, group, from, to, generation, services }))
    }

    /// What happened to each service.
    pub fn services(&self) -> &[SwitchAnswer] {
        match self {
            Self::Group(answer) => &answer.services,
            Self::Service(answer) => std::slice::from_ref(answer),
        }
    }
}

impl From<rules::Cut> for Cut {
    fn from(cut: rules::Cut) -> Self {
        let rules::Cut { unanswered, answering, tunnels } = cut;
        Self { total: cut.total(), unanswered, answering, tunnels }
    }
}

impl Drain {
    /// A drain that has not ended.
    pub fn open(color: rules::Color) -> Self {
        let state = DrainState::Draining;
        Self { color: color.into(), state, cut: None, superseded_by: None, left: None }
    }

    /// A drain that does not end.
    pub fn stuck(color: rules::Color, left: Left) -> Self {
        Self { state: DrainState::Stuck, left: Some(left), ..Self::open(color) }
    }

    /// A drain that has ended.
    pub fn ended(color: rules::Color, end: rules::DrainEnd) -> Self {
        let mut drain = Self::open(color);
        drain.state = match end {
            rules::DrainEnd::Drained => DrainState::Drained,
            rules::DrainEnd::Cut(cut) => {
                drain.cut = Some(cut.into());
                DrainState::Cut
            }
            rules::DrainEnd::Superseded { by } => {
                drain.superseded_by = Some(by.0);
                DrainState::Superseded
            }
            rules::DrainEnd::Interrupted => DrainState::Interrupted,
        };
        drain
    }
}
