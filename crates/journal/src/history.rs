//! The content of the journal in memory, needed to rewrite it when the file in use becomes unusable.
//!
//! It keeps the boundaries between appends, since each must be recovered in full or not at all.

use crate::Entry;
use crate::header::{HEADER, Header};
use crate::record::{self, Chain};
use crate::scan::{self, Batch};

/// Every append since the latest snapshot, with that snapshot first.
#[derive(Debug, Default)]
pub(super) struct History {
    appends: Vec<Vec<Entry>>,
    /// The number of leading appends that make up the snapshot: its decisions are one append, all or
    /// nothing, and the notes after them another.
    snapshot: usize,
}

/// A complete journal file, ready to be written.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
    pub(super) chain: Chain,
}

// === impl History ===

impl History {
    /// Creates a history that is only a snapshot.
    pub(super) fn of_snapshot(entries: &[Entry]) -> Self {
        let decided = entries.iter().rposition(|entry| entry.decision).map_or(0, |last| last + 1);
        let (decisions, notes) = entries.split_at(decided);
        let appends: Vec<_> =
            [decisions, notes].iter().filter(|part| !part.is_empty()).map(|p| p.to_vec()).collect();
        Self { snapshot: appends.len(), appends }
    }

    /// Creates a history from a file whose snapshot ends at this offset.
    pub(super) fn of_batches(batches: Vec<Batch>, snapshot_end: u64) -> Self {
        let snapshot = batches.iter().take_while(|batch| batch.end <= snapshot_end).count();
        Self { appends: batches.into_iter().map(|batch| batch.entries).collect(), snapshot }
    }

    pub(super) fn push(&mut self, entries: &[Entry]) {
        self.appends.push(entries.to_vec());
    }

    /// Returns all entries, oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.appends.iter().flatten()
    }

    /// Returns the newest decided generation; 0 if there is none.
    pub(super) fn generation(&self) -> u64 {
        scan::generation_of(self.entries())
    }

    /// Encodes the history as the journal file of this number.
    pub(super) fn encode(&self, file: u64) -> Image {
        let start = HEADER as u64;
        let mut header = Header { file, snapshot: start, base: start };
        let mut bytes = header.encode();
        let mut chain = Chain::of_file(file);
        for (index, append) in self.appends.iter().enumerate() {
            chain = record::encode(append, chain, &mut bytes);
            if index < self.snapshot {
                header.snapshot = bytes.len() as u64;
            }
        }
        header.base = bytes.len() as u64;
        bytes.splice(..HEADER, header.encode());
        Image { header, bytes, chain }
    }
}
