//! Maintenance: Teal answers new requests of services itself, for all clients but those let through. Requests in
//! flight and tunnels stay where they are, probes go on, and nothing drains.

use std::sync::Arc;

use rules::{Command, DrainEnd, Event, Refusal, ServiceName, Verb};

use super::hold::in_force;
use super::status;
use crate::core::{Call, CallDetails, Core, Inner};
use crate::events::LiveEvent;
use crate::inbox::Answer;
use crate::request::{MaintenanceInForce, MaintenanceRequest};

/// Begins, changes or ends a maintenance. Returns when every worker has it.
pub(super) async fn run(
    core: Arc<Core>,
    request: MaintenanceRequest,
    call: Call,
) -> Answer<MaintenanceInForce> {
    let result = attempt(&core, &request, call).await;
    if let Err(refusal) = &result {
        core.refused(request.scope, &request.actor, refusal);
    }
    result
}

async fn attempt(
    core: &Arc<Core>,
    request: &MaintenanceRequest,
    call: Call,
) -> Answer<MaintenanceInForce> {
    let MaintenanceRequest { scope, actor, notice } = request.clone();
    let services = core.lock().services_of(&scope)?;
    let _changing = core.begin_change(&services)?;
    let details = CallDetails {
        verb: Verb::Maintenance,
        scope,
        services: services.clone(),
        actor: actor.clone(),
        patience: None,
        dry_run: false,
    };
    let ((), mut pending) = core.begin(call, details, |_| Ok(()))?;
    let id = pending.id();
    core.queue(id)?;
    let (to_change, by) = (services.clone(), actor.clone());
    let wanted = match notice.clone() {
        Some(notice) => {
            Command::BeginMaintenance { services: to_change, actor: by, notice: Arc::new(notice) }
        }
        None => Command::EndMaintenance { services: to_change, actor: by },
    };
    let command = |inner: &mut Inner| inner.calls.decide(id).map(|()| wanted);
    let then = |inner: &mut Inner, events: &[Event]| {
        let changed = changed(events);
        for service in &changed {
            end_hold_drain(inner, service)?;
        }
        Ok((changed, core.publish(inner)))
    };
    let (services, version) = pending.until_ended(core.commit(command, then)).await??;
    let on = notice.is_some();
    for service in services.clone() {
        tracing::info!(%service, %actor, on, "maintenance");
        core.emit(LiveEvent::Maintenance { service, on, actor: actor.clone() });
    }
    in_force(core, version).await?;
    Ok(MaintenanceInForce { services, notice })
}

/// Returns the services that a decision has changed.
fn changed(events: &[Event]) -> Vec<ServiceName> {
    let services = events.iter().filter_map(|event| match event {
        Event::Maintained(change) => Some(&change.services),
        _ => None,
    });
    services.flatten().cloned().collect()
}

/// Ends the drain of the active color, which only a hold begins: the hold is over, and what is in flight stays.
// lossless: L3
fn end_hold_drain(inner: &mut Inner, service: &ServiceName) -> Answer<()> {
    let color = status::find(&inner.state, service)?.0.split.stable();
    let member = inner.roster.member(service).ok_or(Refusal::Stopping)?;
    let id = member.color(color).id;
    inner.drains.end(id, DrainEnd::Interrupted);
    Ok(())
}
