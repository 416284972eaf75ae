//! Waiting while the service is held: after the head, before the lease and the body.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use rules::{Color, Notice};
use traffic::{NoPreview, OwnReason};

use super::follow;
use crate::client::Client;
use crate::failure::Failure;
use crate::observe::follow::Step;
use crate::parts::Ask;
use crate::queue::{Arrival, Waiter};
use crate::worker::Worker;

/// Waits while the service of the request is held. Returns at once if it is not, or for a preview.
///
/// # Errors
/// If the hold queue is full, the longest wait is over, or the service has come into maintenance.
pub(crate) async fn wait(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask<'_>,
) -> Result<(), RequestError> {
    if ask.end.preview().is_some() {
        return Ok(()); // the idle color is not held
    }
    let mut before = None;
    // Again if it was held once more between its turn and now.
    loop {
        let bytes = held_bytes(client, ask);
        let service = &ask.service;
        let (held, caps) = (service.held, &service.policy.hold);
        let arrival = Arrival { service: &service.name, held, caps, bytes, before };
        let entered = worker
            .hold_queues
            .enter(&arrival)
            .map_err(|_| RequestError::Own(OwnReason::HoldFull))?;
        let Some(position) = entered else { return Ok(()) };
        service.cell().parked.add(u64::from(before.is_none()));
        ask.end.step(|| {
            let held = service.held.is_some();
            Step::Waits(if held {
                "the service is held"
            } else {
                "others are before it in the queue"
            })
        });
        before = Some(position.number);
        let due = client.last_io + position.max_wait;
        let waited = Box::pin(wait_turn(worker, client, ask, &position.waiter, due)).await;
        worker.hold_queues.leave(&ask.service.name, position.number, bytes);
        waited?;
        ask.end.step(|| Step::Goes);
        follow(worker, ask).ok_or(RequestError::Own(OwnReason::NoRoute))?;
        if let Some(notice) = turned_away(client, ask) {
            return Err(RequestError::Maintenance(notice));
        }
    }
}

/// Returns the answer to a request whose service has come into maintenance while it waited. Behind a listed proxy
/// its client is not known any more, and is asked to try again.
fn turned_away(client: &Client, ask: &Ask<'_>) -> Option<Arc<Notice>> {
    let notice = ask.service.maintenance.as_ref()?;
    let is_allowed = !client.info.trusted && notice.allows(client.info.address);
    (!is_allowed).then(|| notice.clone())
}

/// The reason why a request gets no answer from a target.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// Teal answers with this.
    Own(OwnReason),
    /// Teal answers that the service is in maintenance.
    Maintenance(Arc<Notice>),
    /// The color gives no lease to a preview.
    NoPreview(Color, NoPreview),
    /// The request fails like any other.
    Failed(Failure),
}

/// Waits for its turn; fails when `due` has passed.
// lossless: L10
pub(super) async fn wait_turn(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &Ask<'_>,
    waiter: &Waiter,
    due: Instant,
) -> Result<(), RequestError> {
    client.rx.shrink(&worker.buffers);
    let cell = ask.service.cell();
    cell.waiting.rise();
    client.deadline.set(due);
    client.watch();
    let waited = poll_fn(|cx| {
        if waiter.poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if worker.stop.is_cut() {
            return Poll::Ready(Err(RequestError::Failed(Failure::Stopping)));
        }
        if client.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(RequestError::Failed(Failure::ClientGone)));
        }
        client.deadline.poll(cx).map(|()| Err(RequestError::Own(OwnReason::HeldTooLong)))
    })
    .await;
    cell.waiting.fall();
    waited
}

/// Returns the memory that a waiting request holds.
fn held_bytes(client: &Client, ask: &Ask<'_>) -> u64 {
    (client.rx.filled().len() + ask.upload.bytes()) as u64
}
