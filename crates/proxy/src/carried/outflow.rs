//! What the streams of one connection have handed over to be sent, and its socket has not taken yet:
//! the library bounds it for each stream, and a hundred of them would be too much (D8).
//!
//! Guaranteed: a stream that waits is woken when there is room again, or when the connection ends.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// The most that all streams together may have handed over. A socket holds more than that besides, so
/// that a client that reads never waits for it.
const LIMIT: usize = 128 * 1024;

/// One of the streams hands over no more than this at once: so much is waited for.
const PIECE: usize = 16 * 1024;

/// Of one connection. Streams can be sent between threads, though these are not: hence the atomics.
#[derive(Debug, Default)]
pub(crate) struct Outflow {
    unsent: AtomicUsize,
    round: AtomicUsize,
    waiting: Mutex<VecDeque<Waker>>,
}

impl Outflow {
    /// How much may be handed over now.
    pub(crate) fn room(&self) -> usize {
        LIMIT.saturating_sub(self.unsent.load(Ordering::Relaxed))
    }

    /// Ready when a whole piece may be handed over.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.room() >= PIECE { Poll::Ready(()) } else { self.wait(cx) }
    }

    /// How often nothing was left to be written: what was handed over before the last time is.
    pub(crate) fn round(&self) -> usize {
        self.round.load(Ordering::Relaxed)
    }

    /// Ready when all is written that was handed over in this round, whatever others have since.
    pub(crate) fn poll_written(&self, round: usize, cx: &mut Context<'_>) -> Poll<()> {
        if self.round() == round { self.wait(cx) } else { Poll::Ready(()) }
    }

    /// Woken when something was written.
    fn wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Once, however often it asks: no more wait than there are streams.
        if let Ok(mut waiting) = self.waiting.lock()
            && !waiting.iter().any(|waker| waker.will_wake(cx.waker()))
        {
            waiting.push_back(cx.waker().clone());
        }
        Poll::Pending
    }

    /// So many bytes of a body were handed over.
    pub(crate) fn hand_over(&self, bytes: usize) {
        self.unsent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many were written. As many of those who wait go on as there is room for.
    pub(crate) fn sent(&self, bytes: usize) {
        let unsent = self.unsent.load(Ordering::Relaxed);
        self.unsent.store(unsent.saturating_sub(bytes), Ordering::Relaxed);
        self.wake(self.room() / PIECE);
    }

    /// Nothing is left to be written: what was handed over and not sent belonged to streams that were
    /// broken off. Who was woken and handed nothing over has kept nobody from it for longer.
    pub(crate) fn emptied(&self) {
        self.unsent.store(0, Ordering::Relaxed);
        self.round.fetch_add(1, Ordering::Relaxed);
        self.wake(usize::MAX);
    }

    /// Lets those who wait look again, in the order in which they came.
    fn wake(&self, most: usize) {
        let Ok(mut waiting) = self.waiting.lock() else { return };
        let count = waiting.len().min(most);
        waiting.drain(..count).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_socket_takes_makes_room_for_those_who_wait() {
        // D8
        let outflow = Outflow::default();
        let waker = Waker::noop().clone(); // alike to its own clones, which the first one need not be
        let mut cx = Context::from_waker(&waker);
        assert!(outflow.poll_room(&mut cx).is_ready());
        outflow.hand_over(LIMIT);
        let waiting = |outflow: &Outflow| outflow.waiting.lock().unwrap().len();
        assert!((0..3).all(|_| outflow.poll_room(&mut cx).is_pending()));
        assert_eq!(waiting(&outflow), 1, "however often it asks");
        outflow.sent(1000);
        assert_eq!((outflow.room(), waiting(&outflow)), (1000, 1), "it is not worth it");
        outflow.sent(2 * PIECE);
        assert_eq!(waiting(&outflow), 0);
        outflow.hand_over(LIMIT);
        assert!(outflow.poll_room(&mut cx).is_pending());
        outflow.emptied();
        assert_eq!((outflow.room(), waiting(&outflow)), (LIMIT, 0));
    }

    #[test]
    fn what_one_has_handed_over_is_written_whatever_others_have_since() {
        let outflow = Outflow::default();
        let mut cx = Context::from_waker(Waker::noop());
        let round = outflow.round();
        outflow.hand_over(1);
        assert!(outflow.poll_written(round, &mut cx).is_pending());
        outflow.emptied();
        outflow.hand_over(1);
        assert!(outflow.poll_written(round, &mut cx).is_ready());
    }
}
