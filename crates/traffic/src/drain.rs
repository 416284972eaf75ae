//! Waiting until a color has no lease and no connection left, on any worker (L4).
//!
//! To be asked only after a table that lists the color as draining was acknowledged by all
//! workers; before that, "none left" would not be final.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use crate::books::{ColorBooks, ColorSum};
use crate::publish::Publisher;
use crate::sync::{Mutex, lock};

/// What still holds a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Leases held.
    pub leases: u64,
    /// Connections being made, in use or idle.
    pub connections: u64,
}

/// Rung by workers whenever something on a draining color ended.
#[derive(Debug, Default)]
pub(crate) struct DrainBell {
    wakers: Mutex<Vec<Waker>>,
}

impl Publisher {
    /// What still holds this color.
    pub fn remaining(&self, books: &ColorBooks) -> Remaining {
        let sum = ColorSum::of(books);
        Remaining { leases: sum.leases, connections: sum.connections }
    }

    /// Waits until nothing holds this color.
    pub async fn drained(&self, books: &ColorBooks) {
        poll_fn(|cx| self.poll_drained(books, cx)).await;
    }

    fn poll_drained(&self, books: &ColorBooks, cx: &mut Context<'_>) -> Poll<()> {
        // First the waker, then the sum: what ends after the sum finds the waker in place,
        // and what ended before it rang is in the sum, since both take the bell's lock.
        self.drain_bell().listen(cx.waker());
        let remaining = self.remaining(books);
        if remaining.leases == 0 && remaining.connections == 0 {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

// === impl DrainBell ===

impl DrainBell {
    fn listen(&self, waker: &Waker) {
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    pub(crate) fn ring(&self) {
        let wakers = std::mem::take(&mut *lock(&self.wakers)); // and unlocks
        wakers.into_iter().for_each(Waker::wake);
    }
}
