//! The format of decisions in the journal: versioned JSON, so that a newer Teal reads what an older one
//! wrote. Only this module knows it; the types of `rules` do not depend on serde.
//!
//! A payload that cannot be parsed is an error with its reason and is never skipped: decisions must
//! not be guessed.

/// Converts between two enums of the same variants.
macro_rules! same {
    ($domain:ident, $word:ident: $($variant:ident)+) => {
        impl From<$domain> for $word {
            fn from(domain: $domain) -> Self {
                match domain {
                    $($domain::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$word> for $domain {
            fn from(word: $word) -> Self {
                match word {
                    $($word::$variant => Self::$variant,)+
                }
            }
        }
    };
}

mod deploy;
mod event;
mod moved;
mod notice;
mod rollout;
mod state;
#[cfg(test)]
mod tests;
mod told;
mod word;

use rules::{Event, HistoryEntry, State};
use serde::{Deserialize, Serialize};

/// A decoded payload.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// A decision.
    Event(Event),
    /// All decisions so far.
    Snapshot(State),
}

/// The newest version. Fields may be added to one if they have a default; anything else is a new version. Version 2
/// has deploys, retired colors, maintenances, told targets and revoked previews, version 3 has rollouts. A record is
/// written in the oldest version that can say all of it, so that an older Teal reads what it can understand.
const VERSION: u32 = 3;

/// The version of records without rollouts.
const SECOND: u32 = 2;

/// The version of records without anything that a later version has.
const FIRST: u32 = 1;

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    v: u32,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Event(event::EventRecord),
    Snapshot(state::StateRecord),
}

/// Encodes an event.
pub(crate) fn encode(event: &Event) -> Vec<u8> {
    let version = match event {
        Event::Rollout(_) => VERSION,
        Event::Deploy(_)
        | Event::Retired { .. }
        | Event::Maintained(_)
        | Event::Told(_)
        | Event::PreviewsRevoked { .. } => SECOND,
        _ => FIRST,
    };
    write(version, What::Event(event.into()))
}

/// Encodes a snapshot.
pub(crate) fn encode_snapshot(state: &State) -> Vec<u8> {
    let version = match (state.rollouts().is_new(), needs_second(state)) {
        (false, _) => VERSION,
        (true, true) => SECOND,
        (true, false) => FIRST,
    };
    write(version, What::Snapshot(state.into()))
}

/// Returns true if the first version cannot say all of a state without rollouts.
fn needs_second(state: &State) -> bool {
    let is_new = |entry: &HistoryEntry| {
        matches!(
            entry,
            HistoryEntry::Retire { .. }
                | HistoryEntry::MaintenanceBegan { .. }
                | HistoryEntry::MaintenanceEnded { .. }
                | HistoryEntry::Told(_)
        )
    };
    !state.deploys().is_new()
        || state.history().iter().any(is_new)
        // The history forgets what is still so.
        || state.services().any(|(_, service)| {
            service.retired.contains(&true)
                || service.told.iter().any(|told| !told.is_empty())
                || service.preview_serial > 0
        })
        || state.all_serving().any(|(.., serving)| serving.maintenance.is_some())
}

/// Decodes a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Recorded, String> {
    let unreadable = |error: serde_json::Error| format!("it cannot be parsed: {error}");
    let Version { v } = serde_json::from_slice(payload).map_err(unreadable)?;
    if !(FIRST..=VERSION).contains(&v) {
        return Err(format!("it has version {v}, and this Teal reads versions up to {VERSION}"));
    }
    let Payload { what, .. } = serde_json::from_slice(payload).map_err(unreadable)?;
    Ok(match what {
        What::Event(event) => Recorded::Event(event.try_into()?),
        What::Snapshot(state) => Recorded::Snapshot(state.try_into()?),
    })
}

fn write(v: u32, what: What) -> Vec<u8> {
    serde_json::to_vec(&Payload { v, what })
        .expect("records are made of strings, numbers, lists and options")
}
