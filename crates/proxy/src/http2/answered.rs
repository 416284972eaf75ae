//! The streams of a target connection on which an answer has begun, as seen in the frames: a request on one of
//! them is never sent again (L5), even if the library could not parse the answer.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The number of streams remembered: more than can be open on one connection at once.
const REMEMBERED: usize = 128;

/// The newest of them. Atomics only because streams must be `Send`, though these never leave their thread.
#[derive(Debug)]
pub(crate) struct Answered {
    streams: [AtomicU32; REMEMBERED],
    next: AtomicUsize,
    /// The last with DATA, which also counts as an answer, even without a head.
    data: AtomicU32,
    /// The error code of the target's GOAWAY; 0: there was none, or NO_ERROR.
    farewell: AtomicU32,
}

impl Answered {
    /// A head has begun on this stream.
    pub(super) fn head(&self, stream: u32) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % REMEMBERED;
        self.streams[place].store(stream, Ordering::Relaxed);
    }

    /// DATA has arrived on this stream.
    pub(super) fn data(&self, stream: u32) {
        self.data.store(stream, Ordering::Relaxed);
    }

    /// The target sent a GOAWAY with this error code.
    pub(super) fn leave(&self, code: u32) {
        self.farewell.store(code, Ordering::Relaxed);
    }

    /// Returns the error code of the target's GOAWAY; `None`: there was none, or NO_ERROR.
    pub(crate) fn farewell(&self) -> Option<u32> {
        Some(self.farewell.load(Ordering::Relaxed)).filter(|code| *code != 0)
    }

    /// Returns true if an answer has begun on this stream, one of those that are open.
    pub(crate) fn has(&self, stream: u32) -> bool {
        let known = |cell: &AtomicU32| cell.load(Ordering::Relaxed) == stream;
        known(&self.data) || self.streams.iter().any(known)
    }
}

impl Default for Answered {
    fn default() -> Self {
        let streams = std::array::from_fn(|_| AtomicU32::new(0));
        let (data, farewell) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { streams, next: AtomicUsize::new(0), data, farewell }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_as_can_be_open() {
        // L5
        let answered = Answered::default();
        (0..1000).for_each(|count| answered.head(1 + 2 * count));
        assert!((900..1000).all(|count| answered.has(1 + 2 * count)));
        assert!(!answered.has(1) && !answered.has(2001));
        answered.data(2001);
        assert!(answered.has(2001));
    }
}
