//! Refusals with their reasons. Every refusal of the control plane is one of these.

mod deploy;

use std::fmt;
use std::time::Duration;

use crate::deploy::DeployId;
use crate::name::{Actor, Color, Generation, GroupName, ServiceName};
use crate::near::{NameList, UnknownName};
use crate::rollout::RolloutId;
use crate::version::Version;
use crate::wait::Verb;

pub use deploy::DeployRefusal;

/// The reason why something was not done. Nothing was changed, except where a variant says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is more than one service, and none was named.
    ServiceRequired {
        /// All that could be named.
        services: Vec<ServiceName>,
    },
    /// No service has this name.
    UnknownService {
        /// The name that was asked for.
        name: ServiceName,
        /// All that could be named.
        services: Vec<ServiceName>,
    },
    /// No group has this name.
    UnknownGroup {
        /// The name that was asked for.
        name: GroupName,
        /// All that could be named.
        groups: Vec<GroupName>,
    },
    /// No kept receipt has this generation.
    NoReceipt {
        /// The generation that was asked for.
        generation: Generation,
        /// The service, if one was named.
        service: Option<ServiceName>,
    },
    /// The color is not proven healthy now (L9).
    Unhealthy {
        /// The service.
        service: ServiceName,
        /// The color that was asked for.
        color: Color,
        /// The last probe's reason, with its target: "http://…: connection refused".
        reason: String,
    },
    /// Requests of the warm-up of the color have failed, and the configuration requires that none does.
    WarmUpFailed {
        /// The service.
        service: ServiceName,
        /// The color that was asked for.
        color: Color,
        /// The number of failed requests, and the first reason, with its target.
        reason: String,
    },
    /// The service has moved on since the caller looked.
    GenerationMismatch {
        /// The service.
        service: ServiceName,
        /// The generation that the caller expected.
        expected: Generation,
        /// The generation that the service has.
        actual: Generation,
    },
    /// Another change is between its gate and its publish.
    SwitchInProgress {
        /// The generation that is being published; `None`: not yet decided.
        generation: Option<Generation>,
    },
    /// The services have never had another active color.
    NothingToRollBack {
        /// The services: one, or those of a group.
        services: Vec<ServiceName>,
    },
    /// The color is active, so it will not drain.
    ColorActive {
        /// The service.
        service: ServiceName,
        /// The color that was asked for.
        color: Color,
    },
    /// The color is idle, but something is left on it.
    ColorDraining {
        /// The service.
        service: ServiceName,
        /// The color that was asked for.
        color: Color,
        /// The leases that are left.
        leases: u64,
        /// The connections that are left.
        connections: u64,
    },
    /// The color is retired, so that whoever has retired it may stop it.
    ColorRetired {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The open deploy of the service, which may be stopping it.
        deploy: Option<DeployId>,
    },
    /// Teal has taken the version back, and nobody has superseded that.
    Quarantined {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// Its version, if known.
        version: Option<Version>,
        /// The rollout that has failed.
        rollout: RolloutId,
    },
    /// No kept rollout has this number.
    UnknownRollout {
        /// The number that was asked for.
        id: RolloutId,
    },
    /// The switch is decided and durable, but not every worker has acknowledged it. It is
    /// never undone and completes when they do.
    PublishIncomplete {
        /// The generation that is being published.
        generation: Generation,
        /// The workers that are silent.
        workers: Vec<usize>,
    },
    /// The decision could not be made durable; traffic goes on as before.
    JournalUnavailable {
        /// The error of the storage, and what to do.
        reason: String,
    },
    /// One Teal is being replaced by another.
    UpgradeInProgress,
    /// A drain goes on for too long to wait for it before this Teal is replaced.
    DrainUnderWay,
    /// The new Teal did not take over; this one goes on.
    UpgradeFailed {
        /// The reason.
        reason: String,
    },
    /// The service is held already.
    AlreadyHeld {
        /// The service.
        service: ServiceName,
    },
    /// The service is not held.
    NotHeld {
        /// The service.
        service: ServiceName,
    },
    /// The service is in maintenance, so no request waits.
    InMaintenance {
        /// The service.
        service: ServiceName,
    },
    /// None of the services is in maintenance.
    NotInMaintenance {
        /// The services: one, or those of a group.
        services: Vec<ServiceName>,
    },
    /// The service has no previews.
    NoPreviews {
        /// The service.
        service: ServiceName,
    },
    /// The configuration is invalid; all problems.
    ReloadProblems {
        /// One text per problem.
        problems: Vec<String>,
    },
    /// A failover happened too short a time ago, and no operator has looked since.
    FailoverCooling {
        /// The service.
        service: ServiceName,
        /// The time until the next one is possible.
        left: Duration,
    },
    /// The call was still waiting when a later one about the same service came.
    Superseded {
        /// The later command.
        by: Verb,
        /// The actor that asked for it.
        actor: Actor,
    },
    /// The caller disconnected before anything was decided.
    Abandoned,
    /// The disk has not confirmed the decision yet. It is not refused and not undone: it is
    /// published when it is durable.
    JournalSlow {
        /// The time the disk has been silent.
        silent: Duration,
    },
    /// The configuration names the targets of a color, so that no runner tells them.
    TargetsConfigured {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
    },
    /// The targets that were told cannot be used.
    InvalidTargets {
        /// The reason.
        reason: String,
    },
    /// The record of a deploy forbids it.
    Deploy(DeployRefusal),
    /// Teal is stopping.
    Stopping,
}

