//! Turns a command into the events that follow from it, or a refusal. Changes nothing.

mod deploy;
mod rollout;
mod told;

use crate::command::{Command, ConfiguredService, Direction, Move, ProvenColor};
use crate::event::{Event, ServiceChange};
use crate::gate::{self, GateOutcome};
use crate::maintenance::Maintained;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Progress};
use crate::refusal::Refusal;
use crate::state::{Lifecycle, State};
use crate::time::Time;

/// Returns the events that follow from a command now, to be journaled together and then applied in
/// order. If there are none, it has no effect, because its result is already there, or is over.
pub fn decide(state: &State, command: Command, now: Time) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Move(requested) => decide_move(state, requested, now),
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
            if serving.maintenance.is_some() {
                return Err(Refusal::InMaintenance { service });
            }
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
        Command::BeginMaintenance { services, actor, notice } => {
            services.iter().try_for_each(|service| gate::find(state, service).map(drop))?;
            let notice = Some(notice);
            Ok(vec![Event::Maintained(Maintained { services, actor, at: now, notice })])
        }
        Command::EndMaintenance { services, actor } => {
            let services = in_maintenance(state, services)?;
            Ok(vec![Event::Maintained(Maintained { services, actor, at: now, notice: None })])
        }
        Command::Reload { configured, actor } => decide_reload(state, &configured, actor, now),
        Command::Retire { service, color, actor } => retire(state, service, color, actor, now),
        Command::Tell(told) => told::tell(state, told, now),
        Command::RevokePreviews { service, actor } => {
            gate::find(state, &service)?;
            Ok(vec![Event::PreviewsRevoked { service, actor, at: now }])
        }
        Command::BeginDeploy(request) => deploy::begin(state, request, now),
        Command::ReportDeploy(report) => {
            deploy::report(state, report, now).map_err(Refusal::Deploy)
        }
        Command::EndRollout(command) => rollout::end(state, command, now),
        Command::EndWait { verb, services, actor, since, end } => {
            Ok(vec![Event::WaitEnded { verb, services, actor, since, at: now, end }])
        }
        Command::Restart if is_anything_open(state) => Ok(vec![Event::Restarted { at: now }]),
        Command::Published { .. } | Command::EndDrain { .. } | Command::Restart => Ok(Vec::new()),
    }
}

/// Returns those of the services that are in maintenance, of which there must be one.
fn in_maintenance(state: &State, services: Vec<ServiceName>) -> Result<Vec<ServiceName>, Refusal> {
    let mut found = Vec::new();
    for service in &services {
        let (_, serving) = gate::find(state, service)?;
        found.extend(serving.maintenance.is_some().then(|| service.clone()));
    }
    if found.is_empty() { Err(Refusal::NotInMaintenance { services }) } else { Ok(found) }
}

// lossless: L6 - all that a move changes is one list of events, so one append to the journal.
fn decide_move(state: &State, requested: Move, now: Time) -> Result<Vec<Event>, Refusal> {
    let Move { request, actor, mut proven, remarks, watched } = requested;
    if !rollout::is_due(state, &request) {
        return Ok(Vec::new());
    }
    let (moving, from, to) = match gate::examine(state, &request, now)? {
        GateOutcome::AlreadyOn { .. } => return Ok(Vec::new()),
        GateOutcome::Open { moving, from, to, .. } => (moving, from, to),
    };
    let cause = match request.direction {
        Direction::To(_) => Cause::Switch,
        Direction::Back => Cause::Rollback,
        Direction::AwayFrom(_) => Cause::Failover,
    };
    let generation = state.generation.next();
    let switch = rollout::Switch { moving: &moving, to, generation, cause, actor: &actor };
    let (mut superseded, mut moved) = (Vec::new(), Vec::new());
    for service in &moving {
        let ProvenColor { evidence, unfinished, .. } = take(&mut proven, service, to)?;
        let service = service.clone();
        let open = state.serving(&service).and_then(|(_, serving)| serving.open);
        superseded.extend(open.map(|open| Event::DrainEnded {
            generation: open,
            service: Some(service.clone()),
            at: now,
            end: DrainEnd::Superseded { by: generation },
            figures: unfinished,
        }));
        let (actor, remarks, at) = (actor.clone(), remarks.clone(), now);
        moved.push(Event::Moved { service, from, generation, cause, actor, at, evidence, remarks });
    }
    superseded.extend(rollout::ended_by(state, &switch, &request, now));
    superseded.extend(moved);
    let watched = watched.filter(|_| cause == Cause::Switch);
    superseded
        .extend(watched.map(|watched| rollout::begun(state, &switch, &request, watched, now)));
    Ok(superseded)
}

