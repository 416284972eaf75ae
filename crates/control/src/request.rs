//! The calls to the controller, and its answers.

mod deploy;
mod drain;
mod dry_run;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use connect::TlsConfigCache;
use rules::{
    Actor, Cause, Color, Generation, GroupName, GroupSpec, Limits, Notice, Preview, Proof, Refusal,
    Remarks, RolloutId, ServiceName, ServiceSpec, TargetUrl, Version,
};
use tokio::sync::oneshot;

use crate::series::SeriesStep;

pub use deploy::{BeginDeployRequest, DeploySelection, ReportDeployRequest};
pub use drain::{DrainReporter, DrainWatch, Shortened, Stuck};
pub use dry_run::{DryRunOutcome, DryRunRequest};

/// The services that a call concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The only service.
    #[default]
    Only,
    /// This service.
    Service(ServiceName),
    /// All services of this group.
    Group(GroupName),
}

/// The services that a status includes: those with these names; none: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(pub Vec<ServiceName>);

/// The part of the recent traffic that a call asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesRequest {
    /// The services.
    pub selection: Selection,
    /// The length of a step.
    pub step: SeriesStep,
    /// The time that it covers, in seconds; `None`: all that is kept.
    pub last: Option<u64>,
    /// Only steps that end after this second since 1970.
    pub after: Option<u64>,
}

/// A call to switch a service, or all services of a group, to a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchRequest {
    /// The services to move.
    pub scope: Scope,
    /// The destination.
    pub to: Destination,
    /// The caller.
    pub actor: Actor,
    /// The expected generation; any other is refused. For a group the highest counts.
    pub if_generation: Option<Generation>,
    /// The time to wait for the color to become healthy; `None`: the first failure refuses.
    pub wait_healthy: Option<Duration>,
    /// The drain deadline; `None`: that of each service.
    pub drain: Option<Duration>,
    /// True to only check the gate and change nothing.
    pub dry_run: bool,
    /// True to go even to a version that Teal has taken back.
    pub supersede: bool,
    /// The remarks of the caller.
    pub remarks: Remarks,
}

/// The destination of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// This color.
    Color(Color),
    /// The color that was active before: a rollback.
    Previous,
}

/// The outcome of a switch for a service. A refusal is a [`rules::Refusal`].
#[derive(Clone, Debug)]
pub enum Switched {
    /// The color was active already.
    AlreadyOn {
        /// The service.
        service: ServiceName,
        /// The color.
        color: Color,
        /// The generation of the service.
        generation: Generation,
        /// The drain of the other color, if one is in progress.
        drain: Option<DrainWatch>,
        /// The reason the color would fail the gate now; `None`: it would pass, or was not probed yet.
        unhealthy: Option<String>,
        /// The effect that a closer deadline would have on that drain; only in a dry run that asks for one.
        shortened: Option<Shortened>,
    },
    /// It would pass the gate now; nothing was changed.
    DryRun {
        /// The service.
        service: ServiceName,
        /// The active color.
        from: Color,
        /// The color that was asked for.
        to: Color,
        /// The generation of the service, which did not change.
        generation: Generation,
        /// The evidence that the color is healthy.
        evidence: Vec<Proof>,
        /// The traffic that the switch would move.
        forecast: Forecast,
    },
    /// Every worker has acknowledged it: no new request goes to the old color any more (L2).
    Published {
        /// The service.
        service: ServiceName,
        /// The color that was active before.
        from: Color,
        /// The color that is active now.
        to: Color,
        /// The kind of switch.
        cause: Cause,
        /// The generation it created.
        generation: Generation,
        /// The drain of the old color.
        drain: DrainWatch,
        /// The result of the warm-up of the new color; `None`: there was none.
        warm_up: Option<WarmUpResult>,
    },
}

/// The traffic that a switch would move, as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The mean rate of the last ten seconds on the color that would be left.
    pub requests_per_second: f64,
    /// Requests in flight there, without long streams.
    pub in_flight: u64,
    /// WebSockets, other tunnels and event streams there.
    pub streams: u64,
    /// The time they have until they are cut.
    pub drain: Duration,
    /// The version of the color that would become active.
    pub to_version: Option<Version>,
    /// True if a rollback would pass the gate now.
    pub can_roll_back: bool,
}

/// The result of the warm-up of one color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmUpResult {
    /// Requests to all of its targets.
    pub requests: u64,
    /// Requests that failed, or that the deadline left unsent.
    pub failed: u64,
    /// The reason of the first failure, with its target and path; `None`: none failed.
    pub reason: Option<String>,
    /// The time that it took.
    pub took: Duration,
}

/// A call to hold new requests of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// The service; `None` if there is exactly one.
    pub service: Option<ServiceName>,
    /// The caller.
    pub actor: Actor,
    /// The expected generation of the service; any other is refused.
    pub if_generation: Option<Generation>,
    /// The maximum time for which a request waits; `None`: 30 s.
    pub max_wait: Option<Duration>,
    /// The deadline for leases on the active color; `None`: that of the service.
    pub drain: Option<Duration>,
}

/// A hold in force on every worker.
#[derive(Clone, Debug)]
pub struct HoldInForce {
    /// The service.
    pub service: ServiceName,
    /// The active color, which is draining now.
    pub color: Color,
    /// The maximum time for which a request waits.
    pub max_wait: Duration,
    /// The drain of the active color; a resume interrupts it.
    pub drain: DrainWatch,
}

