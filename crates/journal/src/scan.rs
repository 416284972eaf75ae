//! Scan of a journal from its start: every complete append in order, and where and why it ends.
//!
//! It judges nothing: `recover` decides which appends count.

use crate::Entry;
use crate::header::HEADER;
use crate::record::{self, Chain};

/// A complete append.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// The offset after it.
    pub(super) end: u64,
    /// The chain after it.
    pub(super) chain: Chain,
}

/// All complete appends, and the first bytes after them that are neither a record nor zeros.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) batches: Vec<Batch>,
    pub(super) stop: Option<Stop>,
}

/// Bytes that are not a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// The offset at which they begin.
    pub(super) offset: u64,
    /// The reason they are not a record.
    pub(super) reason: &'static str,
}

// === impl Batch ===

impl Batch {
    pub(super) fn has_decision(&self) -> bool {
        self.entries.iter().any(|entry| entry.decision)
    }
}

/// Returns the highest generation that any of these decides; 0 if none does.
pub(super) fn generation_of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> u64 {
    let decisions = entries.into_iter().filter(|entry| entry.decision);
    decisions.map(|entry| entry.generation).max().unwrap_or(0)
}

/// Reads the records of a journal file of this number.
pub(super) fn scan(bytes: &[u8], file: u64) -> Scan {
    let mut batches = Vec::new();
    let mut entries = Vec::new();
    let mut chain = Chain::of_file(file);
    let mut offset = HEADER;
    let reason = loop {
        let rest = bytes.get(offset..).unwrap_or_default();
        if is_blank(rest) {
            break (!entries.is_empty()).then_some("an append is incomplete");
        }
        match record::decode(rest, chain) {
            Err(reason) => break Some(reason),
            Ok(record) => {
                offset += record.size;
                chain = record.chain;
                entries.push(record.entry);
                if record.last {
                    let entries = std::mem::take(&mut entries);
                    batches.push(Batch { entries, end: offset as u64, chain });
                }
            }
        }
    };
    Scan { batches, stop: reason.map(|reason| Stop { offset: offset as u64, reason }) }
}

/// Returns the number of bytes from `offset` on, not counting the zeros at the end of the file.
pub(super) fn bytes_behind(bytes: &[u8], offset: u64) -> u64 {
    let rest = bytes.get(offset as usize..).unwrap_or_default();
    if is_blank(rest) {
        return 0;
    }
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// Returns true if these are only zeros. Checked in chunks, because a loop that cannot stop early
/// compiles to much faster code, and most of a journal is blank.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.chunks(256).all(|piece| piece.iter().fold(0, |seen, byte| seen | byte) == 0)
}
