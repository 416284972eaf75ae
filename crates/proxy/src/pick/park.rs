//! Requests that every target of the active color has refused, while a failover may be near:
//! they choose again at each publish, for a short while.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follow;
use super::hold::{Wait, stand};
use super::line::Place;
use crate::client::Client;
use crate::route::Ask;
use crate::worker::Worker;
use traffic::OwnReason;

/// The longest that a request waits for a failover, over all its attempts.
const LONGEST: Duration = Duration::from_secs(2);

/// The parked requests of one worker.
#[derive(Debug, Default)]
pub(crate) struct Lot {
    places: RefCell<Vec<Arc<Place>>>,
}

/// One request's time to wait.
#[derive(Debug)]
pub(crate) struct Parking {
    until: Instant,
}

impl Parking {
    /// The time begins with the first refusal.
    pub(crate) fn begin(worker: &Worker, ask: &Ask<'_>) -> Self {
        ask.service.cell().parked.add(1);
        Self { until: worker.now() + LONGEST }
    }

    /// Waits for the next publish. False: the time is over.
    pub(crate) async fn wait(
        &self,
        worker: &Rc<Worker>,
        client: &mut Client,
        ask: &mut Ask<'_>,
    ) -> Result<bool, Wait> {
        let before = ask.service.generation;
        follow(worker, ask).ok_or(Wait::Own(OwnReason::NoRoute))?;
        if ask.service.generation != before {
            return Ok(true); // it was published while the refusal was on its way
        }
        let place = Arc::new(Place::default());
        worker.lot.places.borrow_mut().push(place.clone());
        let waited = stand(worker, client, ask, &place, self.until).await;
        worker.lot.places.borrow_mut().retain(|other| !Arc::ptr_eq(other, &place));
        match waited {
            Ok(()) => Ok(true),
            Err(Wait::Own(_)) => Ok(false),
            Err(failed) => Err(failed),
        }
    }
}

impl Lot {
    /// Another table is here: everybody chooses again.
    pub(crate) fn adopted(&self) {
        self.places.borrow().iter().for_each(|place| place.go());
    }

    /// Wakes everyone, so that each looks at the world again.
    pub(crate) fn wake_all(&self) {
        self.places.borrow().iter().for_each(|place| place.wake());
    }
}
