//! Requests that the library refuses before we see them: it resets their streams without an answer. They get an
//! answer (RFC 9113 section 8.1.1), written past the library and encoded with the static table only.
//!
//! Guarantees: frames of ours are written only between two frames of the library. Never: an answer on a stream
//! that was served, or that was opened in an earlier turn.

use super::frames::{END_HEADERS, END_STREAM, HEADER, HEADERS, RESET, WINDOW_UPDATE};

/// The most new streams remembered: beyond that, refused ones are only reset. No more are read in one turn.
const MOST: usize = 128;

/// The events of one connection in the current turn.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    fresh: Vec<NewStream>,
    /// The newest stream that the peer has opened.
    newest: u32,
    /// Resets held back until it is known whether their streams are served.
    held: Vec<u32>,
    /// Bytes of our own, to be written.
    own: Vec<u8>,
}

/// A stream that was opened in this turn.
#[derive(Debug)]
struct NewStream {
    stream: u32,
    /// Its request ended with its head.
    ended: bool,
    /// It was handed to us and is served.
    served: bool,
    /// The library has answered it: its head exceeded the limit.
    answered: bool,
    /// The library has reset it.
    reset: bool,
}

/// The number of requests refused in a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefusedCount {
    /// Answered 400.
    pub(crate) malformed: usize,
    /// Answered 431 by the library.
    pub(crate) too_large: usize,
}

impl Refusals {
    /// A head of the peer begins. Returns true if it opens a new stream.
    pub(super) fn opened(&mut self, stream: u32, flags: u8) -> bool {
        let new = stream > self.newest;
        if new {
            self.newest = stream;
            if self.fresh.len() < MOST {
                let ended = flags & END_STREAM != 0;
                self.fresh.push(NewStream {
                    stream,
                    ended,
                    served: false,
                    answered: false,
                    reset: false,
                });
            }
        }
        new
    }

    /// The library has handed this stream over.
    pub(super) fn served(&mut self, stream: u32) {
        if let Some(fresh) = self.fresh.iter_mut().find(|fresh| fresh.stream == stream) {
            fresh.served = true;
        }
    }

    /// Returns true if output must be inspected for answers to and resets of new requests.
    pub(super) fn is_busy(&self) -> bool {
        !self.fresh.is_empty() || !self.own.is_empty()
    }

    /// An answer begins on this stream. Returns true if it is from the library, which has refused the request.
    pub(super) fn answered(&mut self, stream: u32) -> bool {
        let fresh = self.fresh.iter_mut().find(|fresh| fresh.stream == stream && !fresh.served);
        fresh.map(|fresh| fresh.answered = true).is_some()
    }

    /// Returns true if a stream was opened that is not served.
    pub(super) fn has_unseen(&self) -> bool {
        self.fresh.iter().any(|fresh| !fresh.served)
    }

    /// Returns true if this reset is held back until it is known what its stream was.
    pub(super) fn hold(&mut self, frame: &[u8]) -> bool {
        let Some((header, code)) = frame.split_at_checked(HEADER) else { return false };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte));
        let stream = number(&header[5..]);
        let Some(fresh) = self.fresh.iter_mut().find(|fresh| fresh.stream == stream) else {
            return false;
        };
        fresh.reset = true;
        let hold = number(code) == PROTOCOL_ERROR;
        if hold {
            self.held.push(stream);
        }
        hold
    }

    /// Ends the turn; returns what was refused in it. `waits`: returns true if the reset of a stream with a
    /// code is delayed.
    pub(super) fn settle(
        &mut self,
        via: &str,
        mut waits: impl FnMut(u32, u32) -> bool,
    ) -> RefusedCount {
        let mut refused = RefusedCount::default();
        for stream in self.held.drain(..) {
            let fresh = self.fresh.iter().find(|fresh| fresh.stream == stream);
            let mut code = PROTOCOL_ERROR;
            if let Some(fresh) = fresh.filter(|fresh| !fresh.served) {
                if !fresh.answered {
                    refused.malformed += 1;
                    answer(&mut self.own, stream, via);
                }
                if !fresh.ended {
                    code = NO_ERROR; // the answer is complete, and the rest of the request is not needed
                }
            }
            if !waits(stream, code) {
                reset(&mut self.own, stream, code);
            }
        }
        let answered = self.fresh.iter().filter(|fresh| fresh.answered && !fresh.served);
        refused.too_large = answered.count();
        // The others are still open: their heads, or the library's reaction to them, are incomplete.
        self.fresh.retain(|fresh| !fresh.served && !fresh.answered && !fresh.reset);
        refused
    }

    /// Returns the bytes to be written.
    pub(super) fn own(&self) -> &[u8] {
        &self.own
    }

    /// Returns the buffer for further frames.
    pub(super) fn own_mut(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }

    /// This many bytes were written.
    pub(super) fn written(&mut self, count: usize) {
        self.own.drain(..count);
    }
}

