//! Views of the controller and the traffic: status, and sums for metrics.

mod metrics;
mod series;

use std::net::SocketAddr;
use std::time::Duration;

use connect::PeerCertificate;
use rules::{
    Actor, Color, Deploy, Failover, Generation, GroupName, GroupSpec, Maintenance, Probe, Rollout,
    ServiceName, Split, Standing, TargetName, TargetUrl, Time, Verb, Version,
};
use traffic::ServiceSum;

pub use series::{SeriesView, ServiceSeries};

pub use metrics::{
    ColorMetrics, MetricsSnapshot, MetricsSource, RolloutMetrics, ServiceMetrics, TargetFigures,
    TargetMetrics,
};

/// Everything that `teal status` needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The generation of the newest change of routing.
    pub generation: Generation,
    /// The generation that not every worker has acknowledged yet.
    pub publishing: Option<Generation>,
    /// The number of workers, and that of those that have the newest table.
    pub workers: (usize, usize),
    /// The reason no change can be made durable at present; `None`: the journal is writable.
    pub journal: Option<String>,
    /// The time of this status.
    pub at: Time,
    /// The number of all services.
    pub total: usize,
    /// The services that were asked for, in the order of the configuration.
    pub services: Vec<ServiceStatus>,
    /// All groups of services, in the order of the configuration.
    pub groups: Vec<GroupSpec>,
    /// The calls in progress, oldest first.
    pub calls: Vec<CallStatus>,
    /// The deploys in progress, oldest first.
    pub deploys: Vec<DeployStatus>,
    /// The outcome of the last configuration reload since this Teal started, if there was one.
    pub last_reload: Option<ReloadStatus>,
}

/// The outcome of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadStatus {
    /// The time at which it ended.
    pub at: Time,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The reason it was refused; `None`: the configuration is in force.
    pub problem: Option<String>,
}

/// A deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployStatus {
    /// Its record.
    pub deploy: Deploy,
    /// The time since its command line last reported; `None` if it has ended or is paused.
    pub silent: Option<Duration>,
    /// The time of this status.
    pub at: Time,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutStatus {
    /// Its record.
    pub rollout: Rollout,
    /// The evidence about each of its services; empty if it has ended, or has just begun.
    pub evidence: Vec<Evidence>,
    /// What is known about it, in words; `None`: nothing yet, or see its end.
    pub verdict: Option<String>,
    /// The time of this status.
    pub at: Time,
}

/// The evidence about a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// The service.
    pub service: ServiceName,
    /// Requests to it that have ended.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The clients that they came from, at least.
    pub clients: u32,
    /// The share that may fail.
    pub allowed: f64,
    /// The highest share of failures with which the evidence agrees, with 95 % confidence.
    pub at_most: f64,
    /// The decimal logarithm of the e-value against the candidate.
    pub log10_e: f64,
    /// True if it passes.
    pub passes: bool,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStatus {
    /// The command.
    pub verb: Verb,
    /// The color to move to, if known.
    pub to: Option<Color>,
    /// The services it concerns; none: all.
    pub services: Vec<ServiceName>,
    /// The group, if one was named.
    pub group: Option<GroupName>,
    /// The caller.
    pub actor: Actor,
    /// The time at which it began.
    pub since: Time,
    /// The time for which it still waits for the gate, if its caller asked for that.
    pub left: Option<Duration>,
    /// Its stage.
    pub stage: CallStage,
    /// True for a dry run, which only checks the gate.
    pub dry_run: bool,
    /// The reason it does not pass the gate.
    pub reason: Option<String>,
}

/// The stage of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    /// It waits for probes. Nothing is decided.
    Gate,
    /// It has passed the gate, and the color is being warmed up. Nothing is decided.
    WarmUp,
    /// It waits for another change to be done. Nothing is decided.
    Queued,
    /// It is decided, and being made durable and published.
    Writing,
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// The colors that receive its traffic.
    pub split: Split,
    /// The generation of its last change.
    pub generation: Generation,
    /// True if there is something to roll back to.
    pub can_roll_back: bool,
    /// The color to which a rollback would go; `None`: there is none, or it is retired.
    pub rollback: Option<RollbackStatus>,
    /// The last change of where its traffic goes, as far as it is in the history.
    pub changed: Option<ChangeStatus>,
    /// Its requests.
    pub books: ServiceSum,
    /// The hold; set while new requests wait.
    pub held: Option<HeldStatus>,
    /// The maintenance; set while Teal answers new requests itself.
    pub maintenance: Option<Maintenance>,
    /// The open rollout of it.
    pub rollout: Option<RolloutStatus>,
    /// The failover mode, for when the active color fails.
    pub failover: Failover,
    /// Both colors, in the order of [`Color::index`].
    pub colors: [ColorStatus; 2],
}

/// The destination of a rollback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollbackStatus {
    /// The color.
    pub to: Color,
    /// The version that runs there, if known.
    pub version: Option<Version>,
    /// The time until which the deploy keeps it up.
    pub until: Option<Time>,
}

/// A change of where the traffic of a service goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeStatus {
    /// The time of the decision.
    pub at: Time,
    /// The caller that asked for it.
    pub actor: Actor,
    /// Its kind, as in the history.
    pub verb: &'static str,
    /// The reason that was given.
    pub reason: Option<String>,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStatus {
    /// The time at which it began.
    pub since: Time,
    /// The caller that asked for it.
    pub by: Actor,
    /// The maximum time for which a request waits.
    pub max_wait: Duration,
    /// Requests waiting now.
    pub waiting: u64,
}

