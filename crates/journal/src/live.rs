//! The pair of files in use: appending to the journal, moving the head, keeping space in reserve.
//!
//! After any failure but a full disk noticed in time, the pair must not be used again; the caller
//! ensures that. Nothing here retries, and nothing reads back what it wrote: after a failed fsync a
//! read returns the intended data, not the data on the disk.

use crate::Entry;
use crate::failure::Failure;
use crate::head::{self, ActiveSlot, SlotContent};
use crate::name::{HEAD, JOURNAL};
use crate::record::{self, Chain};
use crate::recover::Intact;
use crate::storage::Storage;

/// The journal grows by this many bytes at a time, and an append leaves at least as many in
/// reserve while the disk has space: enough for some twenty to sixty switches on a full disk.
pub(super) const STEP: u64 = 64 * 1024;

/// The journal and head in use.
#[derive(Debug)]
pub(super) struct Live {
    /// The number of the journal file.
    pub(super) file: u64,
    /// The end of the snapshot at the start of the file.
    pub(super) snapshot: u64,
    /// The offset of the next record.
    pub(super) end: u64,
    /// The chain for the next record.
    pub(super) chain: Chain,
    /// The size of the file; everything after `end` is zeros.
    pub(super) allocated: u64,
    /// The turn of the head's slots.
    pub(super) active_slot: ActiveSlot,
}

/// The reason an append failed.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The disk is full, and nothing was written: the files stay usable.
    Full(Failure),
    /// The files must not be used again.
    Broken(Failure),
}

impl Live {
    /// Makes the data just read durable once more, zeroes the dropped bytes, and takes the files
    /// into use.
    ///
    /// A Teal that crashed after a failed fsync leaves pages in the cache that read well but are not
    /// on the disk. Writing the same bytes again is harmless if they are on the disk, and repairs it if
    /// not. It needs no space, so a restart on a full disk works. The same applies to the slot in
    /// effect: the other one must not be written while this one is in doubt.
    pub(super) fn reassert(
        storage: &mut dyn Storage,
        mut journal: Vec<u8>,
        head: &[u8],
        intact: &Intact,
    ) -> Result<Self, Failure> {
        if let Some(behind) = journal.get_mut(intact.end as usize..) {
            behind.fill(0);
        }
        rewrite(storage, JOURNAL, &journal)?;
        rewrite(storage, HEAD, head)?;
        let mut live = Self {
            file: intact.file,
            snapshot: intact.snapshot_end,
            end: intact.end,
            chain: intact.chain,
            allocated: journal.len() as u64,
            active_slot: intact.active_slot,
        };
        live.move_head(storage, intact.generation)?;
        Ok(live)
    }

    /// Writes one append. If it contains a decision, it is durable and the head names `generation`
    /// when this returns; notes alone reach the disk with the next decision, or whenever the kernel
    /// writes them.
    pub(super) fn write(
        &mut self,
        storage: &mut dyn Storage,
        entries: &[Entry],
        generation: u64,
    ) -> Result<(), WriteError> {
        let path = storage.directory().join(JOURNAL);
        let mut bytes = Vec::new();
        let chain = record::encode(entries, self.chain, &mut bytes);
        let end = self.end + bytes.len() as u64;
        if end > self.allocated {
            self.grow(storage, end - self.allocated).map_err(|failure| {
                if failure.is_full() {
                    WriteError::Full(failure)
                } else {
                    WriteError::Broken(failure)
                }
            })?;
        }
        storage
            .write_at(JOURNAL, self.end, &bytes)
            .map_err(|source| WriteError::Broken(Failure::new("write to", &path, source)))?;
        (self.end, self.chain) = (end, chain);
        if entries.iter().any(|entry| entry.decision) {
            storage
                .sync(JOURNAL)
                .map_err(|source| WriteError::Broken(Failure::new("sync", &path, source)))?;
            self.move_head(storage, generation).map_err(WriteError::Broken)?;
        }
        Ok(())
    }

    /// Tops up the reserve after the end.
    pub(super) fn reserve(&mut self, storage: &mut dyn Storage) -> Result<(), Failure> {
        if self.room() < STEP { self.grow(storage, STEP) } else { Ok(()) }
    }

    /// Returns the bytes that can be appended even if the disk is full.
    pub(super) fn room(&self) -> u64 {
        self.allocated.saturating_sub(self.end)
    }

    fn grow(&mut self, storage: &mut dyn Storage, at_least: u64) -> Result<(), Failure> {
        let length = at_least.next_multiple_of(STEP);
        storage.allocate(JOURNAL, self.allocated, length).map_err(|source| {
            Failure::new("reserve room in", &storage.directory().join(JOURNAL), source)
        })?;
        self.allocated += length;
        Ok(())
    }

    /// Records in the head that everything up to the end is durable, which it must be.
    pub(super) fn move_head(
        &mut self,
        storage: &mut dyn Storage,
        generation: u64,
    ) -> Result<(), Failure> {
        let content = SlotContent { file: self.file, generation, end: self.end };
        self.active_slot = head::advance(storage, self.active_slot, content)?;
        Ok(())
    }
}

fn rewrite(storage: &mut dyn Storage, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = storage.directory().join(name);
    storage.write_at(name, 0, bytes).map_err(|source| Failure::new("write to", &path, source))?;
    storage.sync(name).map_err(|source| Failure::new("sync", &path, source))
}