// === impl Refusal ===

impl Refusal {
    /// The stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ServiceRequired { .. } => "service_required",
            Self::UnknownService { .. } => "unknown_service",
            Self::UnknownGroup { .. } => "unknown_group",
            Self::NoReceipt { .. } => "no_receipt",
            Self::Unhealthy { .. } => "unhealthy",
            Self::WarmUpFailed { .. } => "warm_up_failed",
            Self::GenerationMismatch { .. } => "generation_mismatch",
            Self::SwitchInProgress { .. } => "switch_in_progress",
            Self::NothingToRollBack { .. } => "nothing_to_roll_back",
            Self::ColorActive { .. } => "color_active",
            Self::ColorDraining { .. } => "color_draining",
            Self::ColorRetired { .. } => "color_retired",
            Self::Quarantined { .. } => "quarantined",
            Self::UnknownRollout { .. } => "unknown_rollout",
            Self::PublishIncomplete { .. } => "publish_incomplete",
            Self::JournalUnavailable { .. } => "journal_unavailable",
            Self::UpgradeInProgress => "upgrade_in_progress",
            Self::DrainUnderWay => "drain_under_way",
            Self::UpgradeFailed { .. } => "upgrade_failed",
            Self::AlreadyHeld { .. } => "already_held",
            Self::NotHeld { .. } => "not_held",
            Self::InMaintenance { .. } => "in_maintenance",
            Self::NotInMaintenance { .. } => "not_in_maintenance",
            Self::NoPreviews { .. } => "no_previews",
            Self::ReloadProblems { .. } => "reload_problems",
            Self::FailoverCooling { .. } => "failover_cooling",
            Self::Superseded { .. } => "superseded",
            Self::Abandoned => "abandoned",
            Self::JournalSlow { .. } => "journal_slow",
            Self::TargetsConfigured { .. } => "targets_configured",
            Self::InvalidTargets { .. } => "invalid_targets",
            Self::Deploy(refusal) => refusal.code(),
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceRequired { services } => {
                write!(f, "there are several services, name one of: {}", NameList(services))
            }
            Self::UnknownService { name, services } => {
                UnknownName { kind: "service", name: name.as_str(), names: services }.fmt(f)
            }
            Self::UnknownGroup { name, groups } => {
                UnknownName { kind: "group", name: name.as_str(), names: groups }.fmt(f)
            }
            Self::NoReceipt { generation, service } => {
                let of = service.as_ref().map_or_else(String::new, |name| format!(" of {name}"));
                write!(f, "no receipt{of} is kept for generation {generation}; see the history")
            }
            Self::Unhealthy { .. } | Self::WarmUpFailed { .. } => self.say_unfit(f),
            Self::GenerationMismatch { service, expected, actual } => write!(
                f,
                "{service} is at generation {actual}, not {expected}: it was changed meanwhile"
            ),
            Self::SwitchInProgress { generation: Some(generation) } => {
                write!(f, "generation {generation} is being published; try again in a moment")
            }
            Self::SwitchInProgress { generation: None } => {
                f.write_str("another change is being decided; try again in a moment")
            }
            Self::NothingToRollBack { services } => {
                let was = if services.len() == 1 { "was" } else { "were" };
                let all = NameList(services);
                write!(f, "{all} {was} never switched, so there is nothing to roll back to")
            }
            Self::ColorActive { service, color } => write!(
                f,
                "{color} is the active color of {service} and does not drain; switch to {} first",
                color.other()
            ),
            Self::ColorRetired { .. } => self.say_retired(f),
            Self::Quarantined { .. } | Self::UnknownRollout { .. } => self.say_rollout(f),
            Self::JournalUnavailable { reason } => write!(
                f,
                "the decision cannot be made durable, so nothing was changed and traffic goes on \
                 as before: {reason}"
            ),
            Self::DrainUnderWay => f.write_str(
                "a drain is under way, and the new Teal would not know of it; try again when it \
                 has ended (`teal status` shows its progress)",
            ),
            Self::AlreadyHeld { .. } | Self::NotHeld { .. } => self.say_hold(f),
            Self::ReloadProblems { problems } => {
                f.write_str("nothing was changed, the configuration is invalid:")?;
                problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
            }
            Self::FailoverCooling { service, left } => write!(
                f,
                "{service} failed over less than a minute ago; the next failover without an \
                 operator is possible in {} s",
                left.as_secs() + 1
            ),
            Self::InMaintenance { .. } | Self::NotInMaintenance { .. } => self.say_maintenance(f),
            Self::NoPreviews { .. } => self.say_preview(f),
            Self::PublishIncomplete { .. }
            | Self::UpgradeFailed { .. }
            | Self::UpgradeInProgress
            | Self::ColorDraining { .. }
            | Self::Superseded { .. }
            | Self::Abandoned
            | Self::JournalSlow { .. }
            | Self::Stopping => self.say_how_it_ended(f),
            Self::TargetsConfigured { .. } | Self::InvalidTargets { .. } => self.say_targets(f),
            Self::Deploy(refusal) => refusal.fmt(f),
        }
    }
}

