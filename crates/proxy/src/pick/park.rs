//! Parking requests that every target of the active color has refused, while a failover may be near: for a
//! short while they choose again at each publish.

use std::rc::Rc;
use std::time::{Duration, Instant};

use traffic::OwnReason;

use super::follow;
use super::hold::{RequestError, wait_turn};
use crate::client::Client;
use crate::parts::Ask;
use crate::worker::Worker;

/// The longest time that a request waits for a failover, over all its attempts.
const LONGEST: Duration = Duration::from_secs(2);

/// The time budget of one request.
#[derive(Debug)]
pub(crate) struct Parking {
    until: Instant,
}

impl Parking {
    /// The time starts with the first refusal.
    pub(crate) fn begin(ask: &Ask<'_>, now: Instant) -> Self {
        ask.service.cell().parked.add(1);
        Self { until: now + LONGEST }
    }

    /// Waits for the next publish. Returns false if the time is up.
    pub(crate) async fn wait(
        &self,
        worker: &Rc<Worker>,
        client: &mut Client,
        ask: &mut Ask<'_>,
    ) -> Result<bool, RequestError> {
        let before = ask.service.generation;
        follow(worker, ask).ok_or(RequestError::Own(OwnReason::NoRoute))?;
        if ask.service.generation != before {
            return Ok(true); // a publish came before this wait began
        }
        let waiter = worker.failover_queue.enter();
        let waited = wait_turn(worker, client, ask, &waiter, self.until).await;
        worker.failover_queue.leave(&waiter);
        match waited {
            Ok(()) => Ok(true),
            Err(RequestError::Own(_)) => Ok(false),
            Err(failed) => Err(failed),
        }
    }
}
