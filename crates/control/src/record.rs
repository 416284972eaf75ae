//! The format of decisions in the journal: versioned JSON, so that a newer Teal reads what an older one
//! wrote. Only this module knows it; the types of `rules` do not depend on serde.
//!
//! A payload that cannot be parsed is an error with its reason and is never skipped: decisions must
//! not be guessed.

mod deploy;
mod event;
mod moved;
mod notice;
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
/// has deploys, retired colors, maintenances, told targets and revoked previews. A record without any is written as version
/// 1, which an older Teal
/// reads.
const VERSION: u32 = 2;

/// The version of records without anything that version 2 has.
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
    let is_new = matches!(
        event,
        Event::Deploy(_)
            | Event::Retired { .. }
            | Event::Maintained(_)
            | Event::Told(_)
            | Event::PreviewsRevoked { .. }
    );
    write(if is_new { VERSION } else { FIRST }, What::Event(event.into()))
}

/// Encodes a snapshot.
pub(crate) fn encode_snapshot(state: &State) -> Vec<u8> {
    let version = if needs_newest(state) { VERSION } else { FIRST };
    write(version, What::Snapshot(state.into()))
}

/// Returns true if the first version cannot say all of a state.
fn needs_newest(state: &State) -> bool {
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
