//! The encoding of an entry in the journal, and the chain that ties each record to all before it.
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | length of the payload |
//! | 4..8 | CRC-32 of: the CRC of the record before (of the first: of the file's number), and this record without its CRC |
//! | 8..16 | generation |
//! | 16 | kind: 1 note, 2 decision; plus 128 if another record of the same append follows |
//! | 17.. | payload |
//!
//! Because of the chain a record is valid only in its own file and at its own offset: leftovers of an
//! earlier use of the same disk blocks never read as a record. No record is all zeros, so zeros
//! end the journal.

use crate::Entry;
use crate::field;

/// The size of a record without its payload.
const FRAME: usize = 17;

/// The maximum size of a payload, in bytes. A greater length is damage, not a reason to allocate.
pub(super) const PAYLOAD_MAX: usize = 16 * 1024 * 1024;

const NOTE: u8 = 1;
const DECISION: u8 = 2;
const MORE: u8 = 0x80;

/// The CRC of the latest record, on which the next record's CRC depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain(u32);

/// A record that was read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) entry: Entry,
    /// True if it is the last record of its append.
    pub(super) last: bool,
    /// Its size in the file.
    pub(super) size: usize,
    /// The chain for the next record.
    pub(super) chain: Chain,
}

// === impl Chain ===

impl Chain {
    /// Returns the chain at the beginning of the file of this number.
    pub(super) fn of_file(number: u64) -> Self {
        Self(crc32fast::hash(&number.to_le_bytes()))
    }

    fn next(self, length: &[u8], rest: &[u8]) -> Self {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.0.to_le_bytes());
        crc.update(length);
        crc.update(rest);
        Self(crc.finalize())
    }
}

/// Adds the records of one append to `out`. Returns the chain after them.
///
/// No payload may be longer than [`PAYLOAD_MAX`].
pub(super) fn encode(entries: &[Entry], mut chain: Chain, out: &mut Vec<u8>) -> Chain {
    for (index, entry) in entries.iter().enumerate() {
        let mut kind = if entry.decision { DECISION } else { NOTE };
        if index + 1 < entries.len() {
            kind |= MORE;
        }
        let length = (entry.payload.len() as u32).to_le_bytes();
        let mut rest = Vec::with_capacity(FRAME + entry.payload.len());
        rest.extend_from_slice(&entry.generation.to_le_bytes());
        rest.push(kind);
        rest.extend_from_slice(&entry.payload);
        chain = chain.next(&length, &rest);
        out.extend_from_slice(&length);
        out.extend_from_slice(&chain.0.to_le_bytes());
        out.extend_from_slice(&rest);
    }
    chain
}

/// Decodes the record at the start of `bytes`, or returns why there is none.
pub(super) fn decode(bytes: &[u8], chain: Chain) -> Result<Record, &'static str> {
    const SHORT: &str = "a record is truncated";
    let length = field::u32_at(bytes, 0).ok_or(SHORT)? as usize;
    let stored = field::u32_at(bytes, 4).ok_or(SHORT)?;
    if length > PAYLOAD_MAX {
        return Err("a record has an impossible length");
    }
    let rest = bytes.get(8..FRAME + length).ok_or(SHORT)?;
    let chain = chain.next(&(length as u32).to_le_bytes(), rest);
    if chain.0 != stored {
        return Err("the checksum of a record does not match");
    }
    let generation = field::u64_at(rest, 0).ok_or(SHORT)?;
    let (kind, payload) = rest.get(8..).and_then(<[u8]>::split_first).ok_or(SHORT)?;
    let decision = match kind & !MORE {
        NOTE => false,
        DECISION => true,
        _ => return Err("a record has an unknown kind"),
    };
    let entry = Entry { generation, decision, payload: payload.to_vec() };
    Ok(Record { entry, last: kind & MORE == 0, size: FRAME + length, chain })
}
