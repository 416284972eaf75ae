//! Support for tests of decisions: one instant, and a state that is checked after each step.

#![allow(clippy::unwrap_used, reason = "a test that can't go on should stop")]

use rules::{Command, Event, Refusal, ServiceName, State, Time, apply, check, decide};

/// When everything happens.
pub(crate) const NOW: Time = Time(5_000_000);

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// Decides and applies; what follows is as a state can be.
pub(crate) fn run(state: &mut State, command: Command) -> Result<Vec<Event>, Refusal> {
    let events = decide(state, command, NOW)?;
    for event in &events {
        apply(state, event.clone());
    }
    check(state).unwrap();
    Ok(events)
}

/// Every worker has acknowledged what is being published.
pub(crate) fn publish(state: &mut State) {
    if let Some(generation) = state.publishing() {
        run(state, Command::Published { generation }).unwrap();
    }
}
