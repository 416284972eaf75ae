//! How decisions are written down: versioned JSON, so that a newer Teal reads what an older one
//! wrote. Only this module knows it; the types of `rules` know nothing of serde.
//!
//! A payload that can't be read is an error with its reason, never skipped: what was decided
//! must not be guessed.

mod event;
mod state;
#[cfg(test)]
mod tests;
mod word;

use rules::{Event, State};
use serde::{Deserialize, Serialize};

/// One payload read back.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// Something was decided.
    Event(Event),
    /// Everything decided before.
    Snapshot(State),
}

/// The only version so far. Fields may be added to it if they have a default; anything else
/// is a new version.
const VERSION: u32 = 1;

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

/// The payload of an event.
pub(crate) fn encode(event: &Event) -> Vec<u8> {
    write(What::Event(event.into()))
}

/// The payload of a snapshot.
pub(crate) fn encode_snapshot(state: &State) -> Vec<u8> {
    write(What::Snapshot(state.into()))
}

/// Reads a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Recorded, String> {
    let unreadable = |error: serde_json::Error| format!("it can't be read: {error}");
    let Version { v } = serde_json::from_slice(payload).map_err(unreadable)?;
    if v != VERSION {
        return Err(format!("it has version {v}, and this Teal reads {VERSION}"));
    }
    let Payload { what, .. } = serde_json::from_slice(payload).map_err(unreadable)?;
    Ok(match what {
        What::Event(event) => Recorded::Event(event.try_into()?),
        What::Snapshot(state) => Recorded::Snapshot(state.try_into()?),
    })
}

fn write(what: What) -> Vec<u8> {
    serde_json::to_vec(&Payload { v: VERSION, what })
        .expect("records are made of strings, numbers, lists and options")
}
