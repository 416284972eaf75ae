//! Targets that a runner has told.

use super::conclude_publish;
use crate::history::HistoryEntry;
use crate::state::State;
use crate::told::Told;

/// Makes the decision part of the state. With a generation, it is being published from now on.
pub(super) fn apply(state: &mut State, told: Told) {
    if let Some(generation) = told.generation {
        conclude_publish(state, told.at);
        state.generation = generation;
        state.publishing = Some(generation);
    }
    if let Some(service) = state.services.get_mut(&told.service) {
        service.told[told.color.index()].clone_from(&told.targets);
        service.generation = told.generation.unwrap_or(service.generation);
    }
    state.history.push(HistoryEntry::Told(told));
}
