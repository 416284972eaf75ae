//! The JSON of `GET /admin/status`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::ServiceProblem;
use super::time::rfc3339;
use super::{Actor, Color, millis, seconds};
use crate::api::{settings, text};
use crate::view;

/// Where traffic goes now, and what may be stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// This Teal.
    pub teal: About,
    /// The newest change of where traffic goes.
    pub generation: u64,
    /// The generation that not every worker has taken over yet; `null` at rest.
    #[serde(default)]
    pub publishing: Option<u64>,
    /// Why no change can be made durable at present; `null` if all is well.
    #[serde(default)]
    pub journal: Option<String>,
    /// The public addresses.
    #[schema(example = json!(["127.0.0.1:8080"]))]
    pub listeners: Vec<String>,
    /// The address of this API.
    #[schema(example = "127.0.0.1:9900")]
    pub admin: String,
    /// The certificates in use at the listeners, in the order of the configuration, then those that
    /// targets have shown.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// Why newer certificates are not in use; `null` if all is well.
    #[serde(default)]
    pub certificate_problem: Option<String>,
    /// The names for which certificates are ordered of an authority (ACME).
    #[serde(default)]
    pub acme: Vec<Ordered>,
    /// The number of all services, whichever were asked for.
    #[serde(default)]
    pub total: usize,
    /// The services that were asked for, in the order of the configuration; where only those with a problem
    /// are, the most severe first.
    pub services: Vec<Service>,
    /// All groups of them, in the order of the configuration.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The calls under way that change something or would, oldest first.
    #[serde(default)]
    pub waits: Vec<Wait>,
    /// The outcome of the last reload of the configuration; `null`: none since this Teal has started.
    #[serde(default)]
    pub last_reload: Option<Reload>,
}

/// The outcome of a reload of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// When it ended.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// How long ago that is.
    pub age_seconds: f64,
    /// Who has asked for it.
    pub actor: Actor,
    /// Why it was refused; `null`: the configuration is in force.
    pub problem: Option<String>,
}

/// A call under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Wait {
    /// What it asks for: `switch`, `rollback`, `hold`, `resume`, `reload` or `failover`.
    pub verb: String,
    /// The color that it would move to; `null` if it moves nothing.
    pub to: Option<Color>,
    /// The services that it is about; empty: all.
    pub services: Vec<String>,
    /// The group that was named; `null` if none was.
    pub group: Option<String>,
    /// Who asks.
    pub actor: Actor,
    /// Since when.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub since: String,
    /// How long ago that is.
    pub age_seconds: f64,
    /// How long it still waits for the gate; `null` if it was not told to wait.
    pub left_seconds: Option<f64>,
    /// `gate` (probes; nothing is decided), `queued` (another change comes first; nothing is
    /// decided) or `writing` (decided, being made durable and published).
    pub stage: String,
    /// Whether it only asks what the gate would say.
    pub dry_run: bool,
    /// Why it does not pass the gate; `null` if that is not the reason.
    pub reason: Option<String>,
}

/// Services that can be switched together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its name.
    #[schema(example = "shop")]
    pub name: String,
    /// Its services.
    #[schema(example = json!(["web", "api"]))]
    pub services: Vec<String>,
}

/// The process that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// The random id of this process, as it stands in `Via`.
    pub instance: String,
    /// How long it has been serving.
    pub uptime_seconds: f64,
    /// The process of the Teal that it has taken over from, while that still ends its last
    /// requests.
    #[serde(default)]
    pub older_pid: Option<u32>,
}

/// A name for which certificates are ordered of an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ordered {
    /// The name.
    #[schema(example = "example.com")]
    pub name: String,
    /// Why the last order failed; `null` if it did not.
    pub problem: Option<String>,
    /// When the name is looked at next; `null`: at once.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub next: Option<String>,
}

/// A certificate in use at the listeners, or that of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Certificate {
    /// The file it was read from; `null` for that of a target.
    #[schema(example = "/etc/teal/example.com.pem")]
    pub file: Option<String>,
    /// The target that has shown it to the newest probe; `null` for one of the listeners.
    #[serde(default)]
    pub target: Option<TargetName>,
    /// The DNS names and addresses it is for.
    #[schema(example = json!(["example.com", "*.example.com"]))]
    pub names: Vec<String>,
    /// The end of its time.
    #[schema(example = "2026-11-23T15:04:05.000Z")]
    pub not_after: String,
    /// How long that is from now; below zero when it is over.
    pub left_seconds: f64,
}