/// One color.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorStatus {
    /// Its current role.
    pub role: Role,
    /// The version that runs in it, if known.
    pub version: Option<Version>,
    /// True if nothing is sent to it, not even a probe.
    pub retired: bool,
    /// True if a runner tells its targets.
    pub told: bool,
    /// True if a switch to it would pass the gate.
    pub healthy: bool,
    /// The reason it would not: "http://…: connection refused"; `None` if healthy.
    pub unhealthy_reason: Option<String>,
    /// Leases held.
    pub in_flight: u64,
    /// Connections being established, in use or idle.
    pub connections: u64,
    /// The age of the oldest lease, as of the last survey.
    pub oldest_age: Option<Duration>,
    /// Leases of WebSockets, other tunnels and event streams.
    pub streams: u64,
    /// Leases of tunnels among them.
    pub tunnels: u64,
    /// The age of the oldest of the streams.
    pub oldest_stream_age: Option<Duration>,
    /// The drain in progress.
    pub drain: Option<DrainStatus>,
    /// True if it is idle and nothing holds it: safe to stop (L4).
    pub drained: bool,
    /// All targets, in the order of the configuration.
    pub targets: Vec<TargetStatus>,
    /// The host names of which each address is a target, in the order of the configuration.
    pub names: Vec<NameStatus>,
}

/// The current role of a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It receives traffic.
    Active,
    /// It was active, and something still holds it.
    Draining,
    /// It receives nothing.
    Idle,
}

/// A drain in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainStatus {
    /// The time until the remaining leases are cut.
    pub left: Duration,
    /// True if the deadline has passed and leases are being cut now.
    pub cutting: bool,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// Its address as configured.
    pub url: TargetUrl,
    /// The single address it stands for, of those its name resolves to; `None`: not a single address.
    pub address: Option<SocketAddr>,
    /// Its use by traffic.
    pub usage: Usage,
    /// Its health.
    pub standing: Standing,
    /// Leases held.
    pub in_flight: u64,
    /// Probes in a row that passed, and that failed.
    pub in_a_row: (u32, u32),
    /// The number of them that makes it up, and down.
    pub needed: (u32, u32),
    /// The time and the reason of the last change of its health.
    pub turned: Option<(Time, Option<String>)>,
    /// The newest probe.
    pub last_probe: Option<Probe>,
    /// The addresses that receive traffic; empty: none.
    pub addresses: Vec<SocketAddr>,
    /// The certificate that it presented last; `None`: none yet, or no TLS.
    pub certificate: Option<PeerCertificate>,
}

/// The use of a target by traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It receives requests of its color.
    Used,
    /// Its name no longer has the address; it is used until another one has passed probes.
    Unlisted,
    /// It is not used before it has passed probes.
    Proving,
    /// It is not used and does not count, because nothing answers over its address family.
    LeftOut {
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// Its name has no address.
    Nowhere,
    /// Its color is retired: nothing is sent to it.
    Retired,
}

/// A host name of which each address is a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameStatus {
    /// The target as configured.
    pub url: TargetUrl,
    /// The number of addresses in the last answer of a resolver.
    pub addresses: usize,
    /// The number of those that receive traffic.
    pub used: usize,
    /// The maximum number used.
    pub most: usize,
    /// The time since which lookups get no answer, and the reason; `None`: the last one was answered.
    pub unanswered: Option<(Time, String)>,
}

// === impl Status, ServiceStatus ===

impl Status {
    /// Returns a service by name.
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.name == *name)
    }
}

impl ServiceStatus {
    /// Returns a color.
    pub fn color(&self, color: Color) -> &ColorStatus {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }
}

// === impl TargetStatus, NameStatus ===

impl TargetStatus {
    /// Returns its display name.
    pub fn name(&self) -> TargetName {
        TargetName { url: self.url.clone(), address: self.address }
    }

    /// Returns a note on how traffic uses it; `None`: nothing unusual.
    pub fn note(&self) -> Option<String> {
        match self.usage {
            Usage::Used | Usage::Nowhere => None,
            Usage::Retired => Some("retired, not probed any more".to_owned()),
            Usage::Unlisted => Some(
                "the name no longer has it; used until its new addresses are proven".to_owned(),
            ),
            Usage::Proving => Some("being proven, no traffic yet".to_owned()),
            Usage::LeftOut { family } => Some(format!("not used: nothing answers over {family}")),
        }
    }
}

impl NameStatus {
    /// Returns a problem with it at the time of the status; `None`: none.
    pub fn problem(&self, at: Time) -> Option<String> {
        let Self { addresses, used, most, .. } = self;
        if let Some((since, why)) = &self.unanswered {
            let since = at.since(*since).as_secs();
            return Some(format!(
                "no answer to lookups for {since}s: {why}; its addresses stay unchanged"
            ));
        }
        if *addresses == 0 && *used > 0 {
            return Some(format!(
                "no such name any more; {used} of its addresses stay in use while up"
            ));
        }
        (addresses > most).then(|| format!("has {addresses} addresses; {most} are used"))
    }
}

// === impl CallStage, Role ===

impl CallStage {
    /// Returns the word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::WarmUp => "warm-up",
            Self::Queued => "queued",
            Self::Writing => "writing",
        }
    }
}

impl Role {
    /// Returns the word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Idle => "idle",
        }
    }
}
