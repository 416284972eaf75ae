//! The code that changes a state by events: live, after a crash, and in tests.
//!
//! An event that does not fit the state (from a journal that another program wrote) changes
//! only what it can and never panics; `check` then reports it.

mod deploy;
mod maintenance;
mod rollout;
mod told;

use std::time::Duration;

use crate::event::{Event, ServiceChange};
use crate::history::HistoryEntry;
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::receipt::{Cause, DrainEnd, Progress, Receipt};
use crate::split::Split;
use crate::state::{HeldSince, Lifecycle, Service, Serving, State};
use crate::time::Time;
use crate::version::Version;

/// Makes the event part of the state.
pub fn apply(state: &mut State, event: Event) {
    match event {
        Event::Moved { service, from, generation, cause, actor, at, evidence, remarks } => {
            let to = from.other();
            if state.publishing != Some(generation) {
                conclude_publish(state, at); // not for the second service that moves with it
            }
            (state.generation, state.publishing) = (generation, Some(generation));
            if let Some(service) = state.services.get_mut(&service) {
                move_service(service, generation, (cause, &actor), at, remarks.version);
            }
            deploy::moved(state, &service, to, generation);
            rollout::moved(state, &service, to);
            let receipt = Receipt {
                generation,
                version: state.version(&service, to),
                from_version: state.version(&service, from),
                service,
                from,
                to,
                cause,
                actor,
                reason: remarks.reason,
                decided: at,
                evidence,
                progress: Progress::Publishing,
                figures: None,
            };
            state.history.push(HistoryEntry::Switch(Box::new(receipt)));
        }
        Event::Published { generation, at } => {
            state.publishing = None;
            published(state, generation, at);
        }
        Event::DrainEnded { generation, service, at, end, figures } => {
            if let Some(receipt) = receipt(state, generation, service.as_ref()) {
                receipt.progress = Progress::Ended { published: receipt.published(), at, end };
                receipt.figures = figures;
                let name = receipt.service.clone();
                close(state, &name, generation);
            }
        }
        Event::Held { service, actor, at, max_wait } => hold(state, service, actor, at, max_wait),
        Event::Resumed { service, actor, at } => {
            if let Some(serving) = serving(state, &service) {
                serving.held = None;
            }
            state.history.push(HistoryEntry::Resume { service, actor, at });
        }
        Event::Maintained(change) => maintenance::apply(state, change),
        Event::Reloaded { generation, actor, at, services } => {
            let is_first = state.is_new();
            conclude_publish(state, at);
            state.generation = generation;
            state.publishing = (!is_first).then_some(generation);
            for (name, change) in &services {
                settle(state, name, *change, generation);
            }
            let services = services.into_iter().map(|(name, _)| name).collect();
            state.history.push(HistoryEntry::Reload { generation, actor, at, services });
        }
        Event::Retired { service, color, actor, at } => retire(state, service, color, actor, at),
        Event::Told(told) => told::apply(state, told),
        Event::PreviewsRevoked { service, .. } => revoke_previews(state, &service),
        Event::Deploy(event) => deploy::apply(state, event),
        Event::Rollout(event) => rollout::apply(state, event),
        Event::WaitEnded { verb, services, actor, since, at, end } => {
            state.history.push(HistoryEntry::Waited { verb, services, actor, since, at, end });
        }
        Event::Restarted { at } => restart(state, at),
    }
}

/// Notes that the previous generation was published. A decision is only made after that, but its event may be
/// missing, since it need not become durable.
pub(crate) fn conclude_publish(state: &mut State, at: Time) {
    if let Some(generation) = state.publishing.take() {
        published(state, generation, at);
    }
}

fn published(state: &mut State, generation: Generation, at: Time) {
    let of_it = state.history.receipts_mut().filter(|receipt| receipt.generation == generation);
    for receipt in of_it.filter(|receipt| receipt.progress == Progress::Publishing) {
        receipt.progress = Progress::Draining { published: at };
    }
}

fn move_service(
    service: &mut Service,
    generation: Generation,
    (cause, actor): (Cause, &Actor),
    at: Time,
    version: Option<Version>,
) {
    service.split = Split::only(service.split.stable().other());
    if version.is_some() {
        service.versions[service.split.stable().index()] = version;
    }
    service.generation = generation;
    service.left_other = Some(generation);
    service.retired[service.split.stable().index()] = false;
    // What Teal takes back is quarantined instead: another version may be deployed.
    if cause == Cause::Rollback && *actor != Actor::Teal {
        service.rolled_back = Some(generation);
    }
    if let Lifecycle::Serving(serving) = &mut service.lifecycle {
        serving.open = Some(generation);
        serving.failed_over = match cause {
            Cause::Failover => Some(at),
            Cause::Switch | Cause::Rollback => None, // an operator has looked
        };
    }
}

fn hold(state: &mut State, service: ServiceName, by: Actor, since: Time, max_wait: Duration) {
    if let Some(serving) = serving(state, &service) {
        serving.held = Some(HeldSince { since, by: by.clone(), max_wait });
    }
    state.history.push(HistoryEntry::Hold { service, actor: by, at: since, max_wait });
}

fn revoke_previews(state: &mut State, name: &ServiceName) {
    if let Some(service) = state.services.get_mut(name) {
        service.preview_serial = service.preview_serial.saturating_add(1);
    }
}

fn retire(state: &mut State, name: ServiceName, color: Color, actor: Actor, at: Time) {
    if let Some(service) = state.services.get_mut(&name) {
        service.retired[color.index()] = true;
    }
    state.history.push(HistoryEntry::Retire { service: name, color, actor, at });
}

fn close(state: &mut State, name: &ServiceName, generation: Generation) {
    if let Some(serving) = serving(state, name)
        && serving.open == Some(generation)
    {
        serving.open = None;
    }
}

fn settle(state: &mut State, name: &ServiceName, change: ServiceChange, generation: Generation) {
    if let ServiceChange::Added(active) = change {
        let lifecycle = Lifecycle::Serving(Serving::default());
        let service = Service::new(Split::only(active), generation, lifecycle);
        state.services.insert(name.clone(), service);
        return;
    }
    let Some(service) = state.services.get_mut(name) else { return };
    match change {
        ServiceChange::Added(_) => {}
        ServiceChange::Restored => {
            service.generation = generation;
            service.lifecycle = Lifecycle::Serving(Serving::default());
        }
        ServiceChange::Moved => service.generation = generation,
        ServiceChange::Removed => service.lifecycle = Lifecycle::Removed,
    }
}

fn restart(state: &mut State, at: Time) {
    state.publishing = None;
    for receipt in state.history.receipts_mut() {
        if receipt.end().is_none() {
            let (published, end) = (receipt.published(), DrainEnd::Interrupted);
            receipt.progress = Progress::Ended { published, at, end };
        }
    }
    for service in state.services.values_mut() {
        if let Lifecycle::Serving(serving) = &mut service.lifecycle {
            serving.open = None;
        }
    }
}

fn receipt<'s>(
    state: &'s mut State,
    generation: Generation,
    service: Option<&ServiceName>,
) -> Option<&'s mut Receipt> {
    state.history.receipts_mut().find(|receipt| {
        receipt.generation == generation && service.is_none_or(|name| receipt.service == *name)
    })
}

fn serving<'s>(state: &'s mut State, name: &ServiceName) -> Option<&'s mut Serving> {
    match &mut state.services.get_mut(name)?.lifecycle {
        Lifecycle::Serving(serving) => Some(serving),
        Lifecycle::Removed => None,
    }
}