/// A call to release the waiting requests of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeRequest {
    /// The service; `None` if there is exactly one.
    pub service: Option<ServiceName>,
    /// The caller.
    pub actor: Actor,
    /// The expected generation of the service; any other is refused.
    pub if_generation: Option<Generation>,
}

/// A hold that has ended on every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The service.
    pub service: ServiceName,
    /// The color to which the requests are released.
    pub color: Color,
    /// Requests that were waiting.
    pub waiting: u64,
}

/// A call to begin, change or end a maintenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceRequest {
    /// The services.
    pub scope: Scope,
    /// The caller.
    pub actor: Actor,
    /// The answer to clients; `None`: end it.
    pub notice: Option<Notice>,
}

/// A maintenance that every worker knows of, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceInForce {
    /// The services that were changed.
    pub services: Vec<ServiceName>,
    /// The answer to clients; `None`: it has ended.
    pub notice: Option<Notice>,
}

/// A call for a preview of the idle color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewRequest {
    /// The service; `None` if there is exactly one.
    pub service: Option<ServiceName>,
    /// The caller.
    pub actor: Actor,
}

/// The parts of a preview: those of its token, and those of the addresses to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewGrant {
    /// The service.
    pub service: ServiceName,
    /// The idle color, which it shows.
    pub color: Color,
    /// The generation of the service, to which it is bound.
    pub generation: Generation,
    /// The number of revocations until now.
    pub serial: u64,
    /// The version of the color, if known.
    pub version: Option<Version>,
    /// The ways in which the service can be previewed.
    pub preview: Preview,
    /// The hosts of the service; empty: any.
    pub hosts: Vec<String>,
    /// The path prefix of the service.
    pub path_prefix: String,
}

/// A call to revoke the preview tokens of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokePreviewsRequest {
    /// The service; `None` if there is exactly one.
    pub service: Option<ServiceName>,
    /// The caller.
    pub actor: Actor,
}

/// Preview tokens that every worker refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewsRevoked {
    /// The service.
    pub service: ServiceName,
}

/// A call to reload the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadRequest {
    /// The caller.
    pub actor: Actor,
}

/// A reload in force on every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The generation it created; `None`: routing did not change.
    pub generation: Option<Generation>,
    /// The changes, one text each; empty: none.
    pub changes: Vec<String>,
}

/// The rollouts to read: one, those of a service, or all that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolloutSelection {
    /// The one with this number.
    pub id: Option<RolloutId>,
    /// Those of this service.
    pub service: Option<ServiceName>,
}

/// A call to replace this Teal with a new process of the binary on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeRequest {
    /// The caller.
    pub actor: Actor,
}

/// A newer Teal that has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

/// A requested upgrade, and the channel for the answer. The binary carries it out.
pub type PendingUpgrade = (UpgradeRequest, oneshot::Sender<Result<Upgraded, Refusal>>);

/// A new configuration, checked.
pub struct NewConfig {
    /// All services.
    pub services: Vec<ServiceSpec>,
    /// All groups of services.
    pub groups: Vec<GroupSpec>,
    /// The limits for client requests.
    pub limits: Limits,
    /// Other changes, outside the controller: one text each.
    pub others: Vec<String>,
    /// New certificates and CAs for TLS to targets, if they differ: targets reached over TLS must
    /// pass probes with them first.
    pub tls_configs: Option<TlsConfigCache>,
    /// Applies the other changes. Called once, when the reload is accepted.
    pub accept: Box<dyn FnOnce() + Send + Sync>,
}

/// Reads and checks the configuration; on failure, one text per problem. May block.
#[derive(Clone)]
pub struct Reloader(Arc<dyn Fn() -> Result<NewConfig, Vec<String>> + Send + Sync>);

/// A call to retire a color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetireRequest {
    /// The service; `None` if there is exactly one.
    pub service: Option<ServiceName>,
    /// The color.
    pub color: Color,
    /// The caller.
    pub actor: Actor,
    /// The expected generation of the service; any other is refused.
    pub if_generation: Option<Generation>,
}

/// A color to which nothing is sent any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorRetired {
    /// The service.
    pub service: ServiceName,
    /// The color, which may be stopped for good.
    pub color: Color,
}

/// Targets that every worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetsInForce {
    /// The service.
    pub service: ServiceName,
    /// The color.
    pub color: Color,
    /// Its targets.
    pub targets: Vec<TargetUrl>,
    /// The generation that this created; `None`: the color receives no traffic, or had them already.
    pub generation: Option<Generation>,
}

/// A color that nothing holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorDrained {
    /// The service.
    pub service: ServiceName,
    /// The color, safe to stop.
    pub color: Color,
    /// The generation of the service.
    pub generation: Generation,
}

// === impl Scope ===

impl From<Option<ServiceName>> for Scope {
    fn from(service: Option<ServiceName>) -> Self {
        service.map_or(Self::Only, Self::Service)
    }
}

// === impl Reloader ===

impl Reloader {
    /// Wraps the function that reads the configuration.
    pub fn new(read: impl Fn() -> Result<NewConfig, Vec<String>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Reads and checks the configuration.
    pub fn read(&self) -> Result<NewConfig, Vec<String>> {
        (self.0)()
    }
}

impl fmt::Debug for NewConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { services, groups, limits, others, tls_configs, accept: _ } = self;
        let mut shown = f.debug_struct("NewConfig");
        shown.field("services", services).field("groups", groups).field("limits", limits);
        shown.field("others", others).field("tls_configs", tls_configs);
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reloader")
    }
}
