//! What the streams of one connection have handed over to be sent, and its socket has not taken yet:
//! the library bounds it for each stream, and a hundred of them would be too much (D8).
//!
//! Guaranteed: a stream that waits is woken when there is room again, or when the connection ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// The most that all streams together may have handed over. A socket holds more than that besides, so
/// that a client that reads never waits for it.
const LIMIT: usize = 128 * 1024;

/// Of one connection. Streams can be sent between threads, though these are not: hence the atomics.
#[derive(Debug, Default)]
pub(crate) struct Outflow {
    unsent: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
}

impl Outflow {
    /// How much may be handed over now.
    pub(crate) fn room(&self) -> usize {
        LIMIT.saturating_sub(self.unsent.load(Ordering::Relaxed))
    }

    /// Ready when something may be handed over.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.room() > 0 {
            return Poll::Ready(());
        }
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// So many bytes of a body were handed over.
    pub(crate) fn hand_over(&self, bytes: usize) {
        self.unsent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many were written.
    pub(crate) fn sent(&self, bytes: usize) {
        let unsent = self.unsent.load(Ordering::Relaxed);
        self.unsent.store(unsent.saturating_sub(bytes), Ordering::Relaxed);
        if unsent >= LIMIT {
            self.wake();
        }
    }

    /// Nothing is left to be written: what was handed over and not sent belonged to streams that were
    /// broken off.
    pub(crate) fn emptied(&self) {
        if self.unsent.swap(0, Ordering::Relaxed) >= LIMIT {
            self.wake();
        }
    }

    /// Lets all who wait look again, in the order in which they came.
    fn wake(&self) {
        let waiting = self.waiting.lock().map(|mut waiting| std::mem::take(&mut *waiting));
        waiting.unwrap_or_default().into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_socket_takes_makes_room_for_those_who_wait() {
        // D8
        let outflow = Outflow::default();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(outflow.poll_room(&mut cx).is_ready());
        outflow.hand_over(LIMIT);
        assert!(outflow.poll_room(&mut cx).is_pending());
        assert_eq!((outflow.room(), outflow.waiting.lock().unwrap().len()), (0, 1));
        outflow.sent(1000);
        assert_eq!((outflow.room(), outflow.waiting.lock().unwrap().len()), (1000, 0));
        outflow.hand_over(5000);
        assert!(outflow.poll_room(&mut cx).is_pending());
        outflow.emptied();
        assert_eq!((outflow.room(), outflow.waiting.lock().unwrap().len()), (LIMIT, 0));
    }
}
