//! The effects of deploys on the state: their records, and the versions of colors.

use super::rollout;
use crate::deploy::{Deploy, DeployEnd, DeployId, DeployResult, DeployStep};
use crate::event::DeployEvent;
use crate::history::{DeployEntry, HistoryEntry};
use crate::name::{Color, Generation, ServiceName};
use crate::state::State;
use crate::time::Time;

pub(super) fn apply(state: &mut State, event: DeployEvent) {
    match event {
        DeployEvent::Began(deploy) => begun(state, *deploy),
        DeployEvent::Stepped { id, step, at } => stepped(state, id, step, at),
        DeployEvent::Paused { id, at: _ } => {
            if let Some(deploy) = state.deploys.get_mut(id) {
                deploy.paused = true;
            }
        }
        DeployEvent::Taken { id, claim, actor, by, at: _ } => {
            if let Some(deploy) = state.deploys.get_mut(id) {
                (deploy.claim, deploy.actor, deploy.by) = (claim, actor, by);
                deploy.paused = false;
            }
        }
        DeployEvent::Ended { id, result, detail, keep_until, at } => {
            ended(state, id, DeployEnd { result, at, detail, keep_until });
        }
    }
}

fn begun(state: &mut State, deploy: Deploy) {
    if deploy.sweep {
        state.deploys.push(deploy);
        return; // its end is in the history
    }
    for name in &deploy.services {
        if let Some(service) = state.services.get_mut(name) {
            service.rolled_back = None; // it would have been refused otherwise
        }
    }
    state.history.push(HistoryEntry::Deploy(Box::new(DeployEntry::of(&deploy, deploy.started()))));
    state.deploys.push(deploy);
}

fn stepped(state: &mut State, id: DeployId, step: DeployStep, at: Time) {
    let Some(deploy) = state.deploys.get_mut(id) else { return };
    deploy.paused = false;
    if deploy.step().0 != step {
        deploy.steps.push((step, at));
    }
    // What is left in the color is retired and stopped during the start; at the gate, the new environment runs.
    if !matches!(step, DeployStep::Start | DeployStep::Gate) {
        return;
    }
    let (color, version) = (deploy.color, deploy.version.clone());
    for name in deploy.services.clone() {
        if let Some(service) = state.services.get_mut(&name) {
            service.versions[color.index()].clone_from(&version);
            service.retired[color.index()] = false;
        }
        rollout::deployed(state, &name, color, version.as_ref());
    }
}

fn ended(state: &mut State, id: DeployId, end: DeployEnd) {
    let Some(deploy) = state.deploys.get_mut(id) else { return };
    let (result, at) = (end.result, end.at);
    deploy.ended = Some(end);
    let deploy = deploy.clone();
    state.deploys.forget();
    let place = DeployResult::ALL.iter().position(|one| *one == result);
    for name in &deploy.services {
        if let Some((service, place)) = state.services.get_mut(name).zip(place) {
            service.deploys[place] += 1;
        }
    }
    state.history.push(HistoryEntry::Deploy(Box::new(DeployEntry::of(&deploy, at))));
    let is_stopped = match result {
        DeployResult::Failed | DeployResult::Reverted | DeployResult::Abandoned => true,
        // A version that was swept is still the one to roll back to.
        DeployResult::Succeeded | DeployResult::Unknown | DeployResult::Swept => false,
    };
    if is_stopped && deploy.steps.iter().any(|(step, _)| *step == DeployStep::Start) {
        for name in &deploy.services {
            forget_version(state, name, deploy.color);
        }
    }
}

/// Forgets the version of a color whose environment was stopped; an active one was not.
fn forget_version(state: &mut State, name: &ServiceName, color: Color) {
    if let Some(service) = state.services.get_mut(name)
        && !service.split.receives(color)
    {
        service.versions[color.index()] = None;
    }
}

/// Notes the switch of a service onto the color of its open deploy.
pub(super) fn moved(state: &mut State, name: &ServiceName, to: Color, generation: Generation) {
    let mut open = state.deploys.open_mut();
    if let Some(deploy) = open.find(|deploy| deploy.color == to && deploy.concerns(name)) {
        deploy.generation = Some(generation);
    }
}
