//! The format of events in the journal.

use std::time::Duration;

use rules::{Event, Generation, Maintained, ServiceChange, ServiceName, Time};
use serde::{Deserialize, Serialize};

use super::deploy::DeployEventRecord;
use super::moved::MovedRecord;
use super::notice::{self, NoticeRecord};
use super::rollout::RolloutEventRecord;
use super::told::ToldRecord;
use super::word::{
    self, ActorWord, ColorWord, EndRecord, FiguresRecord, VerbWord, WaitEndRecord, millis,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventRecord {
    Moved(MovedRecord),
    Published {
        generation: u64,
        at: u64,
    },
    DrainEnded {
        generation: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>, // none in journals from before there were groups
        at: u64,
        end: EndRecord,
        figures: Option<FiguresRecord>,
    },
    Held {
        service: String,
        actor: ActorWord,
        at: u64,
        max_wait_ms: u64,
    },
    Resumed {
        service: String,
        actor: ActorWord,
        at: u64,
    },
    MaintenanceBegan {
        services: Vec<String>,
        actor: ActorWord,
        at: u64,
        notice: NoticeRecord,
    },
    MaintenanceEnded {
        services: Vec<String>,
        actor: ActorWord,
        at: u64,
    },
    Reloaded {
        generation: u64,
        actor: ActorWord,
        at: u64,
        services: Vec<(String, ServiceChangeWord)>,
    },
    Retired {
        service: String,
        color: ColorWord,
        actor: ActorWord,
        at: u64,
    },
    Told(ToldRecord),
    PreviewsRevoked {
        service: String,
        actor: ActorWord,
        at: u64,
    },
    Deploy(DeployEventRecord),
    Rollout(RolloutEventRecord),
    WaitEnded {
        verb: VerbWord,
        services: Vec<String>,
        actor: ActorWord,
        since: u64,
        at: u64,
        end: WaitEndRecord,
    },
    Restarted {
        at: u64,
    },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServiceChangeWord {
    Added(ColorWord),
    Restored,
    Moved,
    #[serde(rename = "retired")] // as in journals of every version
    Removed,
}

// === impl EventRecord ===

impl From<&Event> for EventRecord {
    fn from(event: &Event) -> Self {
        match event {
            Event::Moved { service, from, generation, cause, actor, at, evidence, remarks } => {
                Self::Moved(MovedRecord {
                    service: service.to_string(),
                    from: (*from).into(),
                    generation: generation.0,
                    cause: (*cause).into(),
                    actor: actor.into(),
                    at: at.0,
                    evidence: evidence.iter().map(Into::into).collect(),
                    version: remarks.version.as_ref().map(ToString::to_string),
                    reason: remarks.reason.clone(),
                })
            }
            Event::Published { generation, at } => {
                Self::Published { generation: generation.0, at: at.0 }
            }
            Event::DrainEnded { generation, service, at, end, figures } => Self::DrainEnded {
                generation: generation.0,
                service: service.as_ref().map(ToString::to_string),
                at: at.0,
                end: (*end).into(),
                figures: figures.as_ref().map(Into::into),
            },
            Event::Held { service, actor, at, max_wait } => Self::Held {
                service: service.to_string(),
                actor: actor.into(),
                at: at.0,
                max_wait_ms: millis(*max_wait),
            },
            Event::Resumed { service, actor, at } => {
                Self::Resumed { service: service.to_string(), actor: actor.into(), at: at.0 }
            }
            Event::Maintained(change) => change.into(),
            Event::Reloaded { generation, actor, at, services } => Self::Reloaded {
                generation: generation.0,
                actor: actor.into(),
                at: at.0,
                services: services
                    .iter()
                    .map(|(n, change)| (n.to_string(), (*change).into()))
                    .collect(),
            },
            Event::Retired { service, color, actor, at } => Self::Retired {
                service: service.to_string(),
                color: (*color).into(),
                actor: actor.into(),
                at: at.0,
            },
            Event::Told(told) => Self::Told(told.into()),
            Event::PreviewsRevoked { service, actor, at } => Self::PreviewsRevoked {
                service: service.to_string(),
                actor: actor.into(),
                at: at.0,
            },
            Event::Deploy(event) => Self::Deploy(event.into()),
            Event::Rollout(event) => Self::Rollout(event.into()),
            Event::WaitEnded { verb, services, actor, since, at, end } => Self::WaitEnded {
                verb: (*verb).into(),
                services: services.iter().map(ToString::to_string).collect(),
                actor: actor.into(),
                since: since.0,
                at: at.0,
                end: end.into(),
            },
            Event::Restarted { at } => Self::Restarted { at: at.0 },
        }
    }
}

impl TryFrom<EventRecord> for Event {
    type Error = String;

    fn try_from(record: EventRecord) -> Result<Self, String> {
        Ok(match record {
            EventRecord::Moved(moved) => moved.into_event()?,
            EventRecord::Published { generation, at } => {
                Self::Published { generation: Generation(generation), at: Time(at) }
            }
            EventRecord::DrainEnded { generation, service, at, end, figures } => Self::DrainEnded {
                generation: Generation(generation),
                service: service.map(|name| word::service(&name)).transpose()?,
                at: Time(at),
                end: end.into(),
                figures: figures.map(Into::into),
            },
            EventRecord::Held { service, actor, at, max_wait_ms } => Self::Held {
                service: word::service(&service)?,
                actor: actor.into(),
                at: Time(at),
                max_wait: Duration::from_millis(max_wait_ms),
            },
            EventRecord::Resumed { service, actor, at } => Self::Resumed {
                service: word::service(&service)?,
                actor: actor.into(),
                at: Time(at),
            },
            EventRecord::MaintenanceBegan { services, actor, at, notice } => {
                Self::Maintained(notice::maintained(&services, actor, at, Some(notice))?)
            }
            EventRecord::MaintenanceEnded { services, actor, at } => {
                Self::Maintained(notice::maintained(&services, actor, at, None)?)
            }
            EventRecord::Reloaded { generation, actor, at, services } => Self::Reloaded {
                generation: Generation(generation),
                actor: actor.into(),
                at: Time(at),
                services: services.into_iter().map(change).collect::<Result<_, _>>()?,
            },
            EventRecord::Retired { service, color, actor, at } => Self::Retired {
                service: word::service(&service)?,
                color: color.into(),
                actor: actor.into(),
                at: Time(at),
            },
            EventRecord::Told(record) => Self::Told(record.try_into()?),
            EventRecord::PreviewsRevoked { service, actor, at } => Self::PreviewsRevoked {
                service: word::service(&service)?,
                actor: actor.into(),
                at: Time(at),
            },
            EventRecord::Deploy(record) => Self::Deploy(record.try_into()?),
            EventRecord::Rollout(record) => Self::Rollout(record.try_into()?),
            EventRecord::WaitEnded { verb, services, actor, since, at, end } => Self::WaitEnded {
                verb: verb.into(),
                services: word::services(&services)?,
                actor: actor.into(),
                since: Time(since),
                at: Time(at),
                end: end.into(),
            },
            EventRecord::Restarted { at } => Self::Restarted { at: Time(at) },
        })
    }
}

fn change(
    (name, word): (String, ServiceChangeWord),
) -> Result<(ServiceName, ServiceChange), String> {
    Ok((word::service(&name)?, word.into()))
}

impl From<&Maintained> for EventRecord {
    fn from(change: &Maintained) -> Self {
        let Maintained { services, actor, at, notice } = change;
        let services = services.iter().map(ToString::to_string).collect();
        let (actor, at) = (actor.into(), at.0);
        match notice {
            Some(notice) => {
                Self::MaintenanceBegan { services, actor, at, notice: (&**notice).into() }
            }
            None => Self::MaintenanceEnded { services, actor, at },
        }
    }
}

// === impl ServiceChangeWord ===

impl From<ServiceChange> for ServiceChangeWord {
    fn from(change: ServiceChange) -> Self {
        match change {
            ServiceChange::Added(color) => Self::Added(color.into()),
            ServiceChange::Restored => Self::Restored,
            ServiceChange::Moved => Self::Moved,
            ServiceChange::Removed => Self::Removed,
        }
    }
}

impl From<ServiceChangeWord> for ServiceChange {
    fn from(word: ServiceChangeWord) -> Self {
        match word {
            ServiceChangeWord::Added(color) => Self::Added(color.into()),
            ServiceChangeWord::Restored => Self::Restored,
            ServiceChangeWord::Moved => Self::Moved,
            ServiceChangeWord::Removed => Self::Removed,
        }
    }
}
