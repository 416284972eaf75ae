//! Turns a command into the events that follow from it, or a refusal. Changes nothing.

use crate::command::{Aim, Command, Move, Proven, Wanted};
use crate::event::{Event, Fate};
use crate::gate::{self, Passage};
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Progress};
use crate::refusal::Refusal;
use crate::state::{Stage, State};
use crate::time::Time;

/// Returns the events that follow from a command now, to be journaled together and then applied in
/// order. If there are none, it has no effect, because its result is already there, or is over.
pub fn decide(state: &State, command: Command, now: Time) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Move(wanted) => decide_move(state, wanted, now),
        Command::Published { generation } if state.publishing == Some(generation) => {
            Ok(vec![Event::Published { generation, at: now }])
        }
        Command::EndDrain { generation, service, end, figures }
            if is_draining(state, generation, &service) =>
        {
            let (service, figures) = (Some(service), Some(figures));
            Ok(vec![Event::DrainEnded { generation, service, at: now, end, figures }])
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
        Command::EndWait { verb, services, actor, since, end } => {
            Ok(vec![Event::WaitEnded { verb, services, actor, since, at: now, end }])
        }
        Command::Restart if is_anything_open(state) => Ok(vec![Event::Restarted { at: now }]),
        Command::Published { .. } | Command::EndDrain { .. } | Command::Restart => Ok(Vec::new()),
    }
}

// lossless: L6 - all that a move changes is one list of events, so one append to the journal.
fn decide_move(state: &State, wanted: Move, now: Time) -> Result<Vec<Event>, Refusal> {
    let Move { wish, actor, mut proven } = wanted;
    let (moving, from, to) = match gate::examine(state, &wish, now)? {
        Passage::AlreadyOn { .. } => return Ok(Vec::new()),
        Passage::Open { moving, from, to, .. } => (moving, from, to),
    };
    let cause = match wish.aim {
        Aim::To(_) => Cause::Switch,
        Aim::Back => Cause::Rollback,
        Aim::AwayFrom(_) => Cause::Failover,
    };
    let generation = state.generation.next();
    let (mut superseded, mut moved) = (Vec::new(), Vec::new());
    for service in moving {
        let Proven { evidence, unfinished, .. } = take(&mut proven, &service, to)?;
        let open = state.serving(&service).and_then(|(_, serving)| serving.open);
        superseded.extend(open.map(|open| Event::DrainEnded {
            generation: open,
            service: Some(service.clone()),
            at: now,
            end: DrainEnd::Superseded { by: generation },
            figures: unfinished,
        }));
        let actor = actor.clone();
        moved.push(Event::Moved { service, from, generation, cause, actor, at: now, evidence });
    }
    superseded.extend(moved);
    Ok(superseded)
}

/// Takes the evidence for a service. There is none if a change in between made it another service or
/// color than was examined first: then it must be examined again.
// lossless: L9
fn take(proven: &mut Vec<Proven>, service: &ServiceName, to: Color) -> Result<Proven, Refusal> {
    let found = proven.iter().position(|one| one.service == *service && one.color == to);
    let found = found.ok_or(Refusal::SwitchInProgress { generation: None })?;
    let proven = proven.swap_remove(found);
    if proven.evidence.is_empty() {
        let reason = "no probe has proven it healthy".to_owned();
        return Err(Refusal::Unhealthy { service: service.clone(), color: to, reason });
    }
    Ok(proven)
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
    let retired = services.iter().filter(|(_, fate)| *fate == Fate::Retired);
    let open = retired.filter_map(|(name, _)| Some((name, state.serving(name)?.1.open?)));
    let superseded = open.map(|(name, open)| Event::DrainEnded {
        generation: open,
        service: Some(name.clone()),
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

fn is_draining(state: &State, generation: Generation, service: &ServiceName) -> bool {
    let receipt = state.history.receipt(generation, service);
    receipt.is_some_and(|receipt| matches!(receipt.progress, Progress::Draining { .. }))
}

fn is_anything_open(state: &State) -> bool {
    let open = |stage: &Stage| matches!(stage, Stage::Serving(serving) if serving.open.is_some());
    state.publishing.is_some() || state.services.values().any(|service| open(&service.stage))
}
