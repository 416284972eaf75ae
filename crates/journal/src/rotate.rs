//! Rotation, which rewrites the journal: at the first start, at compaction, at adoption, and after a failure.
//!
//! The new journal is complete and fsynced before it gets its name, and the name is fsynced before
//! the head follows. A crash between the two leaves a head that describes an older file: then the
//! new journal's own header states its durable end. The head is moved once more at the end, to
//! state that both names are durable: without that the next start rotates again, since after a
//! failed fsync of the directory a name may be readable and yet not be on the disk.

use std::io;

use crate::failure::Failure;
use crate::head::{self, SlotContent};
use crate::history::History;
use crate::live::{Live, STEP};
use crate::name::{HEAD, HEAD_NEW, JOURNAL, JOURNAL_NEW};
use crate::storage::Storage;

/// A rotation that failed.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) failure: Failure,
    /// True if the files in use may have been replaced. If not, they are as good as before.
    pub(super) replaced: bool,
}

/// Writes `history` to a fresh journal of this number, which must be higher than any before, and
/// a fresh head, and puts both in place of those in use.
pub(super) fn rotate(
    storage: &mut dyn Storage,
    history: &History,
    file: u64,
) -> Result<Live, Interrupted> {
    let generation = history.generation();
    let image = history.encode(file);
    let end = image.bytes.len() as u64;
    let allocated = (end + STEP).next_multiple_of(STEP);
    replace(storage, [JOURNAL_NEW, JOURNAL], &image.bytes, allocated)?;
    let after = |failure| Interrupted { failure, replaced: true };
    let snapshot = image.header.snapshot;
    let (bytes, active_slot) = head::fresh(SlotContent { file, generation, end });
    replace(storage, [HEAD_NEW, HEAD], &bytes, bytes.len() as u64)
        .map_err(|Interrupted { failure, .. }| after(failure))?;
    let mut live = Live { file, snapshot, end, chain: image.chain, allocated, active_slot };
    live.move_head(storage, generation).map_err(after)?;
    Ok(live)
}

/// Gives `name` the content `bytes`, zero-filled to `size`: all of it or nothing.
pub(super) fn replace(
    storage: &mut dyn Storage,
    [temporary, name]: [&str; 2],
    bytes: &[u8],
    size: u64,
) -> Result<(), Interrupted> {
    prepare(storage, temporary, bytes, size).map_err(|failure| {
        // Ignored: a leftover file takes space until the next attempt, and is harmless.
        let _ = storage.remove(temporary);
        Interrupted { failure, replaced: false }
    })?;
    let directory = storage.directory().to_owned();
    storage.rename(temporary, name).map_err(|source| Interrupted {
        failure: Failure::new("replace", &directory.join(name), source),
        replaced: true,
    })?;
    storage.sync_dir().map_err(|source| Interrupted {
        failure: Failure::new("sync", &directory, source),
        replaced: true,
    })
}

fn prepare(storage: &mut dyn Storage, name: &str, bytes: &[u8], size: u64) -> Result<(), Failure> {
    let path = storage.directory().join(name);
    match storage.remove(name) {
        // Never truncated: a file that a crash left under this name could be linked elsewhere.
        Ok(()) => {}
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Failure::new("remove", &path, source)),
    }
    storage.create(name).map_err(|source| Failure::new("create", &path, source))?;
    storage
        .allocate(name, 0, size)
        .map_err(|source| Failure::new("reserve room in", &path, source))?;
    storage.write_at(name, 0, bytes).map_err(|source| Failure::new("write to", &path, source))?;
    storage.sync(name).map_err(|source| Failure::new("sync", &path, source))
}
