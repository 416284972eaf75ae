//! A bell for those who wait for a drain.

use std::task::Waker;

use crate::sync::{Mutex, lock};

/// Rung by workers whenever something ended on what is draining.
#[derive(Debug, Default)]
pub(crate) struct DrainBell {
    wakers: Mutex<Vec<Waker>>,
}

// === impl DrainBell ===

impl DrainBell {
    /// Has this task woken at the next ring.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Wakes whoever listens. They have to look again.
    pub(crate) fn ring(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers)); // and unlocks
        wakers.into_iter().for_each(Waker::wake);
    }
}
