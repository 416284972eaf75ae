//! The format of a switch.

use rules::{Event, Generation, Remarks, Time};
use serde::{Deserialize, Serialize};

use super::word::{self, ActorWord, CauseWord, ColorWord, ProofRecord};

#[derive(Serialize, Deserialize)]
pub(super) struct MovedRecord {
    pub(super) service: String,
    pub(super) from: ColorWord,
    pub(super) generation: u64,
    pub(super) cause: CauseWord,
    pub(super) actor: ActorWord,
    pub(super) at: u64,
    pub(super) evidence: Vec<ProofRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl MovedRecord {
    /// The event that was recorded.
    ///
    /// # Errors
    /// A name, a target or a version is not one.
    pub(super) fn into_event(self) -> Result<Event, String> {
        Ok(Event::Moved {
            service: word::service(&self.service)?,
            from: self.from.into(),
            generation: Generation(self.generation),
            cause: self.cause.into(),
            actor: self.actor.into(),
            at: Time(self.at),
            evidence: word::proofs(self.evidence)?,
            remarks: Remarks { version: word::version(self.version)?, reason: self.reason },
        })
    }
}
