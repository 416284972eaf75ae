//! The format of a whole state, as written to the journal by a compaction.

use std::time::Duration;

use rules::{
    Color, DeployId, Deploys, Generation, HeldSince, HistoryEntry, Lifecycle, Progress, Receipt,
    Rollouts, Service, ServiceName, Serving, Split, State, Time,
};
use serde::{Deserialize, Serialize};

use super::deploy::{DeployEntryRecord, DeployRecord};
use super::notice::{MaintenanceRecord, NoticeRecord, Notices};
use super::rollout::{QuarantineRecord, RolloutsRecord};
use super::told::{self, ToldRecord};
use super::word::{
    self, ActorWord, CauseWord, ColorWord, EndRecord, FiguresRecord, ProofRecord, VerbWord,
    WaitEndRecord, millis,
};

#[derive(Serialize, Deserialize)]
pub(super) struct StateRecord {
    generation: u64,
    publishing: Option<u64>,
    services: Vec<ServiceRecord>,
    history: Vec<HistoryEntryRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<NoticeRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deploys: Option<DeploysRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollouts: Option<RolloutsRecord>,
}

#[derive(Serialize, Deserialize)]
struct DeploysRecord {
    last: u64,
    kept: Vec<DeployRecord>,
}

#[derive(Serialize, Deserialize)]
struct ServiceRecord {
    name: String,
    active: ColorWord,
    generation: u64,
    left_other: Option<u64>,
    #[serde(default, skip_serializing_if = "is_empty")]
    versions: [Option<String>; 2],
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<ColorWord>,
    /// The ended deploys, by the order of their results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deployed: Vec<u64>,
    #[serde(default, skip_serializing_if = "has_none")]
    told: [Vec<String>; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rolled_back: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<QuarantineRecord>,
    #[serde(default, skip_serializing_if = "is_zero")]
    preview_serial: u64,
    serving: Option<ServingRecord>, // none: removed
}

#[derive(Serialize, Deserialize)]
struct ServingRecord {
    held: Option<HeldRecord>,
    failed_over: Option<u64>,
    open: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maintenance: Option<MaintenanceRecord>,
}

#[derive(Serialize, Deserialize)]
struct HeldRecord {
    since: u64,
    by: ActorWord,
    max_wait_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HistoryEntryRecord {
    Switch(Box<ReceiptRecord>),
    Reload { generation: u64, actor: ActorWord, at: u64, services: Vec<String> },
    Hold { service: String, actor: ActorWord, at: u64, max_wait_ms: u64 },
    Resume { service: String, actor: ActorWord, at: u64 },
    MaintenanceBegan { services: Vec<String>, actor: ActorWord, at: u64, message: Option<String> },
    MaintenanceEnded { services: Vec<String>, actor: ActorWord, at: u64 },
    Retire { service: String, color: ColorWord, actor: ActorWord, at: u64 },
    Told(ToldRecord),
    Waited(WaitedRecord),
    Deploy(Box<DeployEntryRecord>),
}

#[derive(Serialize, Deserialize)]
struct WaitedRecord {
    verb: VerbWord,
    services: Vec<String>,
    actor: ActorWord,
    since: u64,
    at: u64,
    end: WaitEndRecord,
}

#[derive(Serialize, Deserialize)]
struct ReceiptRecord {
    generation: u64,
    service: String,
    from: ColorWord,
    to: ColorWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_version: Option<String>,
    cause: CauseWord,
    actor: ActorWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    decided: u64,
    evidence: Vec<ProofRecord>,
    progress: ProgressRecord,
    figures: Option<FiguresRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProgressRecord {
    Publishing,
    Draining { published: u64 },
    Ended { published: Option<u64>, at: u64, end: EndRecord },
}

// === impl StateRecord ===

impl From<&State> for StateRecord {
    fn from(state: &State) -> Self {
        let mut notices = Notices::default();
        let services = state.services();
        let services =
            services.map(|(name, service)| ServiceRecord::of(name, service, &mut notices));
        Self {
            generation: state.generation().0,
            publishing: state.publishing().map(|generation| generation.0),
            services: services.collect(),
            history: state.history().iter().map(Into::into).collect(),
            deploys: (!state.deploys().is_new()).then(|| DeploysRecord {
                last: state.deploys().last().0,
                kept: state.deploys().iter().map(Into::into).collect(),
            }),
            rollouts: RolloutsRecord::of(state.rollouts()),
            notices: notices.records(),
        }
    }
}

impl TryFrom<StateRecord> for State {
    type Error = String;

