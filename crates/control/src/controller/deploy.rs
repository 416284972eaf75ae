//! The record of a deploy: begun, reported and read. The deploy itself is carried out by a command line.
//!
//! Guaranteed: what a call is answered is durable (L6). A report moves no traffic, so it waits for no publish.

use std::sync::Arc;

use rules::{
    Claim, Command, Deploy, DeployEvent, DeployId, DeployRefusal, DeployResult, DeployStep, Event,
    GroupName, Refusal, ReportDeploy, ServiceName,
};

use crate::core::{Core, Inner};
use crate::events::{DeployProgress, LiveEvent};
use crate::inbox::Answer;
use crate::request::{BeginDeployRequest, DeploySelection, ReportDeployRequest, Scope};
use crate::view::DeployStatus;

/// Begins a deploy.
pub(super) async fn begin(core: Arc<Core>, request: BeginDeployRequest) -> Answer<DeployStatus> {
    let (scope, actor) = (request.scope.clone(), request.actor.clone());
    let command = move |inner: &mut Inner| Ok(Command::BeginDeploy(inner.deploy_wanted(request)?));
    let own = core.clone();
    let begun = core.commit_in_time(command, move |inner, events| {
        let id = inner.state.deploys().last();
        own.tell(inner, id, events)
    });
    begun.await.inspect_err(|refusal| core.refused(scope, &actor, refusal))
}

/// Takes a report about a deploy, or a sign of life.
pub(super) async fn report(core: Arc<Core>, request: ReportDeployRequest) -> Answer<DeployStatus> {
    let (id, actor) = (request.id, request.actor.clone());
    let own = core.clone();
    let command = move |inner: &mut Inner| Ok(inner.reported(&own, request));
    let own = core.clone();
    let taken = core.commit_in_time(command, move |inner, events| own.tell(inner, id, events));
    taken.await.inspect_err(|refusal| {
        let scope = core.lock().state.deploys().get(id).map(scope_of).unwrap_or_default();
        core.refused(scope, &actor, refusal);
    })
}

/// Returns the selected deploys, newest first.
pub(super) fn read(core: &Core, selection: &DeploySelection) -> Answer<Vec<DeployStatus>> {
    let inner = core.lock();
    let deploys = inner.state.deploys();
    if let Some(id) = selection.id {
        let found = deploys.get(id).ok_or(unknown(id))?;
        return Ok(vec![inner.deploy_status(core, found)]);
    }
    let is_selected = |deploy: &&Deploy| {
        selection.service.as_ref().is_none_or(|service| deploy.concerns(service))
    };
    if let Some(service) = &selection.service
        && inner.state.serving(service).is_none()
        && !deploys.iter().any(|deploy| deploy.concerns(service))
    {
        let services = inner.state.serving_names();
        return Err(Refusal::UnknownService { name: service.clone(), services });
    }
    let selected = deploys.iter().rev().filter(is_selected);
    Ok(selected.map(|deploy| inner.deploy_status(core, deploy)).collect())
}

pub(super) fn unknown(id: DeployId) -> Refusal {
    Refusal::Deploy(DeployRefusal::Unknown { id })
}

/// Returns the services of a deploy, as a caller names them.
fn scope_of(deploy: &Deploy) -> Scope {
    match (&deploy.group, &deploy.services[..]) {
        (Some(group), _) => Scope::Group(group.clone()),
        (None, [service, ..]) => Scope::Service(service.clone()),
        (None, []) => Scope::Only,
    }
}

impl Core {
    /// Notes the sign of life that a call is, and reports what has changed.
    fn tell(&self, inner: &mut Inner, id: DeployId, events: &[Event]) -> Answer<DeployStatus> {
        let deploy = inner.state.deploys().get(id).ok_or(unknown(id))?.clone();
        if deploy.is_open() {
            inner.heartbeats.hear(id, self.clock.moment());
        } else {
            inner.heartbeats.forget(id);
        }
        for event in events {
            if let Event::Deploy(event) = event {
                let progress = DeployProgress::of(event);
                let starts = [DeployStep::Start, DeployStep::Gate].map(DeployProgress::Step);
                if starts.contains(&progress) {
                    self.unretired.notify_waiters();
                }
                if is_after_a_change_of_environment(&progress) {
                    inner.void_evidence(&deploy);
                }
                self.refresh.notify_one(); // the answers of previews name the version
                log(&deploy, &progress);
                self.emit(LiveEvent::Deploy { deploy: Box::new(deploy.clone()), progress });
            }
        }
        Ok(inner.deploy_status(self, &deploy))
    }
}

