//! The JSON of receipts and of the history.

use rules::{HistoryEntry, Progress, Told, WaitEnd};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Actor, Color, DeployResult, Drain};
use crate::unit::{millis, rfc3339, seconds};

/// The decisions, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The changes.
    pub changes: Vec<Change>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Change {
    /// A switch, rollback or failover.
    Switch(Box<Receipt>),
    /// A reload that changed where traffic goes.
    Reload(ReloadChange),
    /// New requests were put on hold.
    Hold(HoldChange),
    /// Requests on hold were released.
    Resume(ResumeChange),
    /// A color was retired.
    Retire(RetireChange),
    /// A runner has told the targets of a color.
    Targets(TargetsChange),
    /// A deploy began or ended.
    Deploy(DeployChange),
    /// A maintenance began, had another message, or ended.
    Maintenance(MaintenanceChange),
    /// A call ended while it was still waiting; it changed nothing.
    Wait(WaitChange),
}

/// A reload that changed where traffic goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReloadChange {
    /// The generation it created.
    pub generation: u64,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
    /// The services that were added, removed or moved.
    pub services: Vec<String>,
}

/// New requests were put on hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HoldChange {
    /// The service.
    pub service: String,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
    /// The longest time a request waits.
    pub max_wait_seconds: f64,
}

/// Requests on hold were released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResumeChange {
    /// The service.
    pub service: String,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
}

/// A color was retired: nothing is sent to it any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RetireChange {
    /// The service.
    pub service: String,
    /// The color.
    pub color: Color,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
}

/// A runner has told the targets of a color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TargetsChange {
    /// The service.
    pub service: String,
    /// The color.
    pub color: Color,
    /// Its targets; empty: none.
    pub targets: Vec<String>,
    /// The generation that it created; `null`: the color received no traffic.
    pub generation: Option<u64>,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
}

/// The begin or the end of a deploy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeployChange {
    /// The number of the deploy.
    pub id: u64,
    /// Its services.
    pub services: Vec<String>,
    /// The color that it deploys to.
    pub color: Color,
    /// The version, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The caller that has it.
    pub actor: Actor,
    /// The user and the host of its command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The time.
    pub at: String,
    /// The result; `null`: it began.
    pub result: Option<DeployResult>,
    /// The reason for the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A maintenance began, had another message, or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MaintenanceChange {
    /// True unless it ended.
    pub on: bool,
    /// The services.
    pub services: Vec<String>,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time of the decision.
    pub at: String,
    /// The sentence for clients, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A call that ended while it was still waiting; it changed nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WaitChange {
    /// The command: `switch`, `rollback` or `reload`.
    pub verb: String,
    /// The color of a switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Color>,
    /// The services it concerned; empty: all.
    pub services: Vec<String>,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The time since which it was waiting.
    pub since: String,
    /// The time at which it ended.
    pub at: String,
    /// The reason it ended: `superseded` or `abandoned`.
    pub end: String,
    /// The command that superseded it, such as `switch to blue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The caller that asked for that command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_actor: Option<Actor>,
}

/// The record of one switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The generation that the switch created.
    pub generation: u64,
    /// The service.
    pub service: String,
    /// The color that was active before.
    pub from: Color,
    /// The color that has been active since.
    pub to: Color,
    /// The version of the new color, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v42")]
    pub version: Option<String>,
    /// The version of the old color, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "v41")]
    pub from_version: Option<String>,
    /// `switch`, `rollback` or `failover`.
    pub cause: String,
    /// The caller that asked for it.
    pub actor: Actor,
    /// The reason that the caller gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time of the decision.
    pub decided: String,
    /// The time at which every worker had applied it; `null` before that.
    pub published: Option<String>,
    /// The time at which the drain ended; `null` before that.
    pub ended: Option<String>,
    /// The drain of the old color; `null` before the publish.
    pub drain: Option<Drain>,
    /// The probes that proved the new color healthy.
    pub evidence: Vec<Evidence>,
    /// The traffic figures; `null` until the end of the drain.
    pub figures: Option<Figures>,
}

/// One passed probe, as evidence for a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The target that was probed.
    pub target: String,
    /// The address that was probed; `null`: the target is not a single address, or it is no longer known.
    #[serde(default)]
    pub address: Option<String>,
    /// The time at which the probe ended.
    pub at: String,
    /// The status code of the response.
    pub status: u16,
    /// The duration of the probe.
    pub latency_ms: f64,
}

/// Traffic figures from 30 s before the publish to the end of the drain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// The time at which the last lease was taken on the old color.
    pub last_on_old: Option<String>,
    /// The time at which the first lease was taken on the new color.
    pub first_on_new: Option<String>,
    /// Requests that had to wait at Teal.
    pub parked: u64,
    /// Requests that were retried.
    pub retries: u64,
    /// Requests lost because a reused connection closed and a retry was not safe.
    pub stale_lost: u64,
    /// Traffic on blue.
    pub blue: ColorFigures,
    /// Traffic on green.
    pub green: ColorFigures,
}

/// Traffic figures of one color.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColorFigures {
    /// Requests that ended.
    pub requests: u64,
    /// Responses with a status of 500 or above, and requests without a complete response.
    pub errors: u64,
    /// The error rate, from 0 to 1; `null` without requests.
    pub error_rate: Option<f64>,
    /// The median response time; `null` without responses.
    pub p50_ms: Option<f64>,
    /// The 99th percentile of the response time; `null` without responses.
    pub p99_ms: Option<f64>,
}

