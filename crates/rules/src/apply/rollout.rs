//! The effects of rollouts on the state: their records, and what is quarantined.

use crate::event::RolloutEvent;
use crate::name::{Color, ServiceName};
use crate::rollout::{Quarantine, Rollout, RolloutEnd, RolloutId, RolloutResult};
use crate::state::State;
use crate::version::Version;

pub(super) fn apply(state: &mut State, event: RolloutEvent) {
    match event {
        RolloutEvent::Began(rollout) => state.rollouts.push(*rollout),
        RolloutEvent::Ended { id, end } => ended(state, id, end),
    }
}

fn ended(state: &mut State, id: RolloutId, end: RolloutEnd) {
    let result = end.result;
    let Some(rollout) = state.rollouts.end(id, end) else { return };
    if result == RolloutResult::RolledBack {
        quarantine(state, &rollout);
    }
}

fn quarantine(state: &mut State, rollout: &Rollout) {
    for name in rollout.names() {
        if let Some(service) = state.services.get_mut(name) {
            service.quarantine = Some(Quarantine {
                color: rollout.candidate,
                version: rollout.version.clone(),
                rollout: rollout.id,
                superseded: false,
            });
        }
    }
}

/// Notes that traffic moves to a color: what was quarantined there is superseded, or replaced by another version.
pub(super) fn moved(state: &mut State, name: &ServiceName, to: Color) {
    let version = state.version(name, to);
    let version = version.as_ref();
    let Some(service) = state.services.get_mut(name) else { return };
    let Some(quarantine) = service.quarantine.as_mut().filter(|one| one.color == to) else {
        return;
    };
    if quarantine.holds(to, version) {
        quarantine.superseded = true;
    } else {
        service.quarantine = None;
    }
}

/// Notes that a deploy replaces the environment of a color. It is another release then, unless it has the same label.
pub(super) fn deployed(
    state: &mut State,
    name: &ServiceName,
    to: Color,
    version: Option<&Version>,
) {
    let Some(service) = state.services.get_mut(name) else { return };
    let Some(quarantine) = service.quarantine.as_mut().filter(|one| one.color == to) else {
        return;
    };
    if version.is_some() && quarantine.holds(to, version) {
        quarantine.superseded = true;
    } else {
        service.quarantine = None;
    }
}
