//! The JSON of `GET /admin/status`: this Teal as a whole. A service is in `service`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::certificate::{Certificate, Ordered};
use super::service::Service;
use super::{Actor, Color};

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

impl From<&rules::GroupSpec> for Group {
    fn from(group: &rules::GroupSpec) -> Self {
        let services = group.services.iter().map(ToString::to_string).collect();
        Self { name: group.name.to_string(), services }
    }
}
