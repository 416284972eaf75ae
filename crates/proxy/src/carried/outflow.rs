//! Bytes that the streams of one connection have handed over to be sent, and that its socket has not accepted
//! yet. The library bounds them per stream, and a hundred times that would be too much (D8).
//!
//! Guarantees: a stream that waits is woken when there is room again, or when the connection ends.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

/// The most that all streams together may have handed over. A socket buffers more than that besides, so a
/// client that reads never waits for it.
const LIMIT: usize = 128 * 1024;

/// The most that a stream hands over at once, and the room that it waits for.
const PIECE: usize = 16 * 1024;

/// The outflow of one connection. Atomics only because streams must be `Send`, though these never leave their thread.
#[derive(Debug, Default)]
pub(crate) struct Outflow {
    unsent: AtomicUsize,
    round: AtomicUsize,
    waiting: Mutex<VecDeque<Waker>>,
}

impl Outflow {
    /// Returns how much may be handed over now.
    pub(crate) fn room(&self) -> usize {
        LIMIT.saturating_sub(self.unsent.load(Ordering::Relaxed))
    }

    /// Ready when a whole piece may be handed over.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.room() >= PIECE { Poll::Ready(()) } else { self.wait(cx) }
    }

    /// Returns how often everything was written: bytes handed over in earlier rounds are.
    pub(crate) fn round(&self) -> usize {
        self.round.load(Ordering::Relaxed)
    }

    /// Ready when all bytes handed over in this round are written, whatever other streams have added since.
    pub(crate) fn poll_written(&self, round: usize, cx: &mut Context<'_>) -> Poll<()> {
        if self.round() == round { self.wait(cx) } else { Poll::Ready(()) }
    }

    /// Registers to be woken when something was written.
    fn wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Once per task: no more wait than there are streams.
        if let Ok(mut waiting) = self.waiting.lock()
            && !waiting.iter().any(|waker| waker.will_wake(cx.waker()))
        {
            waiting.push_back(cx.waker().clone());
        }
        Poll::Pending
    }

    /// This many bytes of a body were handed over.
    pub(crate) fn hand_over(&self, bytes: usize) {
        self.unsent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// This many were written. Wakes as many waiting streams as there is room for.
    pub(crate) fn sent(&self, bytes: usize) {
        let unsent = self.unsent.load(Ordering::Relaxed);
        self.unsent.store(unsent.saturating_sub(bytes), Ordering::Relaxed);
        self.wake(self.room() / PIECE);
    }

    /// Everything was written: bytes handed over and not sent belonged to streams that were reset. Also wakes
    /// streams that were passed over because a woken one handed nothing over.
    pub(crate) fn emptied(&self) {
        self.unsent.store(0, Ordering::Relaxed);
        self.round.fetch_add(1, Ordering::Relaxed);
        self.wake(usize::MAX);
    }

    /// Wakes streams that wait, in the order in which they came.
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
    fn bytes_that_the_socket_takes_make_room_for_waiting_streams() {
        // D8
        let outflow = Outflow::default();
        let waker = Waker::noop().clone(); // equal to its own clones, as the first one need not be
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
    fn bytes_handed_over_by_one_stream_are_written_whatever_others_add() {
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
