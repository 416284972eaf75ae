//! Reaching a target, sending the request, and deciding whether a failed one may be sent again.

pub(crate) mod attempt;
pub(crate) mod bound;
pub(crate) mod link;
pub(crate) mod pool;
pub(crate) mod retry;
pub(crate) mod upload;

use std::rc::Rc;

use connect::DialError;
use traffic::TargetId;

use crate::client::Client;
use crate::failure::Failure;
use crate::pick;
use crate::pick::hold::{Wait, park};
use crate::response::Answer;
use crate::route::Ask;
use crate::worker::Worker;

/// The most times that a request is sent again (L5).
const RETRIES: usize = 2;

/// Sends the request until a target has begun to answer, or it may not be sent again.
// lossless: L5 - each attempt has its own lease from the table of its own instant.
pub(crate) async fn send(
    worker: &Rc<Worker>,
    client: &mut Client,
    ask: &mut Ask,
) -> Result<Answer, Wait> {
    let mut tried: Vec<TargetId> = Vec::new(); // allocates only after a failure
    let mut retries = 0;
    loop {
        let lease = pick::claim(worker, ask, &tried).map_err(Wait::Failed)?;
        let target = lease.target().id;
        let failure = match attempt::attempt(worker, client, ask, lease).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        tried.push(target);
        if refused_by_all(&failure, ask, &tried) {
            ask.upload.rewind();
            park(worker, client, ask).await?;
            tried.clear();
        } else if retries < RETRIES && retry::may_retry(worker, ask, &failure) {
            ask.upload.rewind();
            ask.service.cell().retries.add(1);
            retries += 1;
        } else {
            return Err(Wait::Failed(failure));
        }
    }
}

/// Whether only a failover can help: nobody listens on any target of the active color.
fn refused_by_all(failure: &Failure, ask: &Ask, tried: &[TargetId]) -> bool {
    let refused = matches!(failure, Failure::Dial(DialError::Refused));
    let targets = &ask.service.color(ask.service.active).targets;
    let all = targets.iter().all(|target| tried.contains(&target.id));
    refused && all && ask.service.failover && ask.upload.can_rewind()
}
