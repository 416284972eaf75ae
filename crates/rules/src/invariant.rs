//! What is true of every state that can come to be.

use crate::history::KEPT;
use crate::receipt::Progress;
use crate::state::{Service, Stage, State};

/// Checks a state; the text says what is wrong with it.
pub fn check(state: &State) -> Result<(), String> {
    let newest = state.generation;
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    ensure(
        state.publishing.is_none_or(|generation| generation == newest),
        "what is being published is not the newest generation",
    )?;
    for (name, service) in &state.services {
        check_service(state, service).map_err(|what| format!("service {name}: {what}"))?;
    }
    let mut last = None;
    for receipt in state.history.receipts() {
        ensure(receipt.to == receipt.from.other(), "a receipt does not change the color")?;
        ensure(last < Some(receipt.generation), "receipts are not in order")?;
        ensure(receipt.generation <= newest, "a receipt is newer than the newest generation")?;
        ensure(!receipt.evidence.is_empty(), "a receipt has no evidence (L9)")?;
        ensure(
            receipt.progress != Progress::Publishing
                || state.publishing == Some(receipt.generation),
            "a receipt is being published, and the state is not",
        )?;
        last = Some(receipt.generation);
    }
    ensure(state.history.receipts().count() <= KEPT, "too many receipts are kept")
}

fn check_service(state: &State, service: &Service) -> Result<(), String> {
    let newest = state.generation;
    if service.generation > newest || service.left_other > Some(newest) {
        return Err("it is ahead of the newest generation".to_owned());
    }
    let Stage::Serving(serving) = &service.stage else { return Ok(()) };
    let Some(open) = serving.open else { return Ok(()) };
    if service.left_other != Some(open) {
        return Err("its open receipt is not that of its last switch".to_owned());
    }
    let receipt = state.history.receipt(open);
    if receipt.is_some_and(|receipt| receipt.end().is_some() || receipt.to != service.active) {
        return Err("its open receipt is complete or about another color".to_owned());
    }
    Ok(())
}
