//! The JSON of the calls that change something.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, Evidence, Forecast};

/// The outcome of a switch or a rollback of one service or of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum SwitchOutcome {
    /// The outcome for a group.
    Group(GroupAnswer),
    /// The outcome for one service.
    Service(SwitchAnswer),
}

/// The outcome of a switch or a rollback for the services of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupAnswer {
    /// The result: `already` only if no service had to move.
    pub result: SwitchResult,
    /// The group.
    pub group: String,
    /// The color that was active before, for the services that moved; for `already` the idle color.
    pub from: Color,
    /// The color that is active now; for `would_switch` the one that would become active.
    pub to: Color,
    /// The generation of the switch; if nothing moved, the highest generation of the services.
    pub generation: u64,
    /// The outcome for each service, in the order of the configuration.
    pub services: Vec<SwitchAnswer>,
}

/// The outcome of a switch or a rollback for a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwitchAnswer {
    /// The result of a switch or a rollback.
    pub result: SwitchResult,
    /// The service.
    pub service: String,
    /// The color that was active before; for `already` the idle color.
    pub from: Color,
    /// The color that is active now; for `would_switch` the one that would become active.
    pub to: Color,
    /// The generation of the service.
    pub generation: u64,
    /// The drain of the old color; `null` if there is none.
    pub drain: Option<Drain>,
    /// The reason the color would fail the gate now; only if the result is `already`, and probes have found that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy: Option<String>,
    /// The probes that proved the new color healthy.
    pub evidence: Vec<Evidence>,
    /// The warm-up of the new color; absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// The traffic that the switch would move; only for `would_switch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// The forecast in words, as in texts and in dialogs; for `already` the effect of a closer `drain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["412 requests per second move to green (v42)"]))]
    pub sentences: Vec<String>,
}

/// The result of the warm-up of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WarmUp {
    /// Requests to all targets of the color.
    pub requests: u64,
    /// Requests that failed, or that its deadline left unsent.
    pub failed: u64,
    /// The reason of the first failure; absent: none failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time that it took.
    pub seconds: f64,
}

/// The result of a switch or a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchResult {
    /// Traffic goes to the new color.
    Switched,
    /// Traffic already went to that color.
    Already,
    /// A dry run: the switch would pass the gate; nothing was changed.
    WouldSwitch,
}

/// The progress of the drain of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Drain {
    /// The color being drained.
    pub color: Color,
    /// Its state.
    pub state: DrainState,
    /// The leases that the deadline cut; only if the state is `cut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// The newer generation; only if the state is `superseded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<u64>,
    /// The leases and connections left on the color; only if the state is `stuck`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Remaining>,
}

/// The state of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DrainState {
    /// Leases are left: do not stop the color.
    Draining,
    /// Nothing is left: safe to stop.
    Drained,
    /// Nothing is left, but the deadline cut some leases.
    Cut,
    /// The deadline has passed, but workers have not finished cutting the remaining leases: do not stop
    /// the color. Teal keeps waiting for them.
    Stuck,
    /// A newer change took over before the drain ended.
    Superseded,
    /// Teal stopped, or a hold was resumed, before the drain ended.
    Interrupted,
}

/// The leases that a drain deadline cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cut {
    /// The total number of leases cut.
    pub total: u64,
    /// Requests without a response yet: answered with 504.
    pub unanswered: u64,
    /// Responses that had begun: aborted.
    pub answering: u64,
    /// Tunnels: closed.
    pub tunnels: u64,
}

/// The leases and connections left on a color whose drain is stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Remaining {
    /// Requests and tunnels.
    pub leases: u64,
    /// Connections to its targets.
    pub connections: u64,
}

/// The outcome of a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldAnswer {
    /// The service.
    pub service: String,
    /// The active color, which is draining now.
    pub color: Color,
    /// The longest time a request waits, from its arrival.
    pub max_wait_seconds: f64,
    /// The drain of the active color.
    pub drain: Drain,
}

/// The outcome of a resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resumed {
    /// The service.
    pub service: String,
    /// The color to which the requests are released.
    pub color: Color,
    /// Requests that were waiting and are being released.
    pub waiting: u64,
}

/// The outcome of a call about a maintenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceAnswer {
    /// True if the services are in maintenance.
    pub on: bool,
    /// The services that were changed.
    pub services: Vec<String>,
    /// The clients whose requests go to the services as always.
    pub allow: Vec<String>,
}

/// The outcome of a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// The generation it created; `null`: routing did not change.
    pub generation: Option<u64>,
    /// The changes, one text each; empty: none.
    pub changes: Vec<String>,
}

/// The log levels of a Teal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLevel {
    /// The level for everything and those of single modules, separated by commas.
    pub level: String,
}

/// A newer Teal has taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgraded {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

impl SwitchOutcome {
    /// Combines the outcomes of services; `None` if there are none.
    pub fn of(group: Option<String>, services: Vec<SwitchAnswer>) -> Option<Self> {
        let moved = |service: &&SwitchAnswer| service.result != SwitchResult::Already;
        let first = services.iter().find(moved).or(services.first())?;
        let Some(group) = group else { return Some(Self::Service(first.clone())) };
        let (result, from, to) = (first.result, first.from, first.to);
        let generation = services.iter().map(|service| service.generation).max()?;
        Some(Self::Group(GroupAnswer { result, group, from, to, generation, services }))
    }

    /// Returns the outcome for each service.
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
    /// Creates a drain that has not ended.
    pub fn open(color: rules::Color) -> Self {
        let state = DrainState::Draining;
        Self { color: color.into(), state, cut: None, superseded_by: None, left: None }
    }

    /// Creates a drain that is stuck.
    pub fn stuck(color: rules::Color, left: Remaining) -> Self {
        Self { state: DrainState::Stuck, left: Some(left), ..Self::open(color) }
    }

    /// Creates a drain that has ended.
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

/// A color to which nothing is sent any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retired {
    /// The service.
    pub service: String,
    /// The color.
    pub color: Color,
}

/// The targets of a color that the configuration leaves to a runner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TargetsRequest {
    /// The targets as they would be configured; empty: nothing runs there. Needed.
    #[schema(example = json!(["http://127.0.0.1:41234"]))]
    pub targets: Option<Vec<String>>,
    /// The number of the deploy that starts or stops them; needed while there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy: Option<u64>,
    /// The claim of its command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<u32>,
}

/// The targets that a color has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetsAnswer {
    /// The service.
    pub service: String,
    /// The color.
    pub color: Color,
    /// Its targets.
    pub targets: Vec<String>,
    /// The generation that this created; `null`: the color receives no traffic, or had these targets already.
    pub generation: Option<u64>,
}
