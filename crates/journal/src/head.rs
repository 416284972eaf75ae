//! The file `head`: the end of the durable part of the journal. Two slots, written alternately, each
//! fsynced before a decision counts; the valid one with the higher sequence applies.
//!
//! | bytes of a slot | field |
//! |---|---|
//! | 0..16 | magic `TEALHEAD`, format version, CRC-32 of the two |
//! | 16..24 | sequence |
//! | 24..32 | number of the journal file |
//! | 32..40 | newest generation decided in it |
//! | 40..48 | end: every byte of the journal before it is durable |
//! | 48..52 | CRC-32 of the bytes before |
//!
//! The slots begin at bytes 0 and 4096, in separate disk blocks, so that a torn write of one cannot
//! harm the other. A new `head` has both filled: an unreadable slot is therefore either a torn write
//! or damage, never a slot that was not needed yet. The head is written once more when its own name
//! and the journal's are known to be on the disk: until then both names are in doubt.

use crate::failure::Failure;
use crate::field::{self, Unreadable};
use crate::name::HEAD;
use crate::storage::Storage;

const MAGIC: [u8; 8] = *b"TEALHEAD";
const SLOT: usize = 52;
const STRIDE: usize = 4096;

/// The content of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotContent {
    /// The number of the journal file that it describes.
    pub(super) file: u64,
    /// The newest generation decided in it; 0 if none.
    pub(super) generation: u64,
    /// Every byte of the journal before this one is durable.
    pub(super) end: u64,
}

/// The slot in use and its sequence, which determine the next slot to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActiveSlot {
    slot: usize,
    sequence: u64,
}

/// The sequence of the later slot of a new `head`.
const UNSETTLED: u64 = 2;

/// A `head` that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) content: SlotContent,
    pub(super) active_slot: ActiveSlot,
    /// True if the other slot is readable, too.
    pub(super) other_readable: bool,
    /// The highest number of a journal file in any slot.
    pub(super) file_highest: u64,
}

// === impl SlotContent ===

impl SlotContent {
    fn encode(self, sequence: u64) -> Vec<u8> {
        let mut out = field::preamble(MAGIC);
        for number in [sequence, self.file, self.generation, self.end] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        field::seal(&mut out);
        out
    }

    fn decode(bytes: &[u8], slot: usize) -> Result<(u64, Self), Unreadable> {
        let bytes = bytes.get(slot * STRIDE..).unwrap_or_default();
        let bytes = field::unseal(bytes, MAGIC, SLOT)?;
        let number =
            |offset| field::u64_at(bytes, offset).ok_or(Unreadable::Damaged("it is too short"));
        let (file, generation) = (number(24)?, number(32)?);
        Ok((number(16)?, Self { file, generation, end: number(40)? }))
    }
}

// === impl ActiveSlot ===

impl ActiveSlot {
    /// Returns true if the names of the head and of its journal are known to be durable.
    pub(super) fn is_settled(self) -> bool {
        self.sequence > UNSETTLED
    }
}

/// Returns the content of a new `head`, and the slot in use.
pub(super) fn fresh(content: SlotContent) -> (Vec<u8>, ActiveSlot) {
    let mut bytes = content.encode(UNSETTLED - 1);
    bytes.resize(STRIDE, 0);
    bytes.extend_from_slice(&content.encode(UNSETTLED));
    bytes.resize(2 * STRIDE, 0);
    (bytes, ActiveSlot { slot: 1, sequence: UNSETTLED })
}

/// Reads a `head`. Returns an error if neither slot is readable, or one is of another version.
pub(super) fn read(bytes: &[u8]) -> Result<Head, Unreadable> {
    let slots = [SlotContent::decode(bytes, 0), SlotContent::decode(bytes, 1)];
    for slot in &slots {
        if let Err(Unreadable::Version(found)) = slot {
            return Err(Unreadable::Version(*found));
        }
    }
    let (slot, (sequence, content), other) = match slots {
        [Ok(first), Ok(second)] if first.0 > second.0 => (0, first, Some(second)),
        [Ok(first), Ok(second)] => (1, second, Some(first)),
        [Ok(first), Err(_)] => (0, first, None),
        [Err(_), Ok(second)] => (1, second, None),
        [Err(_), Err(_)] => return Err(Unreadable::Damaged("neither of its slots is readable")),
    };
    Ok(Head {
        content,
        active_slot: ActiveSlot { slot, sequence },
        other_readable: other.is_some(),
        file_highest: other.map_or(content.file, |(_, other)| other.file.max(content.file)),
    })
}

/// Writes the slot that is not in use and waits until it is on the disk.
pub(super) fn advance(
    storage: &mut dyn Storage,
    active_slot: ActiveSlot,
    content: SlotContent,
) -> Result<ActiveSlot, Failure> {
    let next =
        ActiveSlot { slot: 1 - active_slot.slot, sequence: active_slot.sequence.saturating_add(1) };
    let offset = (next.slot * STRIDE) as u64;
    let path = storage.directory().join(HEAD);
    storage
        .write_at(HEAD, offset, &content.encode(next.sequence))
        .map_err(|source| Failure::new("write to", &path, source))?;
    storage.sync(HEAD).map_err(|source| Failure::new("sync", &path, source))?;
    Ok(next)
}
