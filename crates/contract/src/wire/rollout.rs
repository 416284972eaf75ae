//! The JSON of rollouts: what a switch has released, and the evidence about it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Actor, Color};
use crate::unit::rfc3339;

/// The rollouts, newest first: those that are open, and the last 64 that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollouts {
    /// The rollouts.
    pub rollouts: Vec<Rollout>,
}

/// One rollout: a release that is watched until it is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// Its number, counted from 1 over all services.
    pub id: u64,
    /// The services that it releases: one, or those of a group.
    #[schema(example = json!(["web"]))]
    pub services: Vec<String>,
    /// The color that it releases.
    pub candidate: Color,
    /// The color that was active before, to which traffic goes back.
    pub stable: Color,
    /// The version of the candidate; `null` if that is not known.
    #[schema(example = "v42")]
    pub version: Option<String>,
    /// The caller that began it.
    pub actor: Actor,
    /// The generation of its switch.
    pub generation: u64,
    /// Its state.
    pub state: RolloutState,
    /// The time at which it began.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub began: String,
    /// The time for which its candidate is watched.
    pub bake_seconds: f64,
    /// The rest of that time; `null` if it has ended.
    pub left_seconds: Option<f64>,
    /// True if traffic goes back when the candidate fails; otherwise it is only told.
    pub takes_back: bool,
    /// The evidence about each service; empty if it has ended.
    #[serde(default)]
    pub evidence: Vec<RolloutEvidence>,
    /// What is known about the candidate, in words; `null`: nothing yet.
    #[schema(example = "web: 1240 requests, 3 failed; at most 1.1 % with 95 % confidence")]
    pub verdict: Option<String>,
    /// The time at which it ended; `null` while it is open.
    pub ended: Option<String>,
}

/// The state of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// The candidate has all traffic and is watched.
    Baking,
    /// Its time is over, and the candidate keeps the traffic.
    Done,
    /// An operator, a failover or a reload ended it.
    Aborted,
    /// The candidate failed, and Teal moved traffic back.
    RolledBack,
    /// The candidate failed, and nothing was moved, because the stable color is not healthy or must not get the traffic: a
    /// person must look.
    Stuck,
}

/// The evidence about the candidate of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RolloutEvidence {
    /// The service.
    pub service: String,
    /// Requests to the candidate that have ended.
    pub requests: u64,
    /// Those that failed: answers with a status from 500 on, and requests that got no complete answer.
    pub failed: u64,
    /// The clients whose requests failed: at least this many.
    pub clients: u32,
    /// Requests to the stable color before: since it became active, at most 15 minutes.
    pub stable_requests: u64,
    /// Those that failed.
    pub stable_failed: u64,
    /// The share of failures that is allowed.
    #[schema(example = 0.005)]
    pub allowed: f64,
    /// The highest share of failures that the evidence agrees with, with 95 % confidence whenever it is read.
    #[schema(example = 0.011)]
    pub at_most: f64,
    /// The decimal logarithm of the e-value against the candidate. It fails at 3.48, with enough failures of enough clients.
    pub log10_e: f64,
    /// True if the candidate passes: a share of failures that is not allowed would have shown by now.
    pub passes: bool,
}

// === impl Rollout, RolloutState ===

impl Rollout {
    /// Converts a record, with the evidence and what is known in words.
    pub fn of(
        rollout: &rules::Rollout,
        evidence: Vec<RolloutEvidence>,
        verdict: Option<String>,
        now: rules::Time,
    ) -> Self {
        let ended = rollout.ended.as_ref();
        Self {
            id: rollout.id.0,
            services: rollout.names().map(ToString::to_string).collect(),
            candidate: rollout.candidate.into(),
            stable: rollout.candidate.other().into(),
            version: rollout.version.as_ref().map(ToString::to_string),
            actor: (&rollout.actor).into(),
            generation: rollout.generation.0,
            state: ended.map_or(RolloutState::Baking, |end| end.result.into()),
            began: rfc3339(rollout.began),
            bake_seconds: rollout.bake.duration.as_secs_f64(),
            left_seconds: rollout.is_open().then(|| rollout.until().since(now).as_secs_f64()),
            takes_back: rollout.bake.on_fail == rules::OnFail::Rollback,
            evidence,
            verdict: ended.map(|end| end.detail.clone()).or(verdict),
            ended: ended.map(|end| rfc3339(end.at)),
        }
    }
}

impl RolloutState {
    /// All states, in the order of a rollout.
    pub const ALL: [Self; 5] =
        [Self::Baking, Self::Done, Self::Aborted, Self::RolledBack, Self::Stuck];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baking => "baking",
            Self::Done => "done",
            Self::Aborted => "aborted",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
        }
    }
}

impl From<rules::RolloutResult> for RolloutState {
    fn from(result: rules::RolloutResult) -> Self {
        match result {
            rules::RolloutResult::Done => Self::Done,
            rules::RolloutResult::Aborted => Self::Aborted,
            rules::RolloutResult::RolledBack => Self::RolledBack,
            rules::RolloutResult::Stuck => Self::Stuck,
        }
    }
}

impl std::fmt::Display for RolloutState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
