//! Choosing the color and target of a request: waiting while the service is held, then one step that chooses
//! and counts (L1).

pub(crate) mod hold;
pub(crate) mod park;

use std::rc::Rc;

use traffic::{Lease, TargetId};

use hold::RequestError;

use crate::failure::Failure;
use crate::parts::Ask;
use crate::target_connections::pinned::Pins;
use crate::worker::Worker;

/// Takes a lease for the request from the worker's table of this instant. Avoids targets that have failed it
/// before, and prefers the one where its client is logged in (`pins`).
// lossless: L1
pub(crate) fn claim(
    worker: &Rc<Worker>,
    ask: &mut Ask<'_>,
    tried: &[TargetId],
    pins: Option<&Pins>,
) -> Result<Lease, RequestError> {
    follow(worker, ask).ok_or(RequestError::Failed(Failure::NoService))?;
    if let Some(claim) = ask.end.preview() {
        let claimed = worker.reader.claim_preview(ask.index, claim, tried, worker.now());
        return claimed.map_err(|why| RequestError::NoPreview(claim.color, why));
    }
    let there = |target| worker.reader.claim_on(ask.index, target, worker.now());
    if let Some(lease) = pins.and_then(|pins| pins.find(there)) {
        return Ok(lease);
    }
    let claimed = worker.reader.claim(ask.index, tried, worker.now());
    claimed.ok_or(RequestError::Failed(Failure::NoTarget))
}

/// Finds the service of the request again: the table may have changed since the request was routed, because it
/// waited or was tried before. `None`: the service is gone.
pub(crate) fn follow(worker: &Rc<Worker>, ask: &mut Ask<'_>) -> Option<()> {
    let table = worker.reader.table();
    let name = &ask.service.name;
    let same = |place: usize| table.services.get(place).is_some_and(|other| other.name == *name);
    if !same(ask.index) {
        ask.index = table.index_of(name)?;
    }
    ask.service = worker.reader.service(ask.index)?;
    Some(())
}
