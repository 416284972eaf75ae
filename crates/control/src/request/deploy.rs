//! The calls about deploys.

use std::time::Duration;

use rules::{Actor, DeployId, DeployResult, DeployStep, Generation, ServiceName, Version};

use super::Scope;

/// A call to begin a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginDeployRequest {
    /// The services to deploy.
    pub scope: Scope,
    /// The version, if one is named.
    pub version: Option<Version>,
    /// The caller.
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
    /// The expected generation; any other is refused. For a group the highest counts.
    pub if_generation: Option<Generation>,
}

/// A report about a deploy. Without a step and a result it says that the command line is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportDeployRequest {
    /// The deploy.
    pub id: DeployId,
    /// The caller.
    pub actor: Actor,
    /// The claim of the command line; `None`: it takes the deploy over.
    pub claim: Option<u32>,
    /// The user and the host of the command line that takes it over.
    pub by: Option<String>,
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

/// The deploys to read: one, those of a service, or all that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploySelection {
    /// The one with this number.
    pub id: Option<DeployId>,
    /// Those of this service.
    pub service: Option<ServiceName>,
}
