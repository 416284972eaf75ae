//! Targets that a runner tells, where the configuration leaves a color to one: the same path as a reload that changes
//! them.
//!
//! Guaranteed: targets of an active color pass the gate before anything changes (L9); what is answered is durable (L6)
//! and known to every worker; removed targets drain. Told targets of an idle color start unknown, even at an address
//! that was proven before, since another program may listen there now.

use std::sync::Arc;

use rules::{
    Color, Command, Event, Refusal, ServiceName, ServiceSpec, TargetHealth, TargetUrl, Tell, Told,
    Verb, decide,
};

use super::reload::{DecidedReload, ProvenAdditions, in_force, prove};
use super::status;
use crate::clock::Clock;
use crate::core::{Call, CallDetails, Core, Inner};
use crate::drain;
use crate::events::LiveEvent;
use crate::inbox::Answer;
use crate::request::{Scope, TargetsInForce};
use crate::swap::Subject;

/// Uses other targets for a color. Returns when every worker has them.
pub(super) async fn run(core: Arc<Core>, request: Tell, call: Call) -> Answer<TargetsInForce> {
    let (scope, actor) = (Scope::Service(request.service.clone()), request.actor.clone());
    let result = attempt(&core, request, call).await;
    result.inspect_err(|refusal| core.refused(scope, &actor, refusal))
}

async fn attempt(core: &Arc<Core>, request: Tell, call: Call) -> Answer<TargetsInForce> {
    let services = vec![request.service.clone()];
    let details = CallDetails {
        verb: Verb::Targets,
        scope: Scope::Service(request.service.clone()),
        services: services.clone(),
        actor: request.actor.clone(),
        patience: None,
        dry_run: false,
    };
    let (spec, mut pending) = core.begin(call, details, |inner| inner.retargeted(&request))?;
    let id = pending.id();
    let work = async {
        let proven = prove_active(core, &spec, request.color).await?;
        let turn = core.turn_of(id).await?;
        let _changing = core.begin_change(&services)?;
        let decided = change(core, id, &request, proven).await?;
        let generation = decided.generation;
        in_force(core, decided, turn).await?;
        let Tell { service, color, targets, .. } = request;
        Ok(TargetsInForce { service, color, targets, generation })
    };
    pending.until_ended(work).await
}

/// The gate: told targets that would receive traffic at once must pass probes first.
// lossless: L9
async fn prove_active(
    core: &Arc<Core>,
    spec: &ServiceSpec,
    color: Color,
) -> Answer<ProvenAdditions> {
    let (added, tls_configs, limits) = {
        let inner = core.lock();
        let added = inner.additions(spec, false).filter(|(active, _)| *active == color);
        (added, inner.tls_configs.clone(), inner.limits)
    };
    core.while_in_control(prove(core, spec, added, &tls_configs, limits)).await
}

async fn change(
    core: &Arc<Core>,
    call: u64,
    request: &Tell,
    proven: ProvenAdditions,
) -> Answer<DecidedReload> {
    let command = |inner: &mut Inner| {
        inner.calls.decide(call)?;
        let spec = inner.retargeted(request)?;
        if !inner.is_covered(&spec, false, &proven) {
            // A switch happened meanwhile: the color receives traffic now.
            return Err(Refusal::SwitchInProgress { generation: None });
        }
        Ok(Command::Tell(request.clone()))
    };
    let then = |inner: &mut Inner, events: &[Event]| {
        let told = events.iter().find_map(|event| match event {
            Event::Told(told) => Some(told),
            _ => None,
        });
        let mut left = Vec::new();
        if let Some(told) = told {
            left = inner.apply_told(told);
            announce(core, told);
        }
        left.extend(inner.seed(&proven));
        let drains = drain::begin(inner, left);
        let generation = told.and_then(|told| told.generation);
        DecidedReload { generation, version: core.publish(inner), drains }
    };
    core.commit(command, then).await
}

fn announce(core: &Core, told: &Told) {
    let Told { service, color, targets, generation, actor, .. } = told.clone();
    let shown: Vec<_> = targets.iter().map(ToString::to_string).collect();
    tracing::info!(%service, %color, targets = shown.join(" "), ?generation, %actor, "targets");
    core.emit(LiveEvent::Targets { service, color, targets, generation, actor });
}

impl Inner {
    /// Returns the specification of a service with the targets that a call tells, if it may.
    fn retargeted(&self, request: &Tell) -> Answer<ServiceSpec> {
        let Tell { service, color, targets, .. } = request;
        let (service, color) = (service.clone(), *color);
        status::find(&self.state, &service)?;
        let member = self.roster.member(&service).ok_or(Refusal::Stopping)?;
        let mut spec = member.spec.clone();
        if spec.color(color).told.is_none() {
            return Err(Refusal::TargetsConfigured { service, color });
        }
        spec.check_told(color, targets).map_err(|reason| Refusal::InvalidTargets { reason })?;
        spec.set_told(color, targets);
        for target in &spec.color(color).targets {
            let name = target.tls_name().map(connect::server_name).transpose();
            name.map_err(|error| Refusal::InvalidTargets {
                reason: format!("TLS to {target}: {error}; set tls.server_name"),
            })?;
        }
        decide(&self.state, Command::Tell(request.clone()), Clock::now())?;
        Ok(spec)
    }

    /// Gives a color the targets of a decision; returns the removed ones. Nothing is known of those of an idle color.
    // lossless: L9
    fn apply_told(&mut self, told: &Told) -> Vec<Subject> {
        let Told { service, color, targets, .. } = told;
        let Some(member) = self.roster.member(service) else { return Vec::new() };
        let mut spec = member.spec.clone();
        spec.set_told(*color, targets);
        let left = self.roster.retarget(spec, *color);
        let is_active = self.state.active(service) == Some(*color);
        if let Some(member) = self.roster.member_mut(service).filter(|_| !is_active) {
            for target in &mut member.colors[color.index()].targets {
                target.forget_health();
                target.health = TargetHealth::default();
                target.hurry.notify_one();
            }
        }
        left
    }

    /// Returns services of a configuration with the targets that runners have told.
    pub(super) fn with_told(&self, mut services: Vec<ServiceSpec>) -> Vec<ServiceSpec> {
        for spec in &mut services {
            for (color, told) in Color::BOTH.into_iter().zip(self.told_now(spec)) {
                spec.set_told(color, &told);
            }
        }
        services
    }

    /// Returns the targets of both colors that are left to a runner: those that were told last; else those that the
    /// configuration in force names, which go on until others are told.
    pub(super) fn told_now(&self, spec: &ServiceSpec) -> [Vec<TargetUrl>; 2] {
        Color::BOTH.map(|color| {
            if spec.color(color).told.is_none() {
                return Vec::new();
            }
            match self.state.told(&spec.name, color) {
                [] => self.configured_before(&spec.name, color),
                told => told.to_vec(),
            }
        })
    }

    fn configured_before(&self, service: &ServiceName, color: Color) -> Vec<TargetUrl> {
        let before = self.roster.member(service).map(|member| member.spec.color(color));
        let before = before.filter(|before| before.told.is_none());
        let targets = before.map_or(&[][..], |before| &before.targets);
        targets.iter().map(|url| url.clone().bare()).collect()
    }
}
