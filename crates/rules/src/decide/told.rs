//! The decisions about targets that a runner tells.

use crate::command::ConfiguredService;
use crate::deploy::{DeployEnd, DeployId};
use crate::event::Event;
use crate::gate;
use crate::name::{Actor, Color, ServiceName};
use crate::refusal::{DeployRefusal, Refusal};
use crate::state::State;
use crate::time::Time;
use crate::told::{Tell, Told};

/// Uses other targets for a color. It is a generation if the color receives traffic.
pub(super) fn tell(state: &State, tell: Tell, now: Time) -> Result<Vec<Event>, Refusal> {
    let Tell { service, color, targets, deploy, if_generation, actor } = tell;
    let (found, _) = gate::find(state, &service)?;
    holds(state, &service, deploy, now).map_err(Refusal::Deploy)?;
    gate::expect_generation(state, &service, if_generation)?;
    if found.told[color.index()] == targets {
        return Ok(Vec::new());
    }
    let is_active = found.split.receives(color);
    if is_active && targets.is_empty() {
        let reason = "it would have no targets; switch to the other color first".to_owned();
        return Err(Refusal::Unhealthy { service, color, reason });
    }
    if is_active && state.publishing.is_some() {
        return Err(Refusal::SwitchInProgress { generation: state.publishing });
    }
    let generation = is_active.then(|| state.generation.next());
    Ok(vec![Event::Told(Told { service, color, targets, generation, actor, at: now })])
}

/// Refuses a caller that is not the command line of the open deploy of the service, if there is one.
fn holds(
    state: &State,
    service: &ServiceName,
    claimed: Option<(DeployId, u32)>,
    now: Time,
) -> Result<(), DeployRefusal> {
    let open = state.deploys.open_of(service);
    let Some((id, claim)) = claimed else {
        let Some(open) = open else { return Ok(()) };
        let age = now.since(open.started());
        return Err(DeployRefusal::InProgress { deploy: Box::new(open.clone()), age });
    };
    let deploy = state.deploys.get(id).ok_or(DeployRefusal::Unknown { id })?;
    if let Some(DeployEnd { result, .. }) = deploy.ended {
        return Err(DeployRefusal::Ended { id, result });
    }
    if claim != deploy.claim {
        return Err(DeployRefusal::TakenOver { id, claim: deploy.claim, by: deploy.by() });
    }
    if deploy.concerns(service) {
        return Ok(());
    }
    let reason =
        format!("deploy {id} does not concern {service}, so it has no targets to tell for it");
    Err(DeployRefusal::Step { id, reason })
}

/// Returns what a configuration changes about told targets. It moves no traffic by itself.
pub(super) fn reloaded(
    state: &State,
    configured: &[ConfiguredService],
    actor: &Actor,
    now: Time,
) -> Vec<Event> {
    let mut events = Vec::new();
    for ConfiguredService { name, told, .. } in configured {
        for (color, targets) in Color::BOTH.into_iter().zip(told) {
            if state.told(name, color) != targets {
                let (service, targets, actor) = (name.clone(), targets.clone(), actor.clone());
                let (generation, at) = (None, now);
                events.push(Event::Told(Told { service, color, targets, generation, actor, at }));
            }
        }
    }
    events
}
