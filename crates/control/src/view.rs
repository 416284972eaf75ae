//! What can be seen of the controller and the traffic: status, and sums for metrics.

mod metrics;

use std::net::SocketAddr;
use std::time::Duration;

use connect::PeerCertificate;
use rules::{
    Actor, Color, Failover, Generation, GroupName, GroupSpec, Probe, ServiceName, Standing,
    TargetName, TargetUrl, Time, Verb,
};

pub use metrics::{
    ColorMetrics, MetricsSnapshot, MetricsSource, ServiceMetrics, TargetFigures, TargetMetrics,
};

/// Everything that `teal status` needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The newest change of where traffic goes.
    pub generation: Generation,
    /// The generation that not every worker has acknowledged yet.
    pub publishing: Option<Generation>,
    /// Why no change can be made durable at present; `None`: all is well.
    pub journal: Option<String>,
    /// When this answer was made.
    pub at: Time,
    /// The number of all services.
    pub total: usize,
    /// The services that were asked for, in the order of the configuration.
    pub services: Vec<ServiceStatus>,
    /// All groups of them, in the order of the configuration.
    pub groups: Vec<GroupSpec>,
    /// The calls under way, oldest first.
    pub calls: Vec<CallStatus>,
    /// The outcome of the last reload of the configuration since this Teal has started, if there was one.
    pub last_reload: Option<ReloadStatus>,
}

/// The outcome of a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadStatus {
    /// When it ended.
    pub at: Time,
    /// Who has asked for it.
    pub actor: Actor,
    /// Why it was refused; `None`: the configuration is in force.
    pub problem: Option<String>,
}

/// A call under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallStatus {
    /// What it asks for.
    pub verb: Verb,
    /// The color that it would move to, as far as that is known.
    pub to: Option<Color>,
    /// The services that it is about; none: all.
    pub services: Vec<ServiceName>,
    /// The group, if one was named.
    pub group: Option<GroupName>,
    /// Who asks.
    pub actor: Actor,
    /// Since when.
    pub since: Time,
    /// How long it still waits for the gate, if its caller said so.
    pub left: Option<Duration>,
    /// How far it is.
    pub stage: CallStage,
    /// Whether it only asks what the gate would say.
    pub dry_run: bool,
    /// Why it does not pass the gate.
    pub reason: Option<String>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallStage {
    /// It waits for probes. Nothing is decided.
    Gate,
    /// It waits for another change to be done. Nothing is decided.
    Queued,
    /// It is decided and being made durable and published.
    Writing,
}

/// One service.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// The color that receives traffic.
    pub active: Color,
    /// The generation of its own last change.
    pub generation: Generation,
    /// Whether a rollback has somewhere to go.
    pub can_roll_back: bool,
    /// Set while new requests wait.
    pub held: Option<HeldStatus>,
    /// What happens when the active color dies.
    pub failover: Failover,
    /// Both colors, in the order of [`Color::index`].
    pub colors: [ColorStatus; 2],
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldStatus {
    /// Since when.
    pub since: Time,
    /// Who asked for it.
    pub by: Actor,
    /// The longest that one request waits.
    pub max_wait: Duration,
    /// Requests waiting now.
    pub waiting: u64,
}

/// One color.
#[derive(Clone, Debug, PartialEq)]
pub struct ColorStatus {
    /// What it does now.
    pub role: Role,
    /// Whether the gate would let a switch to it pass.
    pub healthy: bool,
    /// Why not: "http://…: connection refused"; `None` if healthy.
    pub unhealthy_reason: Option<String>,
    /// Leases held.
    pub in_flight: u64,
    /// Connections being made, in use or idle.
    pub connections: u64,
    /// The age of the oldest lease, as of the last survey.
    pub oldest_age: Option<Duration>,
    /// Leases of WebSockets, other tunnels and event streams.
    pub streams: u64,
    /// The age of the oldest of those.
    pub oldest_stream_age: Option<Duration>,
    /// The drain under way.
    pub drain: Option<DrainStatus>,
    /// Whether it is idle and nothing holds it: safe to stop (L4).
    pub drained: bool,
    /// All targets, in the order of the configuration.
    pub targets: Vec<TargetStatus>,
    /// The names of which each address is a target, in the order of the configuration.
    pub names: Vec<NameStatus>,
}

/// What a color does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It receives traffic.
    Active,
    /// It was active, and something still holds it.
    Draining,
    /// It receives nothing.
    Idle,
}

/// A drain under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainStatus {
    /// Time until leases that are left will be cut.
    pub left: Duration,
    /// Whether the deadline has passed and leases are being cut now.
    pub cutting: bool,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// Its address as configured.
    pub url: TargetUrl,
    /// The one address that it is, of those that its name has; `None`: it is not one address.
    pub address: Option<SocketAddr>,
    /// What traffic does with it.
    pub usage: Usage,
    /// What is believed about it.
    pub standing: Standing,
    /// The newest probe.
    pub last_probe: Option<Probe>,
    /// The addresses that traffic uses; empty: none.
    pub addresses: Vec<SocketAddr>,
    /// The certificate that it has shown last; `None`: none yet, or it has no TLS.
    pub certificate: Option<PeerCertificate>,
}

/// What traffic does with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It is among those that requests of its color are sent to.
    Used,
    /// Its name no longer has the address; it is used until another one is proven.
    Unlisted,
    /// It is not used before probes have proven it.
    Proving,
    /// It is not used and does not count, since nothing answers over its family of addresses.
    LeftOut {
        /// `IPv4` or `IPv6`.
        family: &'static str,
    },
    /// Its name has no address.
    Nowhere,
}

/// A name of which each address is a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameStatus {
    /// The target as configured.
    pub url: TargetUrl,
    /// The number of addresses that it had when a resolver last answered.
    pub addresses: usize,
    /// The number of those that traffic uses.
    pub used: usize,
    /// The most that are used.
    pub most: usize,
    /// Since when lookups have no answer, and why; `None`: the last one had.
    pub unanswered: Option<(Time, String)>,
}

// === impl Status, ServiceStatus ===

impl Status {
    /// One service, by name.
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.name == *name)
    }
}

impl ServiceStatus {
    /// One color.
    pub fn color(&self, color: Color) -> &ColorStatus {
        match color {
            Color::Blue => &self.colors[0],
            Color::Green => &self.colors[1],
        }
    }
}

// === impl TargetStatus, NameStatus ===

impl TargetStatus {
    /// As people are told of it.
    pub fn name(&self) -> TargetName {
        TargetName { url: self.url.clone(), address: self.address }
    }

    /// What a person should know of how traffic uses it; `None`: nothing in particular.
    pub fn note(&self) -> Option<String> {
        match self.usage {
            Usage::Used | Usage::Nowhere => None,
            Usage::Unlisted => Some(
                "the name no longer has it; used until its new addresses are proven".to_owned(),
            ),
            Usage::Proving => Some("being proven, no traffic yet".to_owned()),
            Usage::LeftOut { family } => Some(format!("not used: nothing answers over {family}")),
        }
    }
}

impl NameStatus {
    /// What a person should know of it, of the time of the status; `None`: nothing in particular.
    pub fn problem(&self, at: Time) -> Option<String> {
        let Self { addresses, used, most, .. } = self;
        if let Some((since, why)) = &self.unanswered {
            let since = at.since(*since).as_secs();
            return Some(format!(
                "no answer to lookups for {since}s: {why}; its addresses stay as they were"
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
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Queued => "queued",
            Self::Writing => "writing",
        }
    }
}

impl Role {
    /// The word used in every interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Idle => "idle",
        }
    }
}
