//! Failover from a color whose targets are all down, if the operator has enabled it: never back
//! automatically, and at most once a minute without an operator.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rules::gate::GateOutcome;
use rules::{
    Actor, Color, Direction, MoveRequest, Refusal, Remarks, ServiceName, Standing, Verb, gate,
};
use tokio::task::JoinSet;

use super::switch::{self, ApprovedSwitch};
use crate::clock::Clock;
use crate::core::{CallDetails, Core, Inner};
use crate::health::{prove, reason};
use crate::request::Scope;
use crate::swap::TargetSeat;

/// Watches all services, forever.
pub(super) async fn watch(core: Arc<Core>) {
    let mut probed = core.probed.subscribe();
    let mut tries = JoinSet::new();
    let mut trying = HashSet::new();
    let mut said: HashMap<ServiceName, &'static str> = HashMap::new();
    loop {
        tokio::select! {
            changed = probed.changed() => changed.expect("the core keeps the sending side"),
            Some(tried) = tries.join_next() => {
                let Ok((service, result)) = tried else { continue };
                trying.remove(&service);
                say_once(&core, &mut said, &service, result);
                continue; // another attempt needs a new probe result, or it would spin
            }
        }
        let dying = if core.is_in_control() { core.lock().dying() } else { Vec::new() };
        said.retain(|service, _| dying.iter().any(|(name, _)| name == service));
        for (service, dead) in dying {
            if trying.insert(service.clone()) {
                let core = core.clone();
                tries.spawn(async move {
                    let result = fail_over(&core, &service, dead).await;
                    (service, result)
                });
            }
        }
    }
}

/// Logs a reason when it is new, not at each probe.
fn say_once(
    core: &Core,
    said: &mut HashMap<ServiceName, &'static str>,
    service: &ServiceName,
    result: Result<(), Refusal>,
) {
    match result {
        Ok(()) => drop(said.remove(service)),
        Err(refusal) => {
            if said.insert(service.clone(), refusal.code()) != Some(refusal.code()) {
                core.refused(Scope::Service(service.clone()), &Actor::Teal, &refusal);
            }
        }
    }
}

async fn fail_over(core: &Arc<Core>, service: &ServiceName, dead: Color) -> Result<(), Refusal> {
    let to = dead.other();
    let services = vec![service.clone()];
    let request = MoveRequest::new(services, Direction::AwayFrom(dead));
    let outcome = gate::examine(&core.lock().state, &request, Clock::now())?;
    if matches!(outcome, GateOutcome::AlreadyOn { .. }) {
        return Ok(());
    }
    // A color known to fail is not probed back to back: its next passed probe wakes this task.
    if let Some(reason) = core.lock().why_not(service, to) {
        return Err(Refusal::Unhealthy { service: service.clone(), color: to, reason });
    }
    let details = CallDetails {
        verb: Verb::Failover,
        scope: Scope::Service(service.clone()),
        services: vec![service.clone()],
        actor: Actor::Teal,
        patience: None,
        dry_run: false,
    };
    let (call, _) = core.lock().calls.receive();
    let ((), mut pending) = core.begin(call, details, |_| Ok(()))?;
    let id = pending.id();
    core.lock().calls.aims_at(id, to);
    let work = async {
        let evidence = prove(core, service, to, None).await?;
        let proven = vec![(service.clone(), evidence)];
        let approved = ApprovedSwitch {
            call: id,
            request,
            to,
            actor: Actor::Teal,
            proven,
            drain: None,
            remarks: Remarks::default(),
            watched: None,
        };
        switch::carry_out(core, approved).await.map(drop)
    };
    pending.until_ended(work).await
}

impl Inner {
    /// Returns the services whose active color is down and that may fail over. None before the workers serve:
    /// in an upgrade the older Teal may yet continue, with its own probe results.
    fn dying(&self) -> Vec<(ServiceName, Color)> {
        if !self.ready {
            return Vec::new();
        }
        let dying = self.roster.auto().filter_map(|member| {
            let active = self.state.serving(&member.spec.name)?.0.split.stable();
            if self.state.is_retired(&member.spec.name, active.other()) {
                return None; // nothing is sent there but by an operator
            }
            let targets = &member.color(active).targets;
            let is_down = |target: &TargetSeat| target.health.standing() == Standing::Down;
            // Without targets nothing has died: the first deploy decides where traffic goes.
            let dead = !targets.is_empty() && targets.iter().all(is_down);
            dead.then(|| (member.spec.name.clone(), active))
        });
        dying.collect()
    }

    pub(super) fn why_not(&self, service: &ServiceName, color: Color) -> Option<String> {
        let member = self.roster.member(service)?;
        reason(member, color)
    }
}