/// A target by its service, its color and its address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetName {
    /// The service.
    #[schema(example = "web")]
    pub service: String,
    /// The color.
    pub color: Color,
    /// The address as configured.
    #[schema(example = "https://app.internal:8443")]
    pub url: String,
    /// The address of its name that it is; `null`: it is configured by its address.
    #[schema(example = "10.0.0.7:8443")]
    pub address: Option<String>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The color that receives traffic.
    pub active: Color,
    /// The generation of its own last change, for `If-Match`.
    pub generation: u64,
    /// Whether a rollback has somewhere to go.
    #[serde(default)]
    pub can_roll_back: bool,
    /// What happens when the active color dies: `off` or `auto`.
    #[serde(default)]
    pub failover: String,
    /// Set while new requests wait at Teal.
    pub held: Option<Held>,
    /// Both colors.
    pub colors: Colors,
    /// What somebody should look at, the most severe first.
    #[serde(default)]
    pub problems: Vec<ServiceProblem>,
}

/// New requests wait at Teal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// Requests waiting now.
    pub waiting: u64,
    /// Since when.
    pub since: String,
    /// Who asked for it.
    pub actor: Actor,
    /// The longest that one request waits, from its own arrival.
    pub max_wait_seconds: f64,
}

/// Both colors of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Colors {
    /// The first environment.
    pub blue: ColorStatus,
    /// The second environment.
    pub green: ColorStatus,
}

/// One color of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColorStatus {
    /// What it does now.
    pub role: Role,
    /// Whether a switch to it would pass the gate now; `null`: too few probes have ended to tell.
    pub healthy: Option<bool>,
    /// Its health in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "healthy")]
    pub health: String,
    /// What it does and whether it may be stopped, in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "drained: safe to stop")]
    pub words: String,
    /// Why it would not; `null` if it would.
    #[serde(default)]
    pub reason: Option<String>,
    /// Leases held: requests and tunnels.
    pub in_flight: u64,
    /// Connections to its targets: being made, in use or idle.
    #[serde(default)]
    pub connections: u64,
    /// The age of the oldest lease; `null` without leases.
    pub oldest_age_seconds: Option<f64>,
    /// How many of those in flight are WebSockets, other tunnels and event streams.
    #[serde(default)]
    pub streams: u64,
    /// The age of the oldest of those.
    #[serde(default)]
    pub oldest_stream_age_seconds: Option<f64>,
    /// Time until leases are cut; `null` if it is not draining or has no deadline.
    #[serde(default)]
    pub deadline_seconds: Option<f64>,
    /// The deadline has passed and leases are being cut now.
    #[serde(default)]
    pub cutting: bool,
    /// No lease and no connection is left and none can come: safe to stop.
    pub drained: bool,
    /// Its targets, in the order of the configuration.
    pub targets: Vec<Target>,
    /// The names of which each address is a target, in the order of the configuration.
    #[serde(default)]
    pub names: Vec<Name>,
}

/// A name of which each address is a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Name {
    /// The target as configured.
    #[schema(example = "http://app:8081")]
    pub url: String,
    /// The number of addresses that it had when a resolver last answered.
    pub addresses: usize,
    /// The number of those that traffic uses.
    pub used: usize,
    /// Since when lookups have no answer; `null`: the last one had.
    pub unanswered_since: Option<String>,
    /// What is wrong with it; `null`: nothing.
    pub problem: Option<String>,
}

/// What a color does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It receives traffic.
    Active,
    /// It receives no new requests; leases are ending.
    Draining,
    /// It receives nothing.
    Idle,
}

