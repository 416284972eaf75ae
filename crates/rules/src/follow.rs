//! Decisions of a newer Teal, as the tables that it publishes show them.
//!
//! An older Teal follows the tables of the newer one, and has only them if the newer one dies and its journal is
//! gone. Guaranteed: the state then says what the newest of these tables says, and keeps everything else that
//! this Teal knows. Never here: receipts, which only the journal of the newer one has.

use std::sync::Arc;
use std::time::Duration;

use crate::apply::conclude_publish;
use crate::maintenance::{Maintenance, Notice};
use crate::name::{Actor, Color, Generation, ServiceName};
use crate::rollout::{RolloutEnd, RolloutResult};
use crate::split::Split;
use crate::state::{HeldSince, Lifecycle, Service, Serving, State};
use crate::target::TargetUrl;
use crate::time::Time;

/// The decisions about a service that a table shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The colors that receive its traffic.
    pub split: Split,
    /// The generation of its own last change.
    pub generation: Generation,
    /// The longest that a request waits, while the service is held.
    pub max_wait: Option<Duration>,
    /// The answer to clients, while the service is in maintenance.
    pub notice: Option<Arc<Notice>>,
    /// The targets of both colors without settings, in the order of [`Color::index`](crate::Color::index); `None`: they
    /// are configured.
    pub told: [Option<Vec<TargetUrl>>; 2],
    /// The number of times that its preview tokens were revoked; `None`: it has no previews.
    pub preview_serial: Option<u64>,
}

/// Makes the decisions in a table of this generation part of the state, at this time. A table of an earlier
/// generation than the state changes nothing.
// lossless: L2 L6
pub fn follow<'s>(
    state: &mut State,
    generation: Generation,
    services: impl IntoIterator<Item = (&'s ServiceName, Shown)>,
    at: Time,
) {
    if generation < state.generation {
        return;
    }
    if generation > state.generation {
        conclude_publish(state, at);
        state.generation = generation;
    }
    for (name, mut shown) in services {
        shown.generation = shown.generation.min(generation);
        end_rollout(state, name, shown.split.stable(), at);
        if let Some(service) = state.services.get_mut(name) {
            follow_service(service, shown, at);
        } else {
            // Not configured here; kept so that it is not reset if it is added.
            let Shown { split, generation, .. } = shown;
            let service = Service::new(split, generation, Lifecycle::Removed);
            state.services.insert(name.clone(), service);
        }
    }
}

/// Ends the open rollout of a service that the newer Teal has moved away from its candidate.
fn end_rollout(state: &mut State, name: &ServiceName, stable: Color, at: Time) {
    let open = state.rollouts.open_of(name).filter(|open| open.candidate != stable);
    let Some(id) = open.map(|open| open.id) else { return };
    let detail = "a newer Teal moved the service, and its journal is gone".to_owned();
    state.rollouts.end(id, RolloutEnd { result: RolloutResult::Aborted, at, detail });
}

fn follow_service(service: &mut Service, shown: Shown, at: Time) {
    let has_moved = service.split != shown.split;
    if has_moved {
        service.left_other = Some(shown.generation);
        service.retired[shown.split.stable().index()] = false;
    }
    if let Lifecycle::Serving(serving) = &mut service.lifecycle {
        if has_moved {
            (serving.open, serving.failed_over) = (None, None);
        }
        let max_wait = shown.max_wait.filter(|_| shown.notice.is_none());
        hold(serving, max_wait, at);
        maintain(serving, shown.notice, at);
    }
    for (known, told) in service.told.iter_mut().zip(shown.told) {
        if let Some(told) = told {
            *known = told;
        }
    }
    if let Some(serial) = shown.preview_serial {
        service.preview_serial = service.preview_serial.max(serial);
    }
    (service.split, service.generation) = (shown.split, shown.generation);
}

fn hold(serving: &mut Serving, max_wait: Option<Duration>, at: Time) {
    if serving.held.as_ref().map(|held| held.max_wait) != max_wait {
        let held = |max_wait| HeldSince { since: at, by: Actor::Teal, max_wait };
        serving.held = max_wait.map(held);
    }
}

fn maintain(serving: &mut Serving, notice: Option<Arc<Notice>>, at: Time) {
    if serving.maintenance.as_ref().map(|maintenance| &maintenance.notice) != notice.as_ref() {
        let maintenance = |notice| Maintenance { since: at, by: Actor::Teal, notice };
        serving.maintenance = notice.map(maintenance);
    }
}
