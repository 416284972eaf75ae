//! The decisions about deploys: when one may begin, and which reports about it are taken.

use std::time::Duration;

use crate::command::{BeginDeploy, Claim, ReportDeploy};
use crate::deploy::{Deploy, DeployEnd, DeployId, DeployResult, DeployStep, TAKE_AFTER};
use crate::event::{DeployEvent, Event};
use crate::gate;
use crate::name::{Color, Generation, ServiceName};
use crate::refusal::{DeployRefusal, Refusal};
use crate::state::{Service, State};
use crate::time::Time;
use crate::version::Version;

/// Begins a deploy to the idle color of the services, unless one of them is in an open deploy.
pub(super) fn begin(state: &State, request: BeginDeploy, now: Time) -> Result<Vec<Event>, Refusal> {
    let found: Vec<_> = request
        .services
        .iter()
        .map(|name| gate::find(state, name).map(|(service, _)| (name, service)))
        .collect::<Result<_, _>>()?;
    let Some((_, first)) = found.first() else {
        return Err(Refusal::ServiceRequired { services: state.serving_names() });
    };
    // lossless: L6 - the record is the lock.
    let open = request.services.iter().find_map(|name| state.deploys.open_of(name));
    if let Some(open) = open {
        let age = now.since(open.started());
        let deploy = Box::new(open.clone());
        return Err(Refusal::Deploy(DeployRefusal::InProgress { deploy, age }));
    }
    let color = idle(&found).map_err(Refusal::Deploy)?;
    if !request.supersede && !request.sweep {
        let mut all = found.iter();
        let checked = all.try_for_each(|(name, service)| not_rolled_back(name, service));
        checked.map_err(Refusal::Deploy)?;
        let version = request.version.as_ref();
        found.iter().try_for_each(|(name, service)| not_barred(name, service, color, version))?;
    }
    expect_generation(&found, request.if_generation)?;
    let from_version = first.versions[color.other().index()].clone();
    let BeginDeploy { services, group, version, actor, by, reason, emergency, sweep, .. } = request;
    let deploy = Deploy {
        id: DeployId(state.deploys.last().0.saturating_add(1)),
        services,
        group,
        color,
        version,
        from_version,
        actor,
        by,
        reason,
        emergency,
        sweep,
        claim: 1,
        steps: vec![(DeployStep::Lock, now)],
        paused: false,
        generation: None,
        ended: None,
    };
    Ok(vec![Event::Deploy(DeployEvent::Began(Box::new(deploy)))])
}

/// Returns the idle color, which must be the same for all services.
fn idle(found: &[(&ServiceName, &Service)]) -> Result<Color, DeployRefusal> {
    let mut services = found.iter().map(|(name, service)| (*name, service.split.stable()));
    let Some((first, active)) = services.next() else { return Ok(Color::Green) };
    match services.find(|(_, other)| *other != active) {
        None => Ok(active.other()),
        Some((other, _)) => Err(DeployRefusal::ColorsDiffer {
            service: first.clone(),
            active,
            other: other.clone(),
        }),
    }
}

fn not_rolled_back(name: &ServiceName, service: &Service) -> Result<(), DeployRefusal> {
    let Some(generation) = service.rolled_back else { return Ok(()) };
    Err(DeployRefusal::RolledBack { service: name.clone(), generation })
}

/// Refuses a version that Teal has taken back.
fn not_barred(
    name: &ServiceName,
    service: &Service,
    color: Color,
    version: Option<&Version>,
) -> Result<(), Refusal> {
    let Some(quarantine) = service.quarantine.as_ref().filter(|one| one.bars(color, version))
    else {
        return Ok(());
    };
    let (version, rollout) = (quarantine.version.clone(), quarantine.rollout);
    Err(Refusal::Quarantined { service: name.clone(), color, version, rollout })
}

fn expect_generation(
    found: &[(&ServiceName, &Service)],
    expected: Option<Generation>,
) -> Result<(), Refusal> {
    let newest = found.iter().max_by_key(|(_, service)| service.generation);
    let Some(((name, service), expected)) = newest.zip(expected) else { return Ok(()) };
    let actual = service.generation;
    if actual == expected {
        return Ok(());
    }
    Err(Refusal::GenerationMismatch { service: (*name).clone(), expected, actual })
}

