//! The parked requests of a worker, which wait for another table, without an order: all continue with the next one.

use std::cell::RefCell;
use std::sync::Arc;

use super::Waiter;

/// The parked requests of one worker.
#[derive(Debug, Default)]
pub(crate) struct FailoverQueue {
    waiters: RefCell<Vec<Arc<Waiter>>>,
}

impl FailoverQueue {
    /// Adds a waiter.
    pub(crate) fn enter(&self) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter::default());
        self.waiters.borrow_mut().push(waiter.clone());
        waiter
    }

    /// Removes a waiter, whether or not a table was published.
    pub(crate) fn leave(&self, waiter: &Arc<Waiter>) {
        self.waiters.borrow_mut().retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Another table was published: all requests choose again.
    pub(crate) fn adopted(&self) {
        self.waiters.borrow().iter().for_each(|waiter| waiter.go());
    }

    /// Wakes all, so that each checks its state again.
    pub(crate) fn wake_all(&self) {
        self.waiters.borrow().iter().for_each(|waiter| waiter.wake());
    }
}
