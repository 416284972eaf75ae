//! The parked requests of a worker, which wait for another table, without an order: all continue with the next one.

use std::cell::RefCell;
use std::sync::Arc;

use super::Place;

/// The parked requests of one worker.
#[derive(Debug, Default)]
pub(crate) struct FailoverQueue {
    places: RefCell<Vec<Arc<Place>>>,
}

impl FailoverQueue {
    /// A place in it.
    pub(crate) fn enter(&self) -> Arc<Place> {
        let place = Arc::new(Place::default());
        self.places.borrow_mut().push(place.clone());
        place
    }

    /// Gives a place back, whether or not a table was published.
    pub(crate) fn leave(&self, place: &Arc<Place>) {
        self.places.borrow_mut().retain(|other| !Arc::ptr_eq(other, place));
    }

    /// Another table was published: all requests choose again.
    pub(crate) fn adopted(&self) {
        self.places.borrow().iter().for_each(|place| place.go());
    }

    /// Wakes all, so that each checks its state again.
    pub(crate) fn wake_all(&self) {
        self.places.borrow().iter().for_each(|place| place.wake());
    }
}
