//! From a command to the events that follow from it, or a refusal. Changes nothing.

use crate::command::{Aim, Command, Move, Wanted};
use crate::event::{Event, Fate};
use crate::gate::{self, Passage};
use crate::name::{Actor, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Progress};
use crate::refusal::Refusal;
use crate::state::{Stage, State};
use crate::time::Time;

/// What follows from a command now: events to be journaled together and then applied in
/// order. None: it has no effect, because what it wants is so already, or is over.
pub fn decide(state: &State, command: Command, now: Time) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Move(wanted) => decide_move(state, wanted, now),
        Command::Published { generation } if state.publishing == Some(generation) => {
            Ok(vec![Event::Published { generation, at: now }])
        }
        Command::EndDrain { generation, end, figures } if is_draining(state, generation) => {
            Ok(vec![Event::DrainEnded { generation, at: now, end, figures: Some(figures) }])
        }
        Command::Hold { service, actor, max_wait } => {
            let (_, serving) = gate::find(state, &service)?;
            if serving.held.is_some() {
                return Err(Refusal::AlreadyHeld { service });
            }
            Ok(vec![Event::Held { service, actor, at: now, max_wait }])
        }
        Command::Resume { service, actor } => {
            let (_, serving) = gate::find(state, &service)?;
            if serving.held.is_none() {
                return Err(Refusal::NotHeld { service });
            }
            Ok(vec![Event::Resumed { service, actor, at: now }])
        }
        Command::Reload { wanted, actor } => decide_reload(state, &wanted, actor, now),
        Command::Restart if is_anything_open(state) => Ok(vec![Event::Restarted { at: now }]),
        Command::Published { .. } | Command::EndDrain { .. } | Command::Restart => Ok(Vec::new()),
    }
}

fn decide_move(state: &State, wanted: Move, now: Time) -> Result<Vec<Event>, Refusal> {
    let Move { wish, actor, evidence, unfinished } = wanted;
    let (from, to) = match gate::examine(state, &wish, now)? {
        Passage::AlreadyOn { .. } => return Ok(Vec::new()),
        Passage::Open { from, to, .. } => (from, to),
    };
    if evidence.is_empty() {
        let reason = "no probe has proven it healthy".to_owned();
        return Err(Refusal::Unhealthy { service: wish.service, color: to, reason });
    }
    let generation = state.generation.next();
    let mut events = Vec::new();
    if let Some((_, serving)) = state.serving(&wish.service)
        && let Some(open) = serving.open
    {
        let end = DrainEnd::Superseded { by: generation };
        events.push(Event::DrainEnded { generation: open, at: now, end, figures: unfinished });
    }
    let cause = match wish.aim {
        Aim::To(_) => Cause::Switch,
        Aim::Back => Cause::Rollback,
        Aim::AwayFrom(_) => Cause::Failover,
    };
    let service = wish.service;
    events.push(Event::Moved { service, from, generation, cause, actor, at: now, evidence });
    Ok(events)
}

fn decide_reload(
    state: &State,
    wanted: &[Wanted],
    actor: Actor,
    now: Time,
) -> Result<Vec<Event>, Refusal> {
    let is_wanted = |name: &ServiceName| wanted.iter().any(|wanted| wanted.name == *name);
    let came = wanted.iter().filter_map(|wanted| Some((wanted.name.clone(), fate(state, wanted)?)));
    let mut services: Vec<_> = came.collect();
    let left = state.serving_names().into_iter().filter(|name| !is_wanted(name));
    services.extend(left.map(|name| (name, Fate::Retired)));
    if services.is_empty() {
        return Ok(Vec::new());
    }
    if state.publishing.is_some() {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    let generation = if state.is_new() { Generation(0) } else { state.generation.next() };
    let open = services.iter().filter(|(_, fate)| *fate == Fate::Retired);
    let open = open.filter_map(|(name, _)| state.serving(name)?.1.open);
    let superseded = open.map(|open| Event::DrainEnded {
        generation: open,
        at: now,
        end: DrainEnd::Superseded { by: generation },
        figures: None,
    });
    let mut events: Vec<_> = superseded.collect();
    events.push(Event::Reloaded { generation, actor, at: now, services });
    Ok(events)
}

fn fate(state: &State, wanted: &Wanted) -> Option<Fate> {
    match state.services.get(&wanted.name).map(|service| &service.stage) {
        None => Some(Fate::Added(wanted.initial)),
        Some(Stage::Retired) => Some(Fate::Restored),
        Some(Stage::Serving(_)) => wanted.moved.then_some(Fate::Moved),
    }
}

fn is_draining(state: &State, generation: Generation) -> bool {
    let receipt = state.history.receipt(generation);
    receipt.is_some_and(|receipt| matches!(receipt.progress, Progress::Draining { .. }))
}

fn is_anything_open(state: &State) -> bool {
    let open = |stage: &Stage| matches!(stage, Stage::Serving(serving) if serving.open.is_some());
    state.publishing.is_some() || state.services.values().any(|service| open(&service.stage))
}