impl From<&rules::Receipt> for Receipt {
    fn from(receipt: &rules::Receipt) -> Self {
        let (ended, drain) = match receipt.progress {
            Progress::Publishing => (None, None),
            Progress::Draining { .. } => (None, Some(Drain::open(receipt.from))),
            Progress::Ended { at, end, .. } => {
                (Some(rfc3339(at)), Some(Drain::ended(receipt.from, end)))
            }
        };
        Self {
            generation: receipt.generation.0,
            service: receipt.service.to_string(),
            from: receipt.from.into(),
            to: receipt.to.into(),
            version: receipt.version.as_ref().map(ToString::to_string),
            from_version: receipt.from_version.as_ref().map(ToString::to_string),
            cause: receipt.cause.as_str().to_owned(),
            actor: (&receipt.actor).into(),
            reason: receipt.reason.clone(),
            decided: rfc3339(receipt.decided),
            published: receipt.published().map(rfc3339),
            ended,
            drain,
            evidence: receipt.evidence.iter().map(Evidence::from).collect(),
            figures: receipt.figures.as_ref().map(Figures::from),
        }
    }
}

impl From<&rules::Proof> for Evidence {
    fn from(proof: &rules::Proof) -> Self {
        Self {
            target: proof.target.url.to_string(),
            address: proof.target.address.map(|address| address.to_string()),
            at: rfc3339(proof.at),
            status: proof.status,
            latency_ms: millis(proof.latency),
        }
    }
}

impl From<&rules::Figures> for Figures {
    fn from(figures: &rules::Figures) -> Self {
        let [blue, green] = figures.colors;
        Self {
            last_on_old: figures.last_on_old.map(rfc3339),
            first_on_new: figures.first_on_new.map(rfc3339),
            parked: figures.parked,
            retries: figures.retries,
            stale_lost: figures.stale_lost,
            blue: blue.into(),
            green: green.into(),
        }
    }
}

impl From<rules::ColorFigures> for ColorFigures {
    fn from(figures: rules::ColorFigures) -> Self {
        Self {
            requests: figures.requests,
            errors: figures.errors,
            error_rate: figures.error_rate(),
            p50_ms: figures.p50.map(millis),
            p99_ms: figures.p99.map(millis),
        }
    }
}

impl From<&rules::DeployEntry> for DeployChange {
    fn from(entry: &rules::DeployEntry) -> Self {
        Self {
            id: entry.id.0,
            services: entry.services.iter().map(ToString::to_string).collect(),
            color: entry.color.into(),
            version: entry.version.as_ref().map(ToString::to_string),
            actor: (&entry.actor).into(),
            by: entry.by.clone(),
            at: rfc3339(entry.at),
            result: entry.result.map(Into::into),
            detail: entry.detail.clone(),
        }
    }
}

impl From<&Told> for TargetsChange {
    fn from(told: &Told) -> Self {
        Self {
            service: told.service.to_string(),
            color: told.color.into(),
            targets: told.targets.iter().map(ToString::to_string).collect(),
            generation: told.generation.map(|generation| generation.0),
            actor: (&told.actor).into(),
            at: rfc3339(told.at),
        }
    }
}

impl From<&HistoryEntry> for Change {
    fn from(entry: &HistoryEntry) -> Self {
        match entry {
            HistoryEntry::Switch(receipt) => Self::Switch(Box::new(Receipt::from(&**receipt))),
            HistoryEntry::Reload { generation, actor, at, services } => {
                Self::Reload(ReloadChange {
                    generation: generation.0,
                    actor: actor.into(),
                    at: rfc3339(*at),
                    services: services.iter().map(ToString::to_string).collect(),
                })
            }
            HistoryEntry::Hold { service, actor, at, max_wait } => Self::Hold(HoldChange {
                service: service.to_string(),
                actor: actor.into(),
                at: rfc3339(*at),
                max_wait_seconds: seconds(*max_wait),
            }),
            HistoryEntry::Resume { service, actor, at } => Self::Resume(ResumeChange {
                service: service.to_string(),
                actor: actor.into(),
                at: rfc3339(*at),
            }),
            HistoryEntry::Retire { service, color, actor, at } => Self::Retire(RetireChange {
                service: service.to_string(),
                color: (*color).into(),
                actor: actor.into(),
                at: rfc3339(*at),
            }),
            HistoryEntry::Told(told) => Self::Targets(told.into()),
            HistoryEntry::Deploy(entry) => Self::Deploy(DeployChange::from(&**entry)),
            HistoryEntry::MaintenanceBegan { services, actor, at, message } => {
                Self::Maintenance(MaintenanceChange {
                    on: true,
                    services: services.iter().map(ToString::to_string).collect(),
                    actor: actor.into(),
                    at: rfc3339(*at),
                    message: message.clone(),
                })
            }
            HistoryEntry::MaintenanceEnded { services, actor, at } => {
                Self::Maintenance(MaintenanceChange {
                    on: false,
                    services: services.iter().map(ToString::to_string).collect(),
                    actor: actor.into(),
                    at: rfc3339(*at),
                    message: None,
                })
            }
            HistoryEntry::Waited { verb, services, actor, since, at, end } => {
                let (word, later) = match end {
                    WaitEnd::Superseded { by, actor } => ("superseded", Some((by, actor))),
                    WaitEnd::Abandoned => ("abandoned", None),
                };
                Self::Wait(WaitChange {
                    verb: verb.as_str().to_owned(),
                    to: verb.color().map(Into::into),
                    services: services.iter().map(ToString::to_string).collect(),
                    actor: actor.into(),
                    since: rfc3339(*since),
                    at: rfc3339(*at),
                    end: word.to_owned(),
                    by: later.map(|(by, _)| by.to_string()),
                    by_actor: later.map(|(_, actor)| actor.into()),
                })
            }
        }
    }
}