/// Takes the evidence for a service. There is none if a change in between made it another service or
/// color than was examined first: then it must be examined again.
// lossless: L9
fn take(
    proven: &mut Vec<ProvenColor>,
    service: &ServiceName,
    to: Color,
) -> Result<ProvenColor, Refusal> {
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
    configured: &[ConfiguredService],
    actor: Actor,
    now: Time,
) -> Result<Vec<Event>, Refusal> {
    let is_configured = |name: &ServiceName| configured.iter().any(|one| one.name == *name);
    let came = configured
        .iter()
        .filter_map(|configured| Some((configured.name.clone(), change(state, configured)?)));
    let mut services: Vec<_> = came.collect();
    let left = state.serving_names().into_iter().filter(|name| !is_configured(name));
    services.extend(left.map(|name| (name, ServiceChange::Removed)));
    let told = told::reloaded(state, configured, &actor, now);
    if services.is_empty() {
        return Ok(told);
    }
    if state.publishing.is_some() {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    let generation = if state.is_new() { Generation(0) } else { state.generation.next() };
    let removed = services.iter().filter(|(_, change)| *change == ServiceChange::Removed);
    let open = removed.filter_map(|(name, _)| Some((name, state.serving(name)?.1.open?)));
    let superseded = open.map(|(name, open)| Event::DrainEnded {
        generation: open,
        service: Some(name.clone()),
        at: now,
        end: DrainEnd::Superseded { by: generation },
        figures: None,
    });
    let mut events: Vec<_> = superseded.collect();
    let removed = services.iter().filter(|(_, change)| *change == ServiceChange::Removed);
    events.extend(rollout::removed(state, removed.map(|(name, _)| name), now));
    events.push(Event::Reloaded { generation, actor, at: now, services });
    events.extend(told);
    Ok(events)
}

fn change(state: &State, configured: &ConfiguredService) -> Option<ServiceChange> {
    match state.services.get(&configured.name).map(|service| &service.lifecycle) {
        None => Some(ServiceChange::Added(configured.initial)),
        Some(Lifecycle::Removed) => Some(ServiceChange::Restored),
        Some(Lifecycle::Serving(_)) => configured.moved.then_some(ServiceChange::Moved),
    }
}

fn retire(
    state: &State,
    service: ServiceName,
    color: Color,
    actor: Actor,
    now: Time,
) -> Result<Vec<Event>, Refusal> {
    let (found, _) = gate::find(state, &service)?;
    if found.split.receives(color) {
        return Err(Refusal::ColorActive { service, color });
    }
    if found.retired[color.index()] {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Retired { service, color, actor, at: now }])
}

fn is_draining(state: &State, generation: Generation, service: &ServiceName) -> bool {
    let receipt = state.history.receipt(generation, service);
    receipt.is_some_and(|receipt| matches!(receipt.progress, Progress::Draining { .. }))
}

fn is_anything_open(state: &State) -> bool {
    let open = |lifecycle: &Lifecycle| matches!(lifecycle, Lifecycle::Serving(serving) if serving.open.is_some());
    state.publishing.is_some() || state.services.values().any(|service| open(&service.lifecycle))
}
