//! The format of deploys in the journal.

use rules::{
    Deploy, DeployEnd, DeployEntry, DeployEvent, DeployId, DeployResult, DeployStep, Generation,
    GroupName, Time,
};
use serde::{Deserialize, Serialize};

use super::word::{self, ActorWord, ColorWord};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeployEventRecord {
    Began(Box<DeployRecord>),
    Stepped {
        id: u64,
        step: DeployStepWord,
        at: u64,
    },
    Paused {
        id: u64,
        at: u64,
    },
    Taken {
        id: u64,
        claim: u32,
        actor: ActorWord,
        by: Option<String>,
        at: u64,
    },
    Ended {
        id: u64,
        result: DeployResultWord,
        detail: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep_until: Option<u64>,
        at: u64,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct DeployRecord {
    id: u64,
    services: Vec<String>,
    group: Option<String>,
    color: ColorWord,
    version: Option<String>,
    from_version: Option<String>,
    actor: ActorWord,
    by: Option<String>,
    reason: Option<String>,
    emergency: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    sweep: bool,
    claim: u32,
    steps: Vec<(DeployStepWord, u64)>,
    paused: bool,
    generation: Option<u64>,
    ended: Option<DeployEndRecord>,
}

#[derive(Serialize, Deserialize)]
struct DeployEndRecord {
    result: DeployResultWord,
    at: u64,
    detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keep_until: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DeployEntryRecord {
    id: u64,
    services: Vec<String>,
    color: ColorWord,
    version: Option<String>,
    actor: ActorWord,
    by: Option<String>,
    at: u64,
    result: Option<DeployResultWord>,
    detail: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeployStepWord {
    Lock,
    Before,
    Start,
    Gate,
    Smoke,
    Switch,
    Drain,
    Outside,
    After,
    Keep,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeployResultWord {
    Succeeded,
    Failed,
    Reverted,
    Unknown,
    Abandoned,
    Swept,
}

// === impl DeployEventRecord ===

impl From<&DeployEvent> for DeployEventRecord {
    fn from(event: &DeployEvent) -> Self {
        match event {
            DeployEvent::Began(deploy) => Self::Began(Box::new((&**deploy).into())),
            DeployEvent::Stepped { id, step, at } => {
                Self::Stepped { id: id.0, step: (*step).into(), at: at.0 }
            }
            DeployEvent::Paused { id, at } => Self::Paused { id: id.0, at: at.0 },
            DeployEvent::Taken { id, claim, actor, by, at } => Self::Taken {
                id: id.0,
                claim: *claim,
                actor: actor.into(),
                by: by.clone(),
                at: at.0,
            },
            DeployEvent::Ended { id, result, detail, keep_until, at } => Self::Ended {
                id: id.0,
                result: (*result).into(),
                detail: detail.clone(),
                keep_until: keep_until.map(|time| time.0),
                at: at.0,
            },
        }
    }
}

impl TryFrom<DeployEventRecord> for DeployEvent {
    type Error = String;

    fn try_from(record: DeployEventRecord) -> Result<Self, String> {
        Ok(match record {
            DeployEventRecord::Began(deploy) => Self::Began(Box::new((*deploy).try_into()?)),
            DeployEventRecord::Stepped { id, step, at } => {
                Self::Stepped { id: DeployId(id), step: step.into(), at: Time(at) }
            }
            DeployEventRecord::Paused { id, at } => Self::Paused { id: DeployId(id), at: Time(at) },
            DeployEventRecord::Taken { id, claim, actor, by, at } => {
                Self::Taken { id: DeployId(id), claim, actor: actor.into(), by, at: Time(at) }
            }
            DeployEventRecord::Ended { id, result, detail, keep_until, at } => {
                let (id, keep_until) = (DeployId(id), keep_until.map(Time));
                Self::Ended { id, result: result.into(), detail, keep_until, at: Time(at) }
            }
        })
    }
}

// === impl DeployRecord, DeployEntryRecord ===

impl From<&Deploy> for DeployRecord {
    fn from(deploy: &Deploy) -> Self {
        let step = |(step, at): &(DeployStep, Time)| ((*step).into(), at.0);
        Self {
            id: deploy.id.0,
            services: deploy.services.iter().map(ToString::to_string).collect(),
            group: deploy.group.as_ref().map(ToString::to_string),
            color: deploy.color.into(),
            version: deploy.version.as_ref().map(ToString::to_string),
            from_version: deploy.from_version.as_ref().map(ToString::to_string),
            actor: (&deploy.actor).into(),
            by: deploy.by.clone(),
            reason: deploy.reason.clone(),
            emergency: deploy.emergency,
            sweep: deploy.sweep,
            claim: deploy.claim,
            steps: deploy.steps.iter().map(step).collect(),
            paused: deploy.paused,
            generation: deploy.generation.map(|generation| generation.0),
            ended: deploy.ended.as_ref().map(|end| DeployEndRecord {
                result: end.result.into(),
                at: end.at.0,
                detail: end.detail.clone(),
                keep_until: end.keep_until.map(|time| time.0),
            }),
        }
    }
}

impl TryFrom<DeployRecord> for Deploy {
    type Error = String;

    fn try_from(record: DeployRecord) -> Result<Self, String> {
        let group = |name: String| GroupName::new(&name).map_err(|error| error.to_string());
        let step = |(step, at): (DeployStepWord, u64)| (step.into(), Time(at));
        Ok(Self {
            id: DeployId(record.id),
            services: word::services(&record.services)?,
            group: record.group.map(group).transpose()?,
            color: record.color.into(),
            version: word::version(record.version)?,
            from_version: word::version(record.from_version)?,
            actor: record.actor.into(),
            by: record.by,
            reason: record.reason,
            emergency: record.emergency,
            sweep: record.sweep,
            claim: record.claim,
            steps: record.steps.into_iter().map(step).collect(),
            paused: record.paused,
            generation: record.generation.map(Generation),
            ended: record.ended.map(|end| DeployEnd {
                result: end.result.into(),
                at: Time(end.at),
                detail: end.detail,
                keep_until: end.keep_until.map(Time),
            }),
        })
    }
}

impl From<&DeployEntry> for DeployEntryRecord {
    fn from(entry: &DeployEntry) -> Self {
        Self {
            id: entry.id.0,
            services: entry.services.iter().map(ToString::to_string).collect(),
            color: entry.color.into(),
            version: entry.version.as_ref().map(ToString::to_string),
            actor: (&entry.actor).into(),
            by: entry.by.clone(),
            at: entry.at.0,
            result: entry.result.map(Into::into),
            detail: entry.detail.clone(),
        }
    }
}

impl TryFrom<DeployEntryRecord> for DeployEntry {
    type Error = String;

    fn try_from(record: DeployEntryRecord) -> Result<Self, String> {
        Ok(Self {
            id: DeployId(record.id),
            services: word::services(&record.services)?,
            color: record.color.into(),
            version: word::version(record.version)?,
            actor: record.actor.into(),
            by: record.by,
            at: Time(record.at),
            result: record.result.map(Into::into),
            detail: record.detail,
        })
    }
}

// === impl DeployStepWord, DeployResultWord ===

same!(DeployStep, DeployStepWord: Lock Before Start Gate Smoke Switch Drain Outside After Keep);
same!(DeployResult, DeployResultWord: Succeeded Failed Reverted Unknown Abandoned Swept);