/// One target of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// The address as configured.
    #[schema(example = "http://127.0.0.1:8081")]
    pub url: String,
    /// The one address that it is: one of those that its name has, or the one that is configured;
    /// `null`: a socket, a name without an address, or all the addresses of a name
    /// (`resolve = "first"`).
    #[serde(default)]
    #[schema(example = "10.0.0.3:8081")]
    pub address: Option<String>,
    /// How traffic uses it, where a person should know; `null`: nothing in particular.
    #[serde(default)]
    #[schema(example = "being proven, no traffic yet")]
    pub note: Option<String>,
    /// What probes say.
    pub health: Health,
    /// Its address, its health and the newest probe in words, as texts and the page have them.
    #[serde(default)]
    #[schema(example = "http://127.0.0.1:8081 up, probed 2s ago: 200 in 0.8 ms")]
    pub words: String,
    /// The addresses that traffic uses: those of its name that probes have proven; empty: none.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The newest probe; `null` before the first.
    pub last_probe: Option<Probe>,
}

/// What probes say about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not proven either way yet.
    Unknown,
    /// Enough probes in a row passed.
    Up,
    /// Enough probes in a row failed.
    Down,
}

/// One active health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Probe {
    /// When it ended.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// How long ago that was.
    #[serde(default)]
    pub age_seconds: f64,
    /// Whether it passed.
    pub ok: bool,
    /// The status of the answer; `null` if none came.
    pub status: Option<u16>,
    /// How long it took.
    pub latency_ms: f64,
    /// Why it failed, in words; `null` if it passed.
    #[schema(example = "connection refused")]
    pub reason: Option<String>,
}

impl Colors {
    /// One of the two.
    pub fn of(&self, color: Color) -> &ColorStatus {
        match color {
            Color::Blue => &self.blue,
            Color::Green => &self.green,
        }
    }
}

impl Service {
    pub(crate) fn of(service: &view::ServiceStatus, at: rules::Time) -> Self {
        let [blue, green] = &service.colors;
        let blue = ColorStatus::of(Color::Blue, blue, at);
        let green = ColorStatus::of(Color::Green, green, at);
        let mut service = Self {
            name: service.name.to_string(),
            active: service.active.into(),
            generation: service.generation.0,
            can_roll_back: service.can_roll_back,
            failover: match service.failover {
                rules::Failover::Off => "off".to_owned(),
                rules::Failover::Auto => "auto".to_owned(),
            },
            held: service.held.as_ref().map(|held| Held {
                waiting: held.waiting,
                since: rfc3339(held.since),
                actor: (&held.by).into(),
                max_wait_seconds: seconds(held.max_wait),
            }),
            colors: Colors { blue, green },
            problems: Vec::new(),
        };
        service.problems = ServiceProblem::of(&service);
        service
    }
}

impl Reload {
    pub(crate) fn of(reload: &view::ReloadStatus, at: rules::Time) -> Self {
        Self {
            at: rfc3339(reload.at),
            age_seconds: seconds(at.since(reload.at)),
            actor: (&reload.actor).into(),
            problem: reload.problem.clone(),
        }
    }
}

impl Wait {
    pub(crate) fn of(call: &view::CallStatus, at: rules::Time) -> Self {
        Self {
            verb: call.verb.as_str().to_owned(),
            to: call.to.map(Into::into),
            services: call.services.iter().map(ToString::to_string).collect(),
            group: call.group.as_ref().map(ToString::to_string),
            actor: (&call.actor).into(),
            since: rfc3339(call.since),
            age_seconds: seconds(at.since(call.since)),
            left_seconds: call.left.map(seconds),
            stage: call.stage.as_str().to_owned(),
            dry_run: call.dry_run,
            reason: call.reason.clone(),
        }
    }
}

impl Certificate {
    pub(crate) fn of(certificate: &settings::Certificate, at: rules::Time) -> Self {
        let file = Some(certificate.file.display().to_string());
        Self { file, ..Self::until(certificate.not_after, &certificate.names, at) }
    }

    /// Those of the targets of a service.
    pub(crate) fn of_targets(
        service: &view::ServiceStatus,
        at: rules::Time,
    ) -> impl Iterator<Item = Self> {
        let colors = rules::Color::BOTH.into_iter().zip(&service.colors);
        let targets = colors
            .flat_map(|(color, status)| status.targets.iter().map(move |target| (color, target)));
        targets.filter_map(move |(color, target)| {
            let shown = target.certificate.as_ref()?;
            let name = TargetName {
                service: service.name.to_string(),
                color: color.into(),
                url: target.url.to_string(),
                address: target.address.filter(|_| target.url.is_name()).map(|at| at.to_string()),
            };
            let end = rules::Time::of(shown.not_after);
            Some(Self { target: Some(name), ..Self::until(end, &shown.names, at) })
        })
    }

