//! The JSON of deploys: the record that `teal deploy` keeps in Teal, which is also its lock.

mod convert;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Actor, Color};

/// The deploys, newest first: those in progress and those that ended last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deploys {
    /// The records.
    pub deploys: Vec<Deploy>,
}

/// The record of one deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deploy {
    /// Its number, counted from 1 over all services.
    pub id: u64,
    /// The services that it deploys: one, or those of a group.
    #[schema(example = json!(["web"]))]
    pub services: Vec<String>,
    /// The group, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The color that it deploys to.
    pub color: Color,
    /// The version that it deploys; `null` if none was named.
    #[schema(example = "v42")]
    pub version: Option<String>,
    /// The version of the color that was active at its begin; `null` if that is not known.
    #[schema(example = "v41")]
    pub from_version: Option<String>,
    /// The caller that began it, or that resumed it last.
    pub actor: Actor,
    /// The user and the host of its command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ci@runner-3")]
    pub by: Option<String>,
    /// The reason given for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// True if it was begun inside a freeze window, by `--emergency`.
    #[serde(default)]
    pub emergency: bool,
    /// True if it is a sweep: it stops an old environment whose time is over, and deploys nothing.
    #[serde(default)]
    pub sweep: bool,
    /// The number of the present command line's claim: 1 for the one that began it, one more for each that
    /// resumed or abandoned it. A change must name it, so that a command line that was replaced changes nothing.
    pub claim: u32,
    /// The present step, or the last one.
    pub step: DeployStep,
    /// The time since that step began; `null` if the deploy has ended.
    #[serde(default)]
    pub step_seconds: Option<u64>,
    /// True if it waits before its switch (`--no-switch`) for `teal deploy --resume ID`.
    #[serde(default)]
    pub paused: bool,
    /// All steps that were begun, in order.
    pub steps: Vec<DeployStepRecord>,
    /// The time at which it began.
    pub started: String,
    /// The time since the command line last reported; `null` if the deploy has ended or is paused.
    #[serde(default)]
    pub silent_seconds: Option<u64>,
    /// True if the command line has been silent for so long that it can be presumed dead.
    #[serde(default)]
    pub client_gone: bool,
    /// The generation of its switch; `null` before that.
    pub generation: Option<u64>,
    /// Its result; `null` while it is in progress.
    pub result: Option<DeployResult>,
    /// The time at which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The reason for a result other than `succeeded`, and what was left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The time until which the old environment stays up; then `teal sweep` stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<String>,
    /// The time until then; 0 once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_seconds: Option<u64>,
}

/// A step that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployStepRecord {
    /// The step.
    pub step: DeployStep,
    /// The time at which it began.
    pub at: String,
}

/// A step of a deploy.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DeployStep {
    /// The record is made, and with it the lock.
    Lock,
    /// The commands of `before` run.
    Before,
    /// The runner stops what is left in the color, and starts the new version.
    Start,
    /// Waiting until a switch to the color would pass the gate.
    Gate,
    /// The smoke checks of the idle color.
    Smoke,
    /// The switch, until every worker has applied it.
    Switch,
    /// Waiting until the old color is drained.
    Drain,
    /// The checks through the public listener.
    Outside,
    /// The commands of `after` run.
    After,
    /// The old color is kept warm, or stopped.
    Keep,
}

/// The result of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeployResult {
    /// The new version is active.
    Succeeded,
    /// It failed before its switch: nothing was changed, and the new environment was stopped.
    Failed,
    /// It failed after its switch, and traffic was switched back.
    Reverted,
    /// It is not known what runs, so nothing was stopped.
    Unknown,
    /// It was put back by `teal deploy --abandon`.
    Abandoned,
    /// It was a sweep: the old environment was stopped, since its time was over.
    Swept,
}

/// The request to begin a deploy: the body of `POST /admin/deploys`. `If-Match` may name the generation
/// of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployRequest {
    /// The service; optional if there is only one, or if a group is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    pub service: Option<String>,
    /// The group, instead of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
    pub group: Option<String>,
    /// The version: 1 to 128 of letters, digits and `._:/@+~-`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v42", pattern = "^[A-Za-z0-9._:/@+~][A-Za-z0-9._:/@+~-]{0,127}$")]
    pub version: Option<String>,
    /// The user and the host of the command line, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub by: Option<String>,
    /// The reason, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// Begin although the service was rolled back after its last deploy.
    #[serde(default)]
    pub supersede: bool,
    /// The deploy begins inside a freeze window; recorded.
    #[serde(default)]
    pub emergency: bool,
    /// Deploy nothing, but stop the environment in the idle color, whose time is over. The record is the lock meanwhile.
    #[serde(default)]
    pub sweep: bool,
}

/// A report about a deploy: the body of `PATCH /admin/deploys/{id}`. Without a step and a result it says that the
/// command line is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployReport {
    /// The claim of the command line, from the record; ignored with `take`.
    #[serde(default)]
    #[schema(maximum = 4_294_967_295_u32)]
    pub claim: u32,
    /// Take the deploy over from its command line, which must have been silent; the answer has the new claim.
    #[serde(default)]
    pub take: bool,
    /// The user and the host of the command line that takes it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub by: Option<String>,
    /// The step that begins now. It is durable when the call is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<DeployStep>,
    /// Pause before the switch: the command line ends, and the deploy stays.
    #[serde(default)]
    pub pause: bool,
    /// The result, which ends the deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<DeployResult>,
    /// The reason for the result, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub detail: Option<String>,
    /// The time for which the old environment stays up, counted from the result; at most 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 2_592_000)]
    pub keep_seconds: Option<u64>,
    /// Only check the report and change nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

// === impl Deploy, DeployStep, DeployResult ===

impl Deploy {
    /// Returns true if it has not ended.
    pub fn is_open(&self) -> bool {
        self.result.is_none()
    }
}

impl DeployStep {
    /// All steps, in order.
    pub const ALL: [Self; 10] = [
        Self::Lock,
        Self::Before,
        Self::Start,
        Self::Gate,
        Self::Smoke,
        Self::Switch,
        Self::Drain,
        Self::Outside,
        Self::After,
        Self::Keep,
    ];

    /// Returns its name, as in output, events and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Before => "before",
            Self::Start => "start",
            Self::Gate => "gate",
            Self::Smoke => "smoke",
            Self::Switch => "switch",
            Self::Drain => "drain",
            Self::Outside => "outside",
            Self::After => "after",
            Self::Keep => "keep",
        }
    }
}

impl std::fmt::Display for DeployStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl DeployResult {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Reverted => "reverted",
            Self::Unknown => "unknown",
            Self::Abandoned => "abandoned",
            Self::Swept => "swept",
        }
    }
}

impl std::fmt::Display for DeployResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