impl Inner {
    /// Returns what is to be decided about a report.
    pub(super) fn reported(&self, core: &Core, request: ReportDeployRequest) -> Command {
        let ReportDeployRequest { id, actor, claim, by, step, pause, result, detail, keep } =
            request;
        let silent = || self.heartbeats.silent(id, core.clock.moment());
        let claim = match claim {
            Some(claim) => Claim::Held(claim),
            None => Claim::Take { actor, by, silent: silent() },
        };
        Command::ReportDeploy(ReportDeploy { id, claim, step, pause, result, detail, keep })
    }

    /// Forgets the probes of a deploy's color, which were answered by the environment that ran there before. A color
    /// that receives traffic is left alone.
    // lossless: L9
    fn void_evidence(&mut self, deploy: &Deploy) {
        for service in &deploy.services {
            let known = self.state.serving(service);
            let Some((known, _)) = known else { continue };
            if known.split.receives(deploy.color) {
                continue;
            }
            let is_retired = known.retired[deploy.color.index()];
            let Some(member) = self.roster.member_mut(service) else { continue };
            for target in &mut member.colors[deploy.color.index()].targets {
                target.forget_health();
                if !is_retired {
                    target.hurry.notify_one();
                }
            }
        }
    }
}

/// Returns true if another environment runs in the color since the last probes, or none: the deploy has started
/// the new one, or has stopped it.
fn is_after_a_change_of_environment(progress: &DeployProgress) -> bool {
    match progress {
        DeployProgress::Step(step) => *step == DeployStep::Gate,
        DeployProgress::Ended(result, _) => matches!(
            result,
            DeployResult::Failed
                | DeployResult::Reverted
                | DeployResult::Abandoned
                | DeployResult::Swept
        ),
        DeployProgress::Began | DeployProgress::Paused | DeployProgress::Taken => false,
    }
}

fn log(deploy: &Deploy, progress: &DeployProgress) {
    let Deploy { id, color, version, actor, .. } = deploy;
    let services = deploy.services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
    let version = version.as_ref().map(tracing::field::display);
    let by = deploy.by();
    match progress {
        DeployProgress::Began => {
            tracing::info!(%id, services, %color, version, %actor, by, "deploy began");
        }
        DeployProgress::Step(step) => tracing::info!(%id, services, %step, "deploy step"),
        DeployProgress::Paused => tracing::info!(%id, services, "deploy paused before its switch"),
        DeployProgress::Taken => {
            tracing::warn!(%id, services, %actor, by, "deploy taken over by another command line");
        }
        DeployProgress::Ended(
            result @ (DeployResult::Succeeded | DeployResult::Abandoned | DeployResult::Swept),
            _,
        ) => {
            tracing::info!(%id, services, %color, version, %result, "deploy ended");
        }
        DeployProgress::Ended(result, detail) => {
            tracing::warn!(%id, services, %color, version, %result, detail, "deploy ended");
        }
    }
}

impl Inner {
    /// Returns the command for a call.
    fn deploy_wanted(&self, request: BeginDeployRequest) -> Answer<rules::BeginDeploy> {
        let group: Option<GroupName> = match &request.scope {
            Scope::Group(group) => Some(group.clone()),
            Scope::Only | Scope::Service(_) => None,
        };
        Ok(rules::BeginDeploy {
            services: self.services_of(&request.scope)?,
            group,
            version: request.version,
            actor: request.actor,
            by: request.by,
            reason: request.reason,
            emergency: request.emergency,
            supersede: request.supersede,
            sweep: request.sweep,
            if_generation: request.if_generation,
        })
    }

    /// Returns a deploy with the time since its command line last reported.
    pub(super) fn deploy_status(&self, core: &Core, deploy: &Deploy) -> DeployStatus {
        let silent = self.heartbeats.shown(deploy, core.clock.moment());
        DeployStatus { deploy: deploy.clone(), silent, at: crate::clock::Clock::now() }
    }
}

impl DeployProgress {
    fn of(event: &DeployEvent) -> Self {
        match event {
            DeployEvent::Began(_) => Self::Began,
            DeployEvent::Stepped { step, .. } => Self::Step(*step),
            DeployEvent::Paused { .. } => Self::Paused,
            DeployEvent::Taken { .. } => Self::Taken,
            DeployEvent::Ended { result, detail, .. } => Self::Ended(*result, detail.clone()),
        }
    }
}
