//! The instants when the first byte of each request was sent on one HTTP/2 connection.
//!
//! That instant decides whether a request is late (L2), and the library does not report it: it takes a
//! request, gives it a stream, and writes its HEADERS when streams, windows and the socket allow,
//! perhaps long after. An instant taken when the request was handed over would be too early: a request
//! that really left after a switch was answered would pass for an earlier one, and a late one would be
//! missed. One taken after the library's write would be too late: a request that left just before the
//! answer would wrongly be called late.
//!
//! So the bytes themselves are watched, between the library and the socket: the instant is taken just
//! before the write that accepts the first byte of the stream's HEADERS. That byte cannot have gone
//! out before, so no request is wrongly called late; and it goes out in that same call, so the
//! instant is as close as it is for HTTP/1.1. TLS accepts bytes that it cannot pass on yet, so it is
//! flushed before it is given more. Then only a socket buffer filled by one whole record can delay
//! the byte, and the instant is too early by that wait, which never calls a request late wrongly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::ledger::Recorder;

/// The state of one connection's streams.
#[derive(Debug)]
pub(super) struct SentStreams {
    recorder: Arc<Recorder>,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    /// Sent, before it was known which request that is.
    early: HashMap<u32, Instant>,
    /// Not sent yet: the request, and when it was due.
    waiting: HashMap<u32, (u64, Option<Instant>)>,
    /// The last stream that the server may have processed, once it has said so.
    last: Option<u32>,
}

impl SentStreams {
    pub(super) fn new(recorder: Arc<Recorder>) -> Self {
        Self { recorder, streams: Mutex::default() }
    }

    /// Links a stream to a request; another thread may have sent its HEADERS already.
    pub(super) fn expect(&self, stream: u32, number: u64, due: Option<Instant>) {
        let mut streams = self.lock();
        match streams.early.remove(&stream) {
            Some(at) => self.recorder.departed(number, at, due),
            None => drop(streams.waiting.insert(stream, (number, due))),
        }
    }

    /// Records that the first byte of a stream's HEADERS went out just after this instant.
    pub(super) fn gone(&self, stream: u32, at: Instant) {
        let mut streams = self.lock();
        match streams.waiting.remove(&stream) {
            Some((number, due)) => self.recorder.departed(number, at, due),
            None => drop(streams.early.insert(stream, at)),
        }
    }

    /// Removes a failed stream; returns true if its request was never sent.
    pub(super) fn withdraw(&self, stream: u32) -> bool {
        self.lock().waiting.remove(&stream).is_some()
    }

    /// Records a GOAWAY with this last stream; a later one is never higher (RFC 9113 section 6.8).
    pub(super) fn told_to_go(&self, last: u32) {
        let mut streams = self.lock();
        streams.last = Some(streams.last.map_or(last, |known| known.min(last)));
    }

    /// Returns true if no further request may be begun.
    pub(super) fn is_going(&self) -> bool {
        self.lock().last.is_some()
    }

    /// Returns true if the server has said that it did not process this stream.
    pub(super) fn is_untaken(&self, stream: u32) -> bool {
        self.lock().last.is_some_and(|last| stream > last)
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Kind, Protocol};
    use std::time::Duration;

    #[test]
    fn a_request_left_when_its_first_byte_did_and_one_that_never_did_is_not_sent() {
        // L2
        let recorder = Arc::new(Recorder::new().unwrap());
        let [first, second, third] = [(); 3].map(|()| recorder.begin(Protocol::H2c, |_| Kind::Get));
        let streams = SentStreams::new(Arc::clone(&recorder));
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        let (late, early) = (at(700), at(300));
        streams.expect(1, first, None); // handed over long before it could go out
        streams.gone(1, late);
        streams.gone(3, early); // gone before it was known whose it is
        streams.expect(3, second, None);
        streams.expect(5, third, None);
        assert!(!streams.withdraw(1) && !streams.withdraw(3) && streams.withdraw(5));
        let ledger = recorder.take();
        let sent = |number| ledger.departure(number);
        assert_eq!([sent(first), sent(second), sent(third)], [Some(late), Some(early), None]);
    }

    #[test]
    fn only_streams_beyond_the_lowest_goaway_are_untaken() {
        let streams = SentStreams::new(Arc::new(Recorder::new().unwrap()));
        assert!(!streams.is_going() && !streams.is_untaken(9));
        streams.told_to_go(u32::MAX >> 1); // the first of two steps
        assert!(streams.is_going() && !streams.is_untaken(9));
        streams.told_to_go(7);
        assert!(!streams.is_untaken(7) && streams.is_untaken(9));
    }
}
