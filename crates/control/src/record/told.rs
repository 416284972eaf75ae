//! The format of targets that a runner has told.

use rules::{Generation, TargetUrl, Time, Told};
use serde::{Deserialize, Serialize};

use super::word::{self, ActorWord, ColorWord};

#[derive(Serialize, Deserialize)]
pub(super) struct ToldRecord {
    service: String,
    color: ColorWord,
    targets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u64>, // none: no traffic was moved
    actor: ActorWord,
    at: u64,
}

pub(super) fn words(targets: &[TargetUrl]) -> Vec<String> {
    targets.iter().map(ToString::to_string).collect()
}

pub(super) fn targets(words: &[String]) -> Result<Vec<TargetUrl>, String> {
    let parse = |word: &String| TargetUrl::parse(word).map_err(|error| error.to_string());
    words.iter().map(parse).collect()
}

// === impl ToldRecord ===

impl From<&Told> for ToldRecord {
    fn from(told: &Told) -> Self {
        let Told { service, color, targets, generation, actor, at } = told;
        Self {
            service: service.to_string(),
            color: (*color).into(),
            targets: words(targets),
            generation: generation.map(|generation| generation.0),
            actor: actor.into(),
            at: at.0,
        }
    }
}

impl TryFrom<ToldRecord> for Told {
    type Error = String;

    fn try_from(record: ToldRecord) -> Result<Self, String> {
        let ToldRecord { service, color, targets, generation, actor, at } = record;
        Ok(Self {
            service: word::service(&service)?,
            color: color.into(),
            targets: self::targets(&targets)?,
            generation: generation.map(Generation),
            actor: actor.into(),
            at: Time(at),
        })
    }
}