const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;

/// Writes a 400 without a body: only the library knows the peer's window.
fn answer(out: &mut Vec<u8>, stream: u32, via: &str) {
    // `:status: 400`, `content-length: 0` and `cache-control: no-store` by the static table (RFC 7541
    // appendix A), the last two as literals that are not remembered.
    let mut block = b"\x8c\x0f\x0d\x010\x0f\x09\x08no-store".to_vec();
    let why = format!("{via}; error=http_request_error; details=bad_request");
    block.push(0); // a literal field name
    for text in ["proxy-status", &why] {
        // A longer one would need more than one byte for its length (RFC 7541 section 5.1).
        let text = text.get(..126).unwrap_or(text);
        block.push(text.len() as u8);
        block.extend_from_slice(text.as_bytes());
    }
    frame(out, HEADERS, END_HEADERS | END_STREAM, stream, &block);
}

/// Writes a reset of a stream.
pub(super) fn reset(out: &mut Vec<u8>, stream: u32, code: u32) {
    frame(out, RESET, 0, stream, &code.to_be_bytes());
}

/// Writes a WINDOW_UPDATE for a stream.
pub(super) fn widen(out: &mut Vec<u8>, stream: u32, bytes: u32) {
    frame(out, WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reset(stream: u32, code: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        super::reset(&mut bytes, stream, code);
        bytes
    }

    #[test]
    fn an_unseen_stream_is_answered_and_one_that_is_served_is_reset() {
        let mut refusals = Refusals::default();
        refusals.opened(1, END_STREAM);
        refusals.opened(3, END_STREAM);
        refusals.opened(5, 0);
        refusals.served(1);
        assert!(refusals.is_busy());
        assert!([1, 3, 5].iter().all(|stream| refusals.hold(&reset(*stream, PROTOCOL_ERROR))));
        assert_eq!(
            refusals.settle("teal-x", |_, _| false),
            RefusedCount { malformed: 2, too_large: 0 }
        );
        let own = refusals.own().to_vec();
        assert!(own.starts_with(&reset(1, PROTOCOL_ERROR)), "as it was");
        assert!(own.ends_with(&reset(5, NO_ERROR)), "its body is not wanted");
        let text = String::from_utf8_lossy(&own).into_owned();
        assert_eq!(text.matches("teal-x; error=http_request_error").count(), 2);
        refusals.written(own.len());
        assert!(!refusals.is_busy());
    }

    #[test]
    fn requests_that_the_library_has_answered_get_no_other_answer() {
        let mut refusals = Refusals::default();
        refusals.opened(1, END_STREAM);
        assert!(refusals.answered(1) && !refusals.answered(3));
        assert!(refusals.hold(&reset(1, PROTOCOL_ERROR)));
        assert_eq!(
            refusals.settle("teal-x", |_, _| false),
            RefusedCount { malformed: 0, too_large: 1 }
        );
        assert_eq!(refusals.own(), reset(1, PROTOCOL_ERROR));
    }

    #[test]
    fn frames_that_open_no_stream_pass() {
        let mut refusals = Refusals::default();
        refusals.opened(1, END_STREAM);
        assert!(!refusals.hold(&reset(1, 7)), "refused for another reason");
        assert!(!refusals.hold(&reset(3, PROTOCOL_ERROR)), "unknown");
        assert_eq!(refusals.settle("teal-x", |_, _| false), RefusedCount::default());
        assert!(!refusals.hold(&reset(1, PROTOCOL_ERROR)), "its end is known");
        refusals.opened(1, END_STREAM);
        assert!(!refusals.is_busy(), "it was opened long ago");
        for count in 1..200 {
            refusals.opened(1 + 2 * count, 0);
        }
        assert!(!refusals.hold(&reset(399, PROTOCOL_ERROR)), "too many at once");
    }
}
