//! The chunked transfer coding (RFC 9112 section 7.1), byte for byte. Guarantees that a last chunk
//! and the empty line after it were really there before a body is done. Never passes extensions on.

use std::ops::Range;

use super::{BodyError, Decoded, extension::Extension, trailers::Trailers};
use crate::{Forwarding, Limits};

/// The most bytes that all chunk extensions of a body may take together.
const EXTENSION_BYTES: usize = 16 * 1024;
/// The most hex digits of a size: more would not fit 64 bits.
const SIZE_DIGITS: u8 = 16;

#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    extension_bytes: usize,
    trailers: Trailers,
}

/// The position in the coding of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size, of which `digits` were seen.
    Size {
        size: u64,
        digits: u8,
    },
    /// After the size and a space, which only an extension may follow.
    Space {
        size: u64,
    },
    /// In an extension.
    Extension {
        size: u64,
        at: Extension,
    },
    /// At the LF of a size line.
    SizeEnd {
        size: u64,
    },
    /// In chunk data, of which `left` bytes are still to come.
    Data {
        left: u64,
    },
    /// At the CR after chunk data.
    DataCr,
    /// At the LF after chunk data.
    DataLf,
    /// In the trailer section.
    Trailers,
    Done,
    Failed(BodyError),
}

const START: State = State::Size { size: 0, digits: 0 };

impl Chunked {
    pub(super) fn new() -> Self {
        Self { state: START, extension_bytes: 0, trailers: Trailers::new() }
    }

    pub(super) fn limit_trailers(&mut self, limits: Limits) {
        self.trailers.limit(limits);
    }

    pub(super) fn filter_trailers(&mut self, forwarding: &Forwarding<'_>) {
        self.trailers.filter(forwarding);
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    pub(super) fn trailers(&self) -> &[u8] {
        if self.is_done() { self.trailers.lines() } else { &[] }
    }

    pub(super) fn decode(&mut self, buf: &mut [u8]) -> Result<Decoded, BodyError> {
        let mut at = 0;
        let mut data = 0..0;
        while at < buf.len() && self.state != State::Done {
            let step = match self.state {
                State::Data { left } => Ok(self.take_data(left, buf, at, &mut data)),
                State::Trailers => self.take_trailers(&buf[at..]),
                state => self.next(state, buf[at]).map(|next| {
                    self.state = next;
                    1
                }),
            };
            match step {
                Ok(used) => at += used,
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        }
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        Ok(Decoded { consumed: at, data, done: self.is_done() })
    }

    /// Adds the chunk data at `at` to the range `data` and returns its length. The first piece stays where it
    /// is, later ones are moved down to follow it.
    fn take_data(
        &mut self,
        left: u64,
        buf: &mut [u8],
        at: usize,
        data: &mut Range<usize>,
    ) -> usize {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len() - at);
        if data.start == data.end {
            *data = at..at + here;
        } else {
            buf.copy_within(at..at + here, data.end);
            data.end += here;
        }
        let left = left - here as u64;
        self.state = if left == 0 { State::DataCr } else { State::Data { left } };
        here
    }

    fn take_trailers(&mut self, input: &[u8]) -> Result<usize, BodyError> {
        let (used, ended) = self.trailers.take(input)?;
        if ended {
            self.state = State::Done;
        }
        Ok(used)
    }

    /// Returns the state after one byte of framing.
    fn next(&mut self, state: State, byte: u8) -> Result<State, BodyError> {
        match (state, byte) {
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS {
                    return Err(fail("A chunk size has more than 16 digits."));
                }
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                Ok(State::Size { size: size << 4 | digit, digits: digits + 1 })
            }
            (State::Size { digits: 0, .. }, _) => {
                Err(fail("A chunk does not begin with a hexadecimal size."))
            }
            (State::Size { size, .. }, b'\r') => Ok(State::SizeEnd { size }),
            (State::Extension { size, at }, b'\r') if at.may_end() => Ok(State::SizeEnd { size }),
            (State::Size { size, .. } | State::Space { size }, b';') => {
                self.count_extension(State::Extension { size, at: Extension::Start })
            }
            // RFC 9112 section 7.1.1: recipients must tolerate spaces before an extension.
            (State::Size { size, .. } | State::Space { size }, b' ' | b'\t') => {
                self.count_extension(State::Space { size })
            }
            (State::Extension { size, at }, _) => match at.next(byte) {
                Some(at) => self.count_extension(State::Extension { size, at }),
                None => Err(fail("A chunk extension is neither a name nor a name and a value.")),
            },
            (State::SizeEnd { size: 0 }, b'\n') => Ok(State::Trailers),
            (State::SizeEnd { size }, b'\n') => Ok(State::Data { left: size }),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(START),
            (State::DataCr | State::DataLf, _) => {
                Err(fail("Chunk data of the announced size is not followed by CRLF."))
            }
            (State::Size { .. } | State::Space { .. } | State::SizeEnd { .. }, _) => {
                Err(fail("A chunk size is not followed by CRLF or an extension."))
            }
            (State::Data { .. } | State::Trailers | State::Done, _) => Ok(state),
            (State::Failed(error), _) => Err(error),
        }
    }

    fn count_extension(&mut self, next: State) -> Result<State, BodyError> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES {
            return Err(fail("The chunk extensions are too long."));
        }
        Ok(next)
    }
}

fn fail(reason: &'static str) -> BodyError {
    BodyError { reason }
}