    fn until(end: rules::Time, names: &[String], now: rules::Time) -> Self {
        Self {
            file: None,
            target: None,
            names: names.to_vec(),
            not_after: rfc3339(end),
            left_seconds: seconds(end.since(now)) - seconds(now.since(end)),
        }
    }
}

impl Ordered {
    pub(crate) fn of(ordered: &settings::Ordered) -> Self {
        let settings::Ordered { name, problem, next } = ordered;
        Self { name: name.clone(), problem: problem.clone(), next: next.map(rfc3339) }
    }
}

impl ColorStatus {
    fn of(name: Color, color: &view::ColorStatus, at: rules::Time) -> Self {
        let mut status = Self {
            role: match color.role {
                view::Role::Active => Role::Active,
                view::Role::Draining => Role::Draining,
                view::Role::Idle => Role::Idle,
            },
            healthy: healthy(color),
            health: String::new(),
            words: String::new(),
            reason: color.unhealthy_reason.clone(),
            in_flight: color.in_flight,
            connections: color.connections,
            oldest_age_seconds: color.oldest_age.map(seconds),
            streams: color.streams,
            oldest_stream_age_seconds: color.oldest_stream_age.map(seconds),
            deadline_seconds: color.drain.map(|drain| seconds(drain.left)),
            cutting: color.drain.is_some_and(|drain| drain.cutting),
            drained: color.drained,
            targets: color.targets.iter().map(|target| Target::of(target, at)).collect(),
            names: color.names.iter().map(|name| Name::of(name, at)).collect(),
        };
        status.health = text::health(&status);
        status.words = text::standing(name, &status);
        status
    }
}

impl Name {
    fn of(name: &view::NameStatus, at: rules::Time) -> Self {
        Self {
            url: name.url.to_string(),
            addresses: name.addresses,
            used: name.used,
            unanswered_since: name.unanswered.as_ref().map(|(since, _)| rfc3339(*since)),
            problem: name.problem(at),
        }
    }
}

/// Whether the gate would pass; nobody knows while nothing fails, and not all is proven.
fn healthy(color: &view::ColorStatus) -> Option<bool> {
    let failed = |target: &view::TargetStatus| {
        target.standing == rules::Standing::Down
            || target.last_probe.as_ref().is_some_and(|probe| !probe.verdict.passed())
    };
    let unknown = |target: &view::TargetStatus| target.standing == rules::Standing::Unknown;
    let is_open = !color.targets.iter().any(failed) && color.targets.iter().any(unknown);
    (color.healthy || !is_open).then_some(color.healthy)
}

impl Target {
    fn of(target: &view::TargetStatus, at: rules::Time) -> Self {
        let probe = |probe: &rules::Probe| Probe {
            at: rfc3339(probe.at),
            age_seconds: seconds(at.since(probe.at)),
            ok: probe.verdict.passed(),
            status: probe.verdict.status(),
            latency_ms: millis(probe.latency),
            reason: probe.verdict.reason().map(str::to_owned),
        };
        let mut seen = Self {
            url: target.url.to_string(),
            address: target.address.map(|address| address.to_string()),
            note: target.note(),
            health: target.standing.into(),
            addresses: target.addresses.iter().map(ToString::to_string).collect(),
            last_probe: target.last_probe.as_ref().map(probe),
            words: String::new(),
        };
        seen.words = text::probed(&seen);
        seen
    }
}

impl From<rules::Standing> for Health {
    fn from(standing: rules::Standing) -> Self {
        match standing {
            rules::Standing::Unknown => Self::Unknown,
            rules::Standing::Up => Self::Up,
            rules::Standing::Down => Self::Down,
        }
    }
}

impl From<&rules::GroupSpec> for Group {
    fn from(group: &rules::GroupSpec) -> Self {
        let services = group.services.iter().map(ToString::to_string).collect();
        Self { name: group.name.to_string(), services }
    }
}
