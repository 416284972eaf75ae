//! Reaching a target, sending the request, and deciding whether a failed one may be sent again.

pub(crate) mod attempt;
mod reach;

use std::rc::Rc;

use connect::DialError;
use rules::{Color, Failover};
use traffic::{OwnReason, TargetId};

use crate::client::Client;
use crate::failure::Failure;
use crate::observe::follow::Step;
use crate::parts::{Ask, Download};
use crate::pick;
use crate::pick::hold::{self, RequestError};
use crate::pick::park::Parking;
use crate::worker::Worker;

use attempt::{AttemptOptions, Failed, Reached, attempt};

/// The most retries of one request (L5).
const RETRIES: usize = 2;

/// Sends the request until a target has begun to answer, or no retry is allowed.
// lossless: L5 - each attempt has its own lease from the table of its own instant.
pub(crate) async fn send(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask<'_>,
    download: &mut Download,
) -> Result<Reached, RequestError> {
    let mut tried: Vec<TargetId> = Vec::new(); // allocates only after a failure
    let mut retries = 0;
    let mut options = AttemptOptions::default();
    let mut parking: Option<Parking> = None;
    loop {
        let pins = client.pins.as_deref();
        let lease = pick::claim(worker, ask, &tried, pins)?;
        ask.end.leased(&lease);
        let tried_now = attempt(worker, client, ask, download, lease, options).await;
        let Failed { failure, lease } = match tried_now {
            Ok(reached) => return Ok(reached),
            Err(failed) => failed,
        };
        let http1_required = failure.requires_http1();
        if !http1_required {
            tried.push(lease.target().id); // else: fine over HTTP/1.1
        }
        let waits = could_fail_over(&failure, ask);
        if !(waits && all_tried(ask, lease.color(), &tried))
            && retries < RETRIES
            && may_retry(worker, ask, &failure)
        {
            lease.target_books().retried.add(1);
            tracing::debug!(
                service = %ask.service.name, color = %lease.color(),
                target_url = %lease.target().url, reason = failure.about_target(), "retrying a request"
            );
            ask.end.step(|| Step::Failed { why: failure.in_words(), again: true });
            drop(lease);
            ask.service.cell().retries.add(u64::from(ask.end.preview().is_none()));
            retries += 1;
            // An idle connection on which the target reported the fate of the request can be trusted like any other.
            options.again |= !matches!(failure, Failure::NotTaken(_)) && !http1_required;
            options.http1 |= http1_required;
        } else if waits {
            ask.end.step(|| Step::Failed { why: failure.in_words(), again: false });
            ask.end.step(|| Step::Waits("a failover may help"));
            drop(lease);
            let parking = parking.get_or_insert_with(|| Parking::begin(ask, worker.now()));
            if !Box::pin(parking.wait(worker, client, ask)).await? {
                return Err(RequestError::Failed(failure));
            }
            ask.end.step(|| Step::Goes);
            tried.clear();
        } else {
            let stale = matches!(
                failure,
                Failure::Closed { reused: true } | Failure::LoginLost { told: true }
            );
            lease.target_books().stale_lost.add(u64::from(stale));
            ask.end.step(|| Step::Failed { why: failure.in_words(), again: false });
            return Err(RequestError::Failed(failure));
        }
        ask.upload.rewind();
        // The service may have been held meanwhile: a held color takes no lease.
        pick::follow(worker, ask).ok_or(RequestError::Own(OwnReason::NoRoute))?;
        hold::wait(worker, client, ask).await?;
    }
}

/// Returns true if this request may be sent again after this failure: never if it could be acted on twice. True
/// uses up budget.
// lossless: L5
fn may_retry(worker: &Worker, ask: &Ask<'_>, failure: &Failure) -> bool {
    let safe = failure.is_unsent() || (failure.is_replayable() && ask.idempotent);
    // Previews leave the retries of the service to its clients.
    let is_within = || ask.end.preview().is_some() || worker.budgets.take(&ask.service);
    safe && ask.upload.can_rewind() && !worker.stop.is_cut() && is_within()
}

/// Returns true if a failover could help: no target listens, or has a known address, and nothing was sent.
fn could_fail_over(failure: &Failure, ask: &Ask<'_>) -> bool {
    let refused = matches!(failure, Failure::Dial(DialError::Refused | DialError::NoAddress));
    let fails_over = ask.service.policy.failover == Failover::Auto && ask.end.preview().is_none();
    refused && fails_over && ask.upload.can_rewind()
}

fn all_tried(ask: &Ask<'_>, color: Color, tried: &[TargetId]) -> bool {
    let targets = &ask.service.color(color).targets;
    targets.iter().all(|target| tried.contains(&target.id))
}
