//! Invariants of every reachable state.

use std::collections::BTreeSet;

use crate::deploy::{DEPLOYS_KEPT, Deploys};
use crate::history::KEPT;
use crate::name::ServiceName;
use crate::receipt::{Cause, Progress, Receipt};
use crate::rollout::ROLLOUTS_KEPT;
use crate::state::{Lifecycle, Service, State};

/// Checks a state; the error describes the problem.
pub fn check(state: &State) -> Result<(), String> {
    let newest = state.generation;
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    ensure(
        state.publishing.is_none_or(|generation| generation == newest),
        "what is being published is not the newest generation",
    )?;
    for (name, service) in &state.services {
        check_service(state, name, service).map_err(|what| format!("service {name}: {what}"))?;
    }
    let mut last: Option<&Receipt> = None;
    for receipt in state.history.receipts() {
        ensure(receipt.to == receipt.from.other(), "a receipt does not change the color")?;
        ensure(last.is_none_or(|last| follows(last, receipt)), "receipts are not in order")?;
        ensure(is_alone(state, receipt), "a generation moves a service twice")?;
        ensure(receipt.generation <= newest, "a receipt is newer than the newest generation")?;
        ensure(!receipt.evidence.is_empty(), "a receipt has no evidence (L9)")?;
        ensure(
            receipt.progress != Progress::Publishing
                || state.publishing == Some(receipt.generation),
            "a receipt is being published, and the state is not",
        )?;
        last = Some(receipt);
    }
    ensure(state.history.receipts().count() <= KEPT, "too many receipts are kept")?;
    check_deploys(&state.deploys)?;
    check_rollouts(state)
}

fn check_deploys(deploys: &Deploys) -> Result<(), String> {
    let (mut last, mut locked) = (None, BTreeSet::new());
    for deploy in deploys.iter() {
        let wrong = |what: &str| Err(format!("deploy {}: {what}", deploy.id));
        if Some(deploy.id) <= last || deploy.id > deploys.last() {
            return wrong("its number is not in order");
        }
        if deploy.services.is_empty() || deploy.steps.is_empty() {
            return wrong("it has no service or no step");
        }
        if !deploy.steps.is_sorted_by(|(one, _), (next, _)| one < next) {
            return wrong("its steps are not in order");
        }
        if deploy.is_open() && !deploy.services.iter().all(|service| locked.insert(service)) {
            return wrong("another open deploy has one of its services");
        }
        last = Some(deploy.id);
    }
    let ended = deploys.iter().filter(|deploy| !deploy.is_open()).count();
    if ended > DEPLOYS_KEPT { Err("too many ended deploys are kept".to_owned()) } else { Ok(()) }
}

fn check_rollouts(state: &State) -> Result<(), String> {
    let (mut last, mut watched) = (None, BTreeSet::new());
    for rollout in state.rollouts.iter() {
        let wrong = |what: &str| Err(format!("rollout {}: {what}", rollout.id));
        if Some(rollout.id) <= last || rollout.id > state.rollouts.last() {
            return wrong("its number is not in order");
        }
        if rollout.services.is_empty() || rollout.generation > state.generation {
            return wrong("it has no service, or is ahead of the newest generation");
        }
        if rollout.is_open() && !rollout.names().all(|name| watched.insert(name)) {
            return wrong("another open rollout has one of its services");
        }
        let receives = |name: &ServiceName| state.active(name) == Some(rollout.candidate);
        if rollout.is_open() && !rollout.names().all(receives) {
            return wrong("it is open, and its candidate is not the active color");
        }
        last = Some(rollout.id);
    }
    let ended = state.rollouts.iter().filter(|rollout| !rollout.is_open()).count();
    if ended > ROLLOUTS_KEPT { Err("too many ended rollouts are kept".to_owned()) } else { Ok(()) }
}

/// Returns true if a receipt may come after another one: it is newer, or of the same switch of several
/// services.
fn follows(last: &Receipt, receipt: &Receipt) -> bool {
    let what = |receipt: &Receipt| (receipt.from, receipt.cause, receipt.decided);
    let together = what(last) == what(receipt)
        && last.actor == receipt.actor
        && receipt.cause != Cause::Failover;
    last.generation < receipt.generation || last.generation == receipt.generation && together
}

fn is_alone(state: &State, receipt: &Receipt) -> bool {
    let of_it = state.history.receipts_of(receipt.generation);
    of_it.filter(|other| other.service == receipt.service).count() == 1
}

fn check_service(state: &State, name: &ServiceName, service: &Service) -> Result<(), String> {
    let newest = state.generation;
    if service.generation > newest
        || service.left_other > Some(newest)
        || service.rolled_back > Some(newest)
    {
        return Err("it is ahead of the newest generation".to_owned());
    }
    if service.split.receivers().any(|color| service.retired[color.index()]) {
        return Err("its active color is retired".to_owned());
    }
    let Lifecycle::Serving(serving) = &service.lifecycle else { return Ok(()) };
    if serving.held.is_some() && serving.maintenance.is_some() {
        return Err("it is held and in maintenance".to_owned());
    }
    let Some(open) = serving.open else { return Ok(()) };
    if service.left_other != Some(open) {
        return Err("its open receipt is not that of its last switch".to_owned());
    }
    let receipt = state.history.receipt(open, name);
    if receipt
        .is_some_and(|receipt| receipt.end().is_some() || receipt.to != service.split.stable())
    {
        return Err("its open receipt is complete or about another color".to_owned());
    }
    Ok(())
}
