//! Decoding a body as it arrives, in place. Guarantees that a body counts as complete only at the
//! end that its framing names, and that reads cut between any two bytes give the same result. Never
//! holds payload: that stays in the caller's buffer.

mod chunked;
mod extension;
mod trailers;

use std::{fmt, ops::Range};

use crate::{BodyLength, Forwarding, Limits};
use chunked::Chunked;

/// The reason why a body is malformed or incomplete. Its connection cannot be used any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// The problem, in one sentence.
    pub reason: &'static str,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for BodyError {}

/// The result of one call of [`BodyReader::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The number of bytes at the start of the buffer that are used up, framing included.
    pub consumed: usize,
    /// The range of the payload in the buffer; within `0..consumed`.
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

    /// Bounds the trailers by these limits, those of the message's head; by default by the default limits.
    pub fn limit_trailers(&mut self, limits: Limits) {
        if let Kind::Chunked(chunked) = &mut self.kind {
            chunked.limit_trailers(limits);
        }
    }

    /// Drops every trailer that would be dropped in the head of the same request.
    pub fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        if let Kind::Chunked(chunked) = &mut self.kind {
            chunked.filter_trailers(forwarding);
        }
    }

    /// Decodes what has arrived. Chunks that arrived together become one contiguous range: their data is moved
    /// together within `buf`. Everything up to the end of the body is consumed, so nothing has to be presented
    /// again. Bodies with a length are not moved.
    ///
    /// # Errors
    /// For malformed chunked framing or trailers; every later call fails too.
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

    /// Counts bytes of a body with a length that passed without being looked at. Bodies of other framings
    /// cannot pass that way: every byte of them is decoded.
    pub fn pass(&mut self, count: u64) {
        if let Kind::Length(left) = &mut self.kind {
            *left = left.saturating_sub(count);
        }
    }

    /// The peer has closed its sending side.
    ///
    /// # Errors
    /// If the body was not complete: what arrived must not be passed off as all of it.
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

    /// Returns true if the body is complete.
    pub fn is_done(&self) -> bool {
        match &self.kind {
            Kind::Length(left) => *left == 0,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::UntilClose { closed } => *closed,
        }
    }

    /// Returns the number of bytes still to come, where the framing announces it.
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
