//! The format of decisions in the journal: versioned JSON, so that a newer Teal reads what an older one
//! wrote. Only this module knows it; the types of `rules` do not depend on serde.
//!
//! A payload that cannot be parsed is an error with its reason and is never skipped: decisions must
//! not be guessed.

mod event;
mod state;
#[cfg(test)]
mod tests;
mod word;

use rules::{Event, State};
use serde::{Deserialize, Serialize};

/// A decoded payload.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// A decision.
    Event(Event),
    /// All decisions so far.
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

/// Encodes an event.
pub(crate) fn encode(event: &Event) -> Vec<u8> {
    write(What::Event(event.into()))
}

/// Encodes a snapshot.
pub(crate) fn encode_snapshot(state: &State) -> Vec<u8> {
    write(What::Snapshot(state.into()))
}

/// Decodes a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Recorded, String> {
    let unreadable = |error: serde_json::Error| format!("it cannot be parsed: {error}");
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
