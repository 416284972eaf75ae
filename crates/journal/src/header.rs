//! The header of the journal: the number of the file, and the end of the part that was durable before
//! the file got its name. Written once, never changed.
//!
//! | bytes | field |
//! |---|---|
//! | 0..16 | magic `TEALJRNL`, format version, CRC-32 of the two |
//! | 16..24 | number of this file: each fresh journal has a higher one |
//! | 24..32 | end of the snapshot that the file begins with, else end of the header |
//! | 32..40 | base: end of the part that was durable when the file got its name |
//! | 40..44 | CRC-32 of the bytes before |

use crate::field::{self, Unreadable};

const MAGIC: [u8; 8] = *b"TEALJRNL";

/// The offset of the first record.
pub(super) const HEADER: usize = 44;

/// The header of a journal file. All ends are byte offsets in that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the file.
    pub(super) file: u64,
    /// The end of the snapshot.
    pub(super) snapshot: u64,
    /// The end of the part that was durable before the file got its name.
    pub(super) base: u64,
}

impl Header {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = field::preamble(MAGIC);
        for number in [self.file, self.snapshot, self.base] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        field::seal(&mut out);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let bytes = field::unseal(bytes, MAGIC, HEADER)?;
        let number = |offset| {
            field::u64_at(bytes, offset).ok_or(Unreadable::Damaged("its header is too short"))
        };
        Ok(Self { file: number(16)?, snapshot: number(24)?, base: number(32)? })
    }
}