    fn try_from(record: StateRecord) -> Result<Self, String> {
        let notices = Notices::read(record.notices)?;
        let services = record.services.into_iter().map(|record| service(record, &notices));
        let services: Result<_, String> = services.collect();
        let history: Result<_, String> =
            record.history.into_iter().map(HistoryEntry::try_from).collect();
        let publishing = record.publishing.map(Generation);
        let deploys =
            record.deploys.map_or(Ok(Deploys::default()), |DeploysRecord { last, kept }| {
                let kept: Result<Vec<_>, String> =
                    kept.into_iter().map(TryInto::try_into).collect();
                kept.map(|kept| Deploys::from_parts(DeployId(last), kept))
            });
        let rollouts = record.rollouts.map_or(Ok(Rollouts::default()), TryInto::try_into);
        let generation = Generation(record.generation);
        Self::from_parts(generation, publishing, services?, history?, deploys?, rollouts?)
    }
}

// === impl ServiceRecord ===

impl ServiceRecord {
    fn of(name: &ServiceName, service: &Service, notices: &mut Notices) -> Self {
        let serving = match &service.lifecycle {
            Lifecycle::Removed => None,
            Lifecycle::Serving(serving) => Some(ServingRecord {
                held: serving.held.as_ref().map(|held| HeldRecord {
                    since: held.since.0,
                    by: (&held.by).into(),
                    max_wait_ms: millis(held.max_wait),
                }),
                failed_over: serving.failed_over.map(|time| time.0),
                open: serving.open.map(|generation| generation.0),
                maintenance: serving.maintenance.as_ref().map(|one| notices.record(one)),
            }),
        };
        let retired = Color::BOTH.into_iter().filter(|color| service.retired[color.index()]);
        let has_deployed = service.deploys.iter().any(|count| *count > 0);
        Self {
            name: name.to_string(),
            active: service.split.stable().into(),
            generation: service.generation.0,
            left_other: service.left_other.map(|generation| generation.0),
            versions: service.versions.clone().map(|version| version.map(|one| one.to_string())),
            retired: retired.map(Into::into).collect(),
            deployed: if has_deployed { service.deploys.into() } else { Vec::new() },
            told: service.told.each_ref().map(|targets| told::words(targets)),
            rolled_back: service.rolled_back.map(|generation| generation.0),
            quarantine: service.quarantine.as_ref().map(Into::into),
            preview_serial: service.preview_serial,
            serving,
        }
    }
}

fn is_empty(versions: &[Option<String>; 2]) -> bool {
    versions.iter().all(Option::is_none)
}

fn has_none(told: &[Vec<String>; 2]) -> bool {
    told.iter().all(Vec::is_empty)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn service(record: ServiceRecord, notices: &Notices) -> Result<(ServiceName, Service), String> {
    let held = |held: HeldRecord| HeldSince {
        since: Time(held.since),
        by: held.by.into(),
        max_wait: Duration::from_millis(held.max_wait_ms),
    };
    let serving = |serving: ServingRecord| {
        let maintenance = serving.maintenance.map(|record| notices.maintenance(record));
        Ok::<_, String>(Serving {
            held: serving.held.map(held),
            maintenance: maintenance.transpose()?,
            failed_over: serving.failed_over.map(Time),
            open: serving.open.map(Generation),
        })
    };
    let [blue, green] = record.versions;
    let [told_blue, told_green] = record.told;
    let serving = record.serving.map(serving).transpose()?;
    let retired: Vec<Color> = record.retired.into_iter().map(Into::into).collect();
    let service = Service {
        split: Split::only(record.active.into()),
        generation: Generation(record.generation),
        left_other: record.left_other.map(Generation),
        versions: [word::version(blue)?, word::version(green)?],
        retired: Color::BOTH.map(|color| retired.contains(&color)),
        deploys: std::array::from_fn(|place| record.deployed.get(place).copied().unwrap_or(0)),
        told: [told::targets(&told_blue)?, told::targets(&told_green)?],
        rolled_back: record.rolled_back.map(Generation),
        quarantine: record.quarantine.map(TryInto::try_into).transpose()?,
        preview_serial: record.preview_serial,
        lifecycle: serving.map_or(Lifecycle::Removed, Lifecycle::Serving),
    };
    Ok((word::service(&record.name)?, service))
}

// === impl HistoryEntryRecord ===

impl From<&HistoryEntry> for HistoryEntryRecord {
    fn from(entry: &HistoryEntry) -> Self {
        match entry {
            HistoryEntry::Switch(receipt) => Self::Switch(Box::new((&**receipt).into())),
            HistoryEntry::Reload { generation, actor, at, services } => Self::Reload {
                generation: generation.0,
                actor: actor.into(),
                at: at.0,
                services: services.iter().map(ToString::to_string).collect(),
            },
            HistoryEntry::Hold { service, actor, at, max_wait } => Self::Hold {
                service: service.to_string(),
                actor: actor.into(),
                at: at.0,
                max_wait_ms: millis(*max_wait),
            },
            HistoryEntry::Resume { service, actor, at } => {
                Self::Resume { service: service.to_string(), actor: actor.into(), at: at.0 }
            }
            HistoryEntry::Retire { service, color, actor, at } => Self::Retire {
                service: service.to_string(),
                color: (*color).into(),
                actor: actor.into(),
                at: at.0,
            },
            HistoryEntry::Told(told) => Self::Told(told.into()),
            HistoryEntry::Deploy(entry) => Self::Deploy(Box::new((&**entry).into())),
            HistoryEntry::MaintenanceBegan { services, actor, at, message } => {
                Self::MaintenanceBegan {
                    services: services.iter().map(ToString::to_string).collect(),
                    actor: actor.into(),
                    at: at.0,
                    message: message.clone(),
                }
            }
            HistoryEntry::MaintenanceEnded { services, actor, at } => Self::MaintenanceEnded {
                services: services.iter().map(ToString::to_string).collect(),
                actor: actor.into(),
                at: at.0,
            },
            HistoryEntry::Waited { verb, services, actor, since, at, end } => {
                Self::Waited(WaitedRecord {
                    verb: (*verb).into(),
                    services: services.iter().map(ToString::to_string).collect(),
                    actor: actor.into(),
                    since: since.0,
                    at: at.0,
                    end: end.into(),
                })
            }
        }
    }
}

impl TryFrom<HistoryEntryRecord> for HistoryEntry {
    type Error = String;

    fn try_from(record: HistoryEntryRecord) -> Result<Self, String> {
        Ok(match record {
            HistoryEntryRecord::Switch(receipt) => Self::Switch(Box::new((*receipt).try_into()?)),
            HistoryEntryRecord::Reload { generation, actor, at, services } => Self::Reload {
                generation: Generation(generation),
                actor: actor.into(),
                at: Time(at),
                services: word::services(&services)?,
            },
            HistoryEntryRecord::Hold { service, actor, at, max_wait_ms } => Self::Hold {
                service: word::service(&service)?,
                actor: actor.into(),
                at: Time(at),
                max_wait: Duration::from_millis(max_wait_ms),
            },
            HistoryEntryRecord::Resume { service, actor, at } => Self::Resume {
                service: word::service(&service)?,
                actor: actor.into(),
                at: Time(at),
            },
            HistoryEntryRecord::Retire { service, color, actor, at } => Self::Retire {
                service: word::service(&service)?,
                color: color.into(),
                actor: actor.into(),
                at: Time(at),
            },
            HistoryEntryRecord::Told(record) => Self::Told(record.try_into()?),
            HistoryEntryRecord::Deploy(entry) => Self::Deploy(Box::new((*entry).try_into()?)),
            HistoryEntryRecord::MaintenanceBegan { services, actor, at, message } => {
                let (services, actor) = (word::services(&services)?, actor.into());
                Self::MaintenanceBegan { services, actor, at: Time(at), message }
            }
            HistoryEntryRecord::MaintenanceEnded { services, actor, at } => {
                let (services, actor) = (word::services(&services)?, actor.into());
                Self::MaintenanceEnded { services, actor, at: Time(at) }
            }
            HistoryEntryRecord::Waited(WaitedRecord { verb, services, actor, since, at, end }) => {
                Self::Waited {
                    verb: verb.into(),
                    services: word::services(&services)?,
                    actor: actor.into(),
                    since: Time(since),
                    at: Time(at),
                    end: end.into(),
                }
            }
        })
    }
}

// === impl ReceiptRecord ===

impl From<&Receipt> for ReceiptRecord {
    fn from(receipt: &Receipt) -> Self {
        let progress = match receipt.progress {
            Progress::Publishing => ProgressRecord::Publishing,
            Progress::Draining { published } => ProgressRecord::Draining { published: published.0 },
            Progress::Ended { published, at, end } => ProgressRecord::Ended {
                published: published.map(|time| time.0),
                at: at.0,
                end: end.into(),
            },
        };
        Self {
            generation: receipt.generation.0,
            service: receipt.service.to_string(),
            from: receipt.from.into(),
            to: receipt.to.into(),
            version: receipt.version.as_ref().map(ToString::to_string),
            from_version: receipt.from_version.as_ref().map(ToString::to_string),
            cause: receipt.cause.into(),
            actor: (&receipt.actor).into(),
            reason: receipt.reason.clone(),
            decided: receipt.decided.0,
            evidence: receipt.evidence.iter().map(Into::into).collect(),
            progress,
            figures: receipt.figures.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<ReceiptRecord> for Receipt {
    type Error = String;

    fn try_from(record: ReceiptRecord) -> Result<Self, String> {
        let progress = match record.progress {
            ProgressRecord::Publishing => Progress::Publishing,
            ProgressRecord::Draining { published } => {
                Progress::Draining { published: Time(published) }
            }
            ProgressRecord::Ended { published, at, end } => {
                let (published, at) = (published.map(Time), Time(at));
                Progress::Ended { published, at, end: end.into() }
            }
        };
        Ok(Self {
            generation: Generation(record.generation),
            service: word::service(&record.service)?,
            from: record.from.into(),
            to: record.to.into(),
            version: word::version(record.version)?,
            from_version: word::version(record.from_version)?,
            cause: record.cause.into(),
            actor: record.actor.into(),
            reason: record.reason,
            decided: Time(record.decided),
            evidence: word::proofs(record.evidence)?,
            progress,
            figures: record.figures.map(Into::into),
        })
    }
}
