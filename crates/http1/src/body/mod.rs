//! Decoding a body as it arrives, in place. Guarantees that a body counts as complete only at the
//! end that its framing names, and that reads cut between any two bytes give the same result. Never
//! holds payload: that stays in the caller's buffer.

mod chunked;
mod extension;
mod trailers;

use std::{fmt, ops::Range};

use crate::{BodyLength, Forwarding, Limits};
use chunked::Chunked;

/// Why a body is not well-formed, or not complete. The connection that it came from has no meaning
/// any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// What is wrong, in one sentence.
    pub reason: &'static str,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for BodyError {}

/// What one call of [`BodyReader::decode`] made of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes at the start of the buffer are used up, framing included.
    pub consumed: usize,
    /// Where the payload now lies in the buffer; within `0..consumed`.
    pub data: Range<usize>,
    /// The body is complete; what follows `consumed` is not part of it.
    pub done: bool,
}

/// A body being read.
#[derive(Debug)]
pub struct BodyReader {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Length(u64),
    Chunked(Chunked),
    UntilClose { closed: bool },
}

impl BodyReader {
    /// A reader at the start of a body of the given framing.
    pub fn new(length: BodyLength) -> Self {
        let kind = match length {
            BodyLength::None => Kind::Length(0),
            BodyLength::Length(length) => Kind::Length(length),
            BodyLength::Chunked => Kind::Chunked(Chunked::new()),
            BodyLength::UntilClose => Kind::UntilClose { closed: false },
        };
        Self { kind }
    }

    /// Bounds the trailers as the head of the same message is bounded; without this by the default.
    pub fn limit_trailers(&mut self, limits: Limits) {
        if let Kind::Chunked(chunked) = &mut self.kind {
            chunked.limit_trailers(limits);
        }
    }

    /// Passes on no trailer that would not be passed on in the head of the same request.
    pub fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        if let Kind::Chunked(chunked) = &mut self.kind {
            chunked.filter_trailers(forwarding);
        }
    }

    /// Decodes what has arrived. Chunks that arrived together become one contiguous range: their
    /// data is moved together within `buf`. Everything up to the end of the body is used up, so
    /// there is nothing to present again. Bodies with a length are not moved.
    ///
    /// # Errors
    /// For malformed chunked framing or trailers; every later call gives an error too.
    pub fn decode(&mut self, buf: &mut [u8]) -> Result<Decoded, BodyError> {
        match &mut self.kind {
            Kind::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buf.len());
                *left -= here as u64;
                Ok(Decoded { consumed: here, data: 0..here, done: *left == 0 })
            }
            Kind::Chunked(chunked) => chunked.decode(buf),
            Kind::UntilClose { closed: true } => {
                Ok(Decoded { consumed: 0, data: 0..0, done: true })
            }
            Kind::UntilClose { closed: false } => {
                Ok(Decoded { consumed: buf.len(), data: 0..buf.len(), done: false })
            }
        }
    }

    /// So many bytes of a body with a length went by without being looked at. Of other framings
    /// nothing can go by: they count only what they decode.
    pub fn pass(&mut self, count: u64) {
        if let Kind::Length(left) = &mut self.kind {
            *left = left.saturating_sub(count);
        }
    }

    /// The peer has closed its sending side.
    ///
    /// # Errors
    /// If the body was not complete: what came so far must not be passed off as all of it.
    pub fn eof(&mut self) -> Result<(), BodyError> {
        if let Kind::UntilClose { closed } = &mut self.kind {
            *closed = true;
        }
        if self.is_done() {
            Ok(())
        } else {
            Err(BodyError { reason: "The connection was closed before the end of the body." })
        }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        match &self.kind {
            Kind::Length(left) => *left == 0,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::UntilClose { closed } => *closed,
        }
    }

    /// How many bytes are still to come, where the framing says so in advance.
    pub fn remaining(&self) -> Option<u64> {
        match &self.kind {
            Kind::Length(left) => Some(*left),
            Kind::Chunked(chunked) => chunked.is_done().then_some(0),
            Kind::UntilClose { closed } => closed.then_some(0),
        }
    }

    /// The trailers that may be passed on, as `name: value` lines that each end in CRLF; empty
    /// before the end of the body, and mostly after it.
    pub fn trailers(&self) -> &[u8] {
        match &self.kind {
            Kind::Chunked(chunked) => chunked.trailers(),
            Kind::Length(_) | Kind::UntilClose { .. } => &[],
        }
    }
}
