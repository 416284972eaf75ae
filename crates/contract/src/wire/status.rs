//! The JSON of `GET /admin/status`: this Teal as a whole. Services are in `service`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::certificate::{Certificate, CertificateOrder};
use super::service::Service;
use super::{Actor, Color, Deploy, NotifyEndpoint};

/// The current routing of traffic, and what may be stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// This Teal.
    pub teal: ProcessInfo,
    /// The generation of the newest change of routing.
    pub generation: u64,
    /// The generation being published, which not every worker has applied yet; `null` if there is none.
    #[serde(default)]
    pub publishing: Option<u64>,
    /// The workers; `null` from a Teal that does not tell.
    #[serde(default)]
    pub workers: Option<Workers>,
    /// The reason no change can be made durable at present; `null` if the journal is writable.
    #[serde(default)]
    pub journal: Option<String>,
    /// The public addresses.
    #[schema(example = json!(["127.0.0.1:8080"]))]
    pub listeners: Vec<String>,
    /// The address of this API.
    #[schema(example = "127.0.0.1:9900")]
    pub admin: String,
    /// The certificates in use at the listeners, in the order of the configuration, then those that
    /// targets have presented.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// The reason newer certificates are not in use; `null` if all are.
    #[serde(default)]
    pub certificate_problem: Option<String>,
    /// The names for which certificates are ordered from a CA (ACME).
    #[serde(default)]
    pub acme: Vec<CertificateOrder>,
    /// The endpoints that are notified of events.
    #[serde(default)]
    pub notify: Vec<NotifyEndpoint>,
    /// The number of all services, whatever the filter.
    #[serde(default)]
    pub total: usize,
    /// The services that were asked for, in the order of the configuration; with `problems=true`, the most
    /// severe problem first.
    pub services: Vec<Service>,
    /// The groups of these services, in the order of the configuration.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The calls in progress that change something or would, oldest first.
    #[serde(default)]
    pub waits: Vec<PendingCall>,
    /// The deploys in progress, oldest first.
    #[serde(default)]
    pub deploys: Vec<Deploy>,
    /// The outcome of the last configuration reload; `null`: none since this Teal started.
    #[serde(default)]
    pub last_reload: Option<Reload>,
}

/// The workers of the data plane. An older Teal that is finishing its last requests counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    /// The number of workers.
    pub total: usize,
    /// The number of those that have applied the newest table.
    pub acknowledged: usize,
}

/// The outcome of a configuration reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Reload {
    /// The time at which it ended.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub at: String,
    /// The time that has passed since then.
    pub age_seconds: f64,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The reason it was refused; `null`: the configuration is in force.
    pub problem: Option<String>,
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PendingCall {
    /// The command: `switch`, `rollback`, `hold`, `resume`, `reload` or `failover`.
    pub verb: String,
    /// The color to move to; `null` if the command moves nothing.
    pub to: Option<Color>,
    /// The services it concerns; empty: all.
    pub services: Vec<String>,
    /// The group that was named; `null` if none was.
    pub group: Option<String>,
    /// The caller.
    pub actor: Actor,
    /// The time at which the call began.
    #[schema(example = "2026-11-23T15:04:05.678Z")]
    pub since: String,
    /// The time that has passed since then.
    pub age_seconds: f64,
    /// The time for which it still waits for the gate; `null` if it does not wait.
    pub left_seconds: Option<f64>,
    /// `gate` (waiting for probes; nothing is decided), `warm-up` (warming the color up; nothing is decided), `queued` (waiting for another change; nothing
    /// is decided) or `writing` (decided, being written to the journal and published).
    pub stage: String,
    /// True for a dry run, which only passes the gate.
    pub dry_run: bool,
    /// The reason it does not pass the gate; `null` if it is not waiting for the gate.
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

/// The process that answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProcessInfo {
    /// The version of the program.
    pub version: String,
    /// The process id.
    pub pid: u32,
    /// The random id of this process, as in the `Via` header.
    pub instance: String,
    /// The time for which it has been serving.
    pub uptime_seconds: f64,
    /// The process id of the older Teal that it took over from, while that is still finishing its last
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
