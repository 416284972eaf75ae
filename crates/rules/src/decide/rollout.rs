//! The decisions about rollouts: a switch that is watched, and the ends of watching.

use crate::command::{Direction, EndRollout, MoveRequest, Watched};
use crate::event::{Event, RolloutEvent};
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::Cause;
use crate::refusal::Refusal;
use crate::rollout::{OnFail, Rollout, RolloutEnd, RolloutResult};
use crate::state::State;
use crate::time::Time;

/// A switch, as far as rollouts need to know it.
pub(super) struct Switch<'m> {
    pub(super) moving: &'m [ServiceName],
    pub(super) to: Color,
    pub(super) generation: Generation,
    pub(super) cause: Cause,
    pub(super) actor: &'m Actor,
}

/// Returns false if a switch follows from the verdict of a rollout that is over: then it has no effect.
// lossless: L12
pub(super) fn is_due(state: &State, request: &MoveRequest) -> bool {
    let Some(verdict) = &request.verdict else { return true };
    let rollout = state.rollouts.get(verdict.rollout).filter(|rollout| rollout.is_open());
    rollout.is_some_and(|rollout| {
        request.direction == Direction::Back && rollout.names().eq(&request.services)
    })
}

/// Ends the open rollouts of services that move, or that are removed.
pub(super) fn ended_by(
    state: &State,
    switch: &Switch<'_>,
    request: &MoveRequest,
    now: Time,
) -> Vec<Event> {
    let concerned = |rollout: &&Rollout| switch.moving.iter().any(|name| rollout.concerns(name));
    let end = |rollout: &Rollout| {
        let verdict = request.verdict.as_ref().filter(|verdict| verdict.rollout == rollout.id);
        let (result, detail) = match verdict {
            Some(verdict) => (RolloutResult::RolledBack, verdict.detail.clone()),
            None => {
                (RolloutResult::Aborted, format!("{} by {}", switch.cause.as_str(), switch.actor))
            }
        };
        let end = RolloutEnd { result, at: now, detail };
        Event::Rollout(RolloutEvent::Ended { id: rollout.id, end })
    };
    state.rollouts.open().filter(concerned).map(end).collect()
}

/// Returns the end of the open rollouts of services that are not configured any more.
pub(super) fn removed<'n>(
    state: &State,
    removed: impl Iterator<Item = &'n ServiceName>,
    now: Time,
) -> Vec<Event> {
    let removed: Vec<_> = removed.collect();
    let concerned = |rollout: &&Rollout| removed.iter().any(|name| rollout.concerns(name));
    let end = |rollout: &Rollout| {
        let detail = "a service was removed from the configuration".to_owned();
        let end = RolloutEnd { result: RolloutResult::Aborted, at: now, detail };
        Event::Rollout(RolloutEvent::Ended { id: rollout.id, end })
    };
    state.rollouts.open().filter(concerned).map(end).collect()
}

/// Begins to watch a switch. A version that was taken back before is watched without a consequence (L12).
pub(super) fn begun(
    state: &State,
    switch: &Switch<'_>,
    request: &MoveRequest,
    watched: Watched,
    now: Time,
) -> Event {
    let Watched { mut bake, baselines } = watched;
    let first = switch.moving.first();
    let version = request.version.clone();
    let version = version.or_else(|| first.and_then(|name| state.version(name, switch.to)));
    let was_taken_back = |name: &ServiceName| {
        let quarantine = state.services.get(name).and_then(|service| service.quarantine.as_ref());
        let version = request.version.clone().or_else(|| state.version(name, switch.to));
        quarantine.is_some_and(|quarantine| quarantine.holds(switch.to, version.as_ref()))
    };
    if switch.moving.iter().any(was_taken_back) {
        bake.on_fail = OnFail::Notify;
    }
    let services = baselines.into_iter().filter(|one| switch.moving.contains(&one.service));
    Event::Rollout(RolloutEvent::Began(Box::new(Rollout {
        id: state.rollouts.next(),
        services: services.collect(),
        candidate: switch.to,
        version,
        actor: switch.actor.clone(),
        generation: switch.generation,
        began: now,
        bake,
        ended: None,
    })))
}

/// Ends a rollout without moving traffic; nothing follows if it is over already.
pub(super) fn end(state: &State, command: EndRollout, now: Time) -> Result<Vec<Event>, Refusal> {
    let EndRollout { id, result, detail } = command;
    let rollout = state.rollouts.get(id).ok_or(Refusal::UnknownRollout { id })?;
    if !rollout.is_open() || result == RolloutResult::RolledBack {
        return Ok(Vec::new()); // traffic goes back only by a move
    }
    let end = RolloutEnd { result, at: now, detail };
    Ok(vec![Event::Rollout(RolloutEvent::Ended { id, end })])
}
