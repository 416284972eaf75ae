//! The JSON of dry runs of calls that need no gate. That of a switch is its own answer, with the probes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Color, Deploy, HoldAnswer, Resumed, Retired};

/// The forecast of a call that was only checked; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRun {
    /// True: this is not the answer of the call itself.
    pub dry_run: bool,
    /// The services.
    pub services: Vec<String>,
    /// The color that the call is about.
    pub color: Color,
    /// The generation of the service, for `If-Match`; of several, the highest.
    pub generation: u64,
    /// The effects that the call would have, in words, as in texts and in dialogs.
    #[schema(example = json!(["412 requests per second wait at Teal, each at most 30s"]))]
    pub sentences: Vec<String>,
}

/// The answer to a hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum HoldOutcome {
    /// The answer to a dry run.
    DryRun(DryRun),
    /// The answer to the call itself.
    Held(HoldAnswer),
}

/// The answer to a resume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ResumeOutcome {
    /// The answer to a dry run.
    DryRun(DryRun),
    /// The answer to the call itself.
    Resumed(Resumed),
}

/// The answer to a retirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RetireOutcome {
    /// The answer to a dry run.
    DryRun(DryRun),
    /// The answer to the call itself.
    Retired(Retired),
}

/// The answer to a report about a deploy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum DeployOutcome {
    /// The answer to a dry run.
    DryRun(DryRun),
    /// The record, as the answer to the report itself.
    Deploy(Deploy),
}
