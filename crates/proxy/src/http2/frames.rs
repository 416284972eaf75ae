//! Where frames begin in what passes, wherever that is cut. Never: a look inside a frame.

use std::ops::Range;

/// Finds the frames in what passes, wherever that is cut.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes to pass until the next frame begins.
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

/// The length that the header of a frame begins with.
fn length(header: &[u8]) -> usize {
    header.iter().take(3).fold(0, |all, byte| all << 8 | usize::from(*byte))
}

impl Frames {
    /// Before the first frame so many bytes pass.
    pub(super) fn new(skip: usize) -> Self {
        Self { skip, header: [0; HEADER], have: 0 }
    }

    /// The length of the frame whose header was last found, as long as none of it has passed.
    pub(super) fn length(&self) -> usize {
        self.skip
    }

    /// Whether a frame has ended and no other has begun.
    pub(super) fn is_between(&self) -> bool {
        self.skip == 0 && self.have == 0
    }

    /// Where in `bytes`, which come next, the first frame of this kind begins that is whole in them, and
    /// where it ends.
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

    /// What follows the frame that is passing; none if all of this belongs to it.
    pub(super) fn pass<'r>(&mut self, bytes: &'r [u8]) -> Option<&'r [u8]> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes.get(skipped..).filter(|_| self.skip == 0)
    }

    /// The header of the next frame, once it is whole, and what is behind it.
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