/// Takes a report, all of it or nothing. Without a step and a result it says that the command line is alive, and
/// nothing follows.
pub(super) fn report(
    state: &State,
    report: ReportDeploy,
    now: Time,
) -> Result<Vec<Event>, DeployRefusal> {
    let id = report.id;
    let deploy = state.deploys.get(id).ok_or(DeployRefusal::Unknown { id })?;
    if let Some(DeployEnd { result, .. }) = deploy.ended {
        return Err(DeployRefusal::Ended { id, result });
    }
    let mut events = Vec::new();
    let mut paused = deploy.paused;
    match report.claim {
        Claim::Held(claim) => holds(deploy, claim)?,
        Claim::Take { actor, by, silent } => {
            may_be_taken(deploy, silent)?;
            let claim = deploy.claim.saturating_add(1);
            events.push(DeployEvent::Taken { id, claim, actor, by, at: now });
            paused = false;
        }
    }
    let (mut step, _) = deploy.step();
    if let Some(next) = report.step {
        if next < step {
            let reason = format!("deploy {id} is at step {step}, and {next} comes before it");
            return Err(DeployRefusal::Step { id, reason });
        }
        if next > step || paused {
            events.push(DeployEvent::Stepped { id, step: next, at: now });
        }
        step = next;
    }
    if report.pause {
        if step >= DeployStep::Switch {
            let reason = format!("deploy {id} is at step {step}: it pauses only before its switch");
            return Err(DeployRefusal::Step { id, reason });
        }
        events.push(DeployEvent::Paused { id, at: now });
    }
    if let Some(result) = report.result {
        holds_true(state, deploy, step, result)?;
        let keep_until = report.keep.map(|keep| now.plus(keep));
        events.push(DeployEvent::Ended { id, result, detail: report.detail, keep_until, at: now });
    }
    Ok(events.into_iter().map(Event::Deploy).collect())
}

/// Refuses a command line that was replaced by another one.
fn holds(deploy: &Deploy, claim: u32) -> Result<(), DeployRefusal> {
    if claim == deploy.claim {
        return Ok(());
    }
    Err(DeployRefusal::TakenOver { id: deploy.id, claim: deploy.claim, by: deploy.by() })
}

/// Refuses to replace a command line that is alive. After a pause there is none.
fn may_be_taken(deploy: &Deploy, silent: Duration) -> Result<(), DeployRefusal> {
    if deploy.paused || silent >= TAKE_AFTER {
        return Ok(());
    }
    Err(DeployRefusal::ClientAlive { id: deploy.id, by: deploy.by(), silent })
}

/// Refuses a result that contradicts where traffic goes.
fn holds_true(
    state: &State,
    deploy: &Deploy,
    step: DeployStep,
    result: DeployResult,
) -> Result<(), DeployRefusal> {
    let (id, color) = (deploy.id, deploy.color);
    let active = |name: &&ServiceName| state.active(name) == Some(color);
    let refused = |reason: String| Err(DeployRefusal::Step { id, reason });
    match result {
        DeployResult::Succeeded => {
            if step < DeployStep::Switch {
                return refused(format!("deploy {id} is at step {step}, before its switch"));
            }
            let idle = deploy.services.iter().find(|name| !active(name));
            idle.map_or(Ok(()), |name| {
                refused(format!("{color} is not the active color of {name}, so deploy {id} has not succeeded"))
            })
        }
        DeployResult::Swept if !deploy.sweep => {
            refused(format!("deploy {id} is not a sweep, so it has not {result}"))
        }
        DeployResult::Failed | DeployResult::Reverted | DeployResult::Swept => {
            deploy.services.iter().find(active).map_or(Ok(()), |name| {
                refused(format!(
                    "{color} is the active color of {name}, so deploy {id} has not {result}; switch back first, or \
                     report it as unknown"
                ))
            })
        }
        DeployResult::Unknown | DeployResult::Abandoned => Ok(()),
    }
}
