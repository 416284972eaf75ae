//! A bell that wakes tasks which wait for a drain.

use std::task::Waker;

use crate::sync::{Mutex, lock};

/// Rung by workers whenever something ended on a draining color or target.
#[derive(Debug, Default)]
pub(crate) struct DrainBell {
    wakers: Mutex<Vec<Waker>>,
}

// === impl DrainBell ===

impl DrainBell {
    /// Wakes this task at the next ring.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Wakes all listeners. They have to check again.
    pub(crate) fn ring(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers)); // and unlocks
        wakers.into_iter().for_each(Waker::wake);
    }
}