impl Refusal {
    /// Writes the words for a color that is not fit for traffic.
    fn say_unfit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unhealthy { color, reason, .. } => {
                write!(f, "Target {color} is not healthy\n{reason}")
            }
            Self::WarmUpFailed { service, color, reason } => write!(
                f,
                "the warm-up of {service} {color} failed, so nothing was changed\n{reason}"
            ),
            _ => Ok(()),
        }
    }

    /// Writes the words for a call that a retirement forbids.
    fn say_retired(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::ColorRetired { service, color, deploy } = self else { return Ok(()) };
        match deploy {
            None => write!(
                f,
                "{color} of {service} is retired, so it may have been stopped\nDeploy its version again, or start its \
                 environment and move traffic with: teal switch {color} --service {service}"
            ),
            Some(id) => write!(
                f,
                "{color} of {service} is retired, and deploy {id} may be stopping it; wait for its end (teal deploys \
                 {id})"
            ),
        }
    }

    /// Writes the words for a call that a rollout forbids.
    fn say_rollout(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quarantined { service, color, version, rollout } => {
                let version = version.as_ref().map(|one| format!(" {one}")).unwrap_or_default();
                write!(
                    f,
                    "Teal took {service} back from {color}{version}, because it failed (rollout {rollout})\nDeploy \
                     another version; or if it is good after all: teal switch {color} --service {service} --supersede"
                )
            }
            Self::UnknownRollout { id } => {
                write!(f, "no rollout {id} is kept; see: teal rollout status")
            }
            _ => Ok(()),
        }
    }

    /// Writes the words for a call that a hold, or its lack, forbids.
    fn say_hold(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyHeld { service } => write!(f, "{service} is already held"),
            Self::NotHeld { service } => write!(f, "{service} is not held"),
            _ => Ok(()),
        }
    }

    /// Writes the words for a call that a maintenance, or its lack, forbids.
    fn say_maintenance(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InMaintenance { service } => write!(
                f,
                "{service} is in maintenance, so its requests are answered and do not wait; end it first: \
                 teal maintenance off --service {service}"
            ),
            Self::NotInMaintenance { services } => {
                let is = if services.len() == 1 { "is" } else { "are" };
                write!(f, "{} {is} not in maintenance", NameList(services))
            }
            _ => Ok(()),
        }
    }

    /// Writes the words for targets that a runner told in vain.
    fn say_targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetsConfigured { service, color } => write!(
                f,
                "the configuration names the targets of {service} {color}\nTo have a runner tell them, write targets = \
                 \"runner\" for both colors, and reload"
            ),
            Self::InvalidTargets { reason } => f.write_str(reason),
            _ => Ok(()),
        }
    }

    /// Writes the words for a call about a preview that cannot be given.
    fn say_preview(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPreviews { service } => write!(
                f,
                "{service} has no previews; add preview = {{ token = true }} to it in the configuration, then: \
                 teal reload"
            ),
            _ => Ok(()),
        }
    }

    /// Writes the words for a call that ended before it was complete, or that comes too early.
    fn say_how_it_ended(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublishIncomplete { generation, workers } => write!(
                f,
                "generation {generation} is decided, but not every worker has acknowledged it \
                 (silent: {}); it is not undone and completes when they do",
                List(workers)
            ),
            Self::Superseded { by, actor } => {
                write!(f, "superseded by {by}, asked for by {actor}: this call changed nothing")
            }
            Self::UpgradeFailed { reason } => {
                write!(f, "the new Teal did not take over, this one goes on as before: {reason}")
            }
            Self::ColorDraining { service, color, leases, connections } => write!(
                f,
                "{color} of {service} is not drained: {leases} leases and {connections} connections are left; wait \
                 for it with: teal wait drained {color}"
            ),
            Self::UpgradeInProgress => {
                f.write_str("an upgrade of Teal is in progress; try again afterwards")
            }
            Self::Abandoned => f.write_str("its caller went away, so nothing was changed"),
            Self::JournalSlow { silent } => write!(
                f,
                "the decision is under way, neither done nor refused: the disk has not confirmed \
                 it for {} s\nIt takes effect when it is durable; see: teal status",
                silent.as_secs()
            ),
            Self::Stopping => f.write_str("Teal is stopping"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

struct List<'l, T>(&'l [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, item) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{item}")?;
        }
        Ok(())
    }
}
