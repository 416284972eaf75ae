//! The JSON of `GET /admin/events`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Actor, Color, DeployResult, DeployStep, Drain, Health, RolloutState, WarmUp};

/// One event. Which members are present depends on the kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Starts at 1 and grows by one with each event; starts over when the process restarts.
    pub id: u64,
    /// The time of the event.
    pub at: String,
    /// `switch`, `rollback`, `failover`, `published`, `drained`, `refused`, `health`, `hold`,
    /// `resume`, `warm_up`, `maintenance_on`, `maintenance_off`, `reload`, `shorten`, `retire`, `targets`, `preview_made`,
    /// `previews_revoked`, `deploy` or `rollout`.
    pub kind: String,
    /// The service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The group; only for the refusal or the deploy of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The color that was active before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Color>,
    /// The color that is active now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Color>,
    /// The caller that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// The command of a waiting call: `switch` or `rollback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// The time until the deadline of a drain that was brought closer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<f64>,
    /// The outcome of a drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    /// The result of a warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// The stable code of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason: of a switch, of a refusal, of the last probe's result, of a deploy's result, or of a rollout's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The color: of a target whose health changed, of a deploy, a rollout or a preview, warmed up, with a closer deadline, retired, or with other targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// The target whose health changed, or that was drained alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The target's address, if the target is a single address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its health now, according to the probes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// True if the health is that of a target of the active color.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
    /// The number of a deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<u64>,
    /// The number of a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<u64>,
    /// The state of a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state: Option<RolloutState>,
    /// The version that a deploy or a rollout names, or that a switch goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The step that a deploy has come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<DeployStep>,
    /// True if a deploy now waits before its switch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The user and the host of the command line of a deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The result of a deploy; absent: it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<DeployResult>,
    /// The targets that a runner has told; absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The changes that a reload made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}
