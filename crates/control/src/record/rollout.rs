//! The format of rollouts in the journal.

use std::time::Duration;

use rules::{
    Bake, Baseline, Generation, OnFail, Quarantine, Rollout, RolloutEnd, RolloutEvent, RolloutId,
    RolloutResult, Rollouts, Time,
};
use serde::{Deserialize, Serialize};

use super::word::{self, ActorWord, ColorWord, millis};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RolloutEventRecord {
    Began(Box<RolloutRecord>),
    Ended {
        id: u64,
        #[serde(flatten)]
        end: RolloutEndRecord,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct RolloutRecord {
    id: u64,
    services: Vec<BaselineRecord>,
    candidate: ColorWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    actor: ActorWord,
    generation: u64,
    began: u64,
    bake_ms: u64,
    on_fail: OnFailWord,
    ended: Option<RolloutEndRecord>,
}

#[derive(Serialize, Deserialize)]
struct BaselineRecord {
    service: String,
    requests: u64,
    failed: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RolloutEndRecord {
    result: RolloutResultWord,
    at: u64,
    detail: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RolloutsRecord {
    last: u64,
    kept: Vec<RolloutRecord>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct QuarantineRecord {
    color: ColorWord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    rollout: u64,
    superseded: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnFailWord {
    Rollback,
    Notify,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RolloutResultWord {
    Done,
    Aborted,
    RolledBack,
    Stuck,
}

// === impl RolloutEventRecord ===

impl From<&RolloutEvent> for RolloutEventRecord {
    fn from(event: &RolloutEvent) -> Self {
        match event {
            RolloutEvent::Began(rollout) => Self::Began(Box::new((&**rollout).into())),
            RolloutEvent::Ended { id, end } => Self::Ended { id: id.0, end: end.into() },
        }
    }
}

impl TryFrom<RolloutEventRecord> for RolloutEvent {
    type Error = String;

    fn try_from(record: RolloutEventRecord) -> Result<Self, String> {
        Ok(match record {
            RolloutEventRecord::Began(rollout) => Self::Began(Box::new((*rollout).try_into()?)),
            RolloutEventRecord::Ended { id, end } => {
                Self::Ended { id: RolloutId(id), end: end.into() }
            }
        })
    }
}

// === impl RolloutsRecord, RolloutRecord ===

impl RolloutsRecord {
    /// All rollouts; `None`: there never was one.
    pub(super) fn of(rollouts: &Rollouts) -> Option<Self> {
        (!rollouts.is_new()).then(|| Self {
            last: rollouts.last().0,
            kept: rollouts.iter().map(Into::into).collect(),
        })
    }
}

impl TryFrom<RolloutsRecord> for Rollouts {
    type Error = String;

    fn try_from(record: RolloutsRecord) -> Result<Self, String> {
        let kept: Result<Vec<_>, String> = record.kept.into_iter().map(TryInto::try_into).collect();
        Ok(Self::from_parts(RolloutId(record.last), kept?))
    }
}

impl From<&Rollout> for RolloutRecord {
    fn from(rollout: &Rollout) -> Self {
        let baseline = |one: &Baseline| BaselineRecord {
            service: one.service.to_string(),
            requests: one.requests,
            failed: one.failed,
        };
        Self {
            id: rollout.id.0,
            services: rollout.services.iter().map(baseline).collect(),
            candidate: rollout.candidate.into(),
            version: rollout.version.as_ref().map(ToString::to_string),
            actor: (&rollout.actor).into(),
            generation: rollout.generation.0,
            began: rollout.began.0,
            bake_ms: millis(rollout.bake.duration),
            on_fail: rollout.bake.on_fail.into(),
            ended: rollout.ended.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<RolloutRecord> for Rollout {
    type Error = String;

    fn try_from(record: RolloutRecord) -> Result<Self, String> {
        let baseline = |one: BaselineRecord| {
            let service = word::service(&one.service)?;
            Ok::<_, String>(Baseline { service, requests: one.requests, failed: one.failed })
        };
        let duration = Duration::from_millis(record.bake_ms);
        Ok(Self {
            id: RolloutId(record.id),
            services: record.services.into_iter().map(baseline).collect::<Result<_, _>>()?,
            candidate: record.candidate.into(),
            version: word::version(record.version)?,
            actor: record.actor.into(),
            generation: Generation(record.generation),
            began: Time(record.began),
            bake: Bake { duration, on_fail: record.on_fail.into() },
            ended: record.ended.map(Into::into),
        })
    }
}

// === impl RolloutEndRecord, QuarantineRecord ===

impl From<&RolloutEnd> for RolloutEndRecord {
    fn from(end: &RolloutEnd) -> Self {
        Self { result: end.result.into(), at: end.at.0, detail: end.detail.clone() }
    }
}

impl From<RolloutEndRecord> for RolloutEnd {
    fn from(record: RolloutEndRecord) -> Self {
        let RolloutEndRecord { result, at, detail } = record;
        Self { result: result.into(), at: Time(at), detail }
    }
}

impl From<&Quarantine> for QuarantineRecord {
    fn from(quarantine: &Quarantine) -> Self {
        Self {
            color: quarantine.color.into(),
            version: quarantine.version.as_ref().map(ToString::to_string),
            rollout: quarantine.rollout.0,
            superseded: quarantine.superseded,
        }
    }
}

impl TryFrom<QuarantineRecord> for Quarantine {
    type Error = String;

    fn try_from(record: QuarantineRecord) -> Result<Self, String> {
        Ok(Self {
            color: record.color.into(),
            version: word::version(record.version)?,
            rollout: RolloutId(record.rollout),
            superseded: record.superseded,
        })
    }
}

// === impl OnFailWord, RolloutResultWord ===

same!(OnFail, OnFailWord: Rollback Notify);
same!(RolloutResult, RolloutResultWord: Done Aborted RolledBack Stuck);
