//! Finding frame boundaries in a byte stream, wherever it is cut. Never looks inside a frame.

use std::ops::Range;

/// Finds the frames in a byte stream, wherever it is cut.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to skip until the next frame begins.
    skip: usize,
    header: [u8; HEADER],
    have: usize,
}

/// RFC 9113 section 4.1.
pub(super) const HEADER: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// Returns the length in a frame's header.
fn length(header: &[u8]) -> usize {
    header.iter().take(3).fold(0, |all, byte| all << 8 | usize::from(*byte))
}

impl Frames {
    /// Makes one that skips this many bytes before the first frame.
    pub(super) fn new(skip: usize) -> Self {
        Self { skip, header: [0; HEADER], have: 0 }
    }

    /// Returns the length of the frame whose header was found last, as long as none of it has passed.
    pub(super) fn length(&self) -> usize {
        self.skip
    }

    /// Returns true between two frames.
    pub(super) fn is_between(&self) -> bool {
        self.skip == 0 && self.have == 0
    }

    /// Finds the first frame of this kind that is complete in `bytes`, which come next: its start and its end.
    pub(super) fn find(&self, bytes: &[u8], kind: u8) -> Option<Range<usize>> {
        if self.have > 0 {
            return None;
        }
        let mut at = self.skip;
        while let Some(header) = bytes.get(at..at + HEADER) {
            let end = at + HEADER + length(header);
            if header[3] == kind && end <= bytes.len() {
                return Some(at..end);
            }
            at = end;
        }
        None
    }

    /// Returns what follows the current frame; none if all of this belongs to it.
    pub(super) fn pass<'r>(&mut self, bytes: &'r [u8]) -> Option<&'r [u8]> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes.get(skipped..).filter(|_| self.skip == 0)
    }

    /// Returns the header of the next frame, once it is complete, and what follows it.
    pub(super) fn header<'r>(&mut self, bytes: &'r [u8]) -> Option<([u8; HEADER], &'r [u8])> {
        let count = (HEADER - self.have).min(bytes.len());
        self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
        self.have += count;
        if self.have < HEADER {
            return None;
        }
        self.have = 0;
        self.skip = length(&self.header);
        Some((self.header, &bytes[count..]))
    }
}
