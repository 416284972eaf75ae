//! Just enough HTTP/2 framing (RFC 9113 section 4.1) to see, in the bytes themselves, when a request
//! goes out and which requests a GOAWAY leaves unprocessed. The library reports neither.

use std::time::Instant;

/// A request begins (section 6.2).
pub(super) const HEADERS: u8 = 1;
/// The server accepts no more (section 6.8).
pub(super) const GOAWAY: u8 = 7;

/// The length of a frame header.
const HEAD: usize = 9;
/// The length of the stream number in a GOAWAY.
const NUMBER: usize = 4;

/// A frame whose beginning has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    /// In a GOAWAY the last stream that was, or may have been, processed.
    pub(super) last: u32,
    /// The instant that was given with its first byte.
    pub(super) began: Instant,
}

/// The frames of one direction, in pieces of any size.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes until the next frame.
    skip: usize,
    /// The beginning of the current frame.
    head: Vec<u8>,
    began: Instant,
}

impl Frames {
    /// Frames that begin after this many bytes.
    pub(super) fn behind(skip: usize) -> Self {
        Self { skip, head: Vec::with_capacity(HEAD + NUMBER), began: Instant::now() }
    }

    /// Takes the next bytes, which moved just after `at`, and passes on each frame that begins in them.
    pub(super) fn feed(&mut self, mut data: &[u8], at: Instant, mut found: impl FnMut(Frame)) {
        loop {
            let (skipped, rest) = data.split_at(self.skip.min(data.len()));
            self.skip -= skipped.len();
            let Some((byte, rest)) = rest.split_first() else { return };
            if self.head.is_empty() {
                self.began = at;
            }
            self.head.push(*byte);
            if let Some((frame, left)) = self.whole() {
                self.skip = left;
                self.head.clear();
                found(frame);
            }
            data = rest;
        }
    }

    /// The frame, once enough of it is there, and how much of it is still to come.
    fn whole(&self) -> Option<(Frame, usize)> {
        let (head, payload) = self.head.split_at_checked(HEAD)?;
        let &[high, middle, low, kind, _flags, ref stream @ ..] = head else { return None };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind == GOAWAY && payload.len() < NUMBER.min(length) {
            return None;
        }
        let (stream, last) = (number(stream), number(payload));
        Some((Frame { kind, stream, last, began: self.began }, length - payload.len()))
    }
}

/// 31 bits; 0 where there are none.
fn number(bytes: &[u8]) -> u32 {
    <[u8; NUMBER]>::try_from(bytes).map_or(0, |bytes| u32::from_be_bytes(bytes) & (u32::MAX >> 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A DATA frame of five bytes, HEADERS of stream 7, GOAWAY up to stream 5.
    const BYTES: &[u8] = b"preface\0\0\x05\0\x01\0\0\0\x03hello\
        \0\0\x02\x01\x05\0\0\0\x07ab\0\0\x08\x07\0\0\0\0\0\x80\0\0\x05\0\0\0\0\0\0\0\x04\0\0\0\0\0";

    #[test]
    fn frames_are_found_in_pieces_of_any_size_with_the_instant_of_their_first_byte() {
        let start = Instant::now();
        let at = |position: usize| start + Duration::from_millis(position as u64);
        for size in 1..BYTES.len() {
            let (mut frames, mut found) = (Frames::behind(7), Vec::new());
            for (piece, data) in BYTES.chunks(size).enumerate() {
                frames.feed(data, at(piece * size), |frame| found.push(frame));
            }
            let firsts = [7, 21, 32, 49].map(|position| at(position / size * size));
            let began: Vec<_> = found.iter().map(|frame| frame.began).collect();
            assert_eq!(began, firsts, "{size}");
            let what: Vec<_> = found.iter().map(|f| (f.kind, f.stream, f.last)).collect();
            assert_eq!(what, [(0, 3, 0), (HEADERS, 7, 0), (GOAWAY, 0, 5), (4, 0, 0)], "{size}");
        }
    }
}
