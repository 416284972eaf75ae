//! Places for what only a few tests at a time may run: more would wait for one disk or for the cores, and run into
//! deadlines.

use std::sync::{Condvar, Mutex, PoisonError};

/// A number of places.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: Mutex<usize>,
    freed: Condvar,
}

/// A place, until dropped.
#[derive(Debug)]
pub struct Place<'p>(&'p Places);

impl Places {
    /// Makes so many places.
    pub const fn new(most: usize) -> Self {
        Self { most, taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub fn take(&self) -> Place<'_> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.freed.wait_while(taken, |taken| *taken >= self.most);
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}
