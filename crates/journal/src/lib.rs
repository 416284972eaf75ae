//! The journal: the durable, append-only log of decisions. (L6)
//!
//! It stores opaque entries and knows nothing of switches. **Guarantees:** once an append that
//! contains a decision has returned `Ok`, the decision survives a crash at any later instant. After a
//! crash at any instant the journal opens in the state before the append in progress or in the
//! state after it, never in another and never empty. A file is not written to again once a write or
//! sync of it has failed.
//! **Never:** guess, skip a damaged record, start empty where state exists, or trust data read back
//! after a failed fsync.
//!
//! # Files in the state directory
//! | name | content |
//! |---|---|
//! | `journal` | a header, then records, then preallocated zeros |
//! | `head` | two checksummed slots, written alternately: the end of the durable part of the journal |
//! | `lock` | locked while a Teal runs here; contains its process id |
//! | `journal.new`, `head.new` | a rotation in progress, or the remains of one after a crash |
//! | `journal.damaged-N`, `head.damaged-N` | the files that `--adopt N` replaced |
//!
//! The layouts are in `header`, `record` and `head`; numbers are little-endian.
//!
//! # An append, step by step
//! record written → journal fsynced → slot of the head written → head fsynced → `Ok`. Only then
//! may anything be published. Notes alone skip all but the first step.
//!
//! # Recovery
//! | journal | head | verdict |
//! |---|---|---|
//! | intact up to the head's mark | both slots valid | that state; notes after the mark are kept; one unacknowledged decision after it, or bytes that are not a record, are dropped and reported |
//! | the same | one slot valid | the same, but the first complete decision after the mark is kept: it may have been acknowledged |
//! | the same, but with bytes after the mark that are not a record | one slot valid | refused: the other slot may have described them |
//! | a higher file number than in the head | any valid slot | a rotation was interrupted: the state that the journal's header declares durable; refused if anything follows it |
//! | damaged at or before the mark, or shorter than it | valid | refused, naming the last good generation |
//! | two or more complete decisions after the mark | valid | refused: the head is an older copy |
//! | a lower file number than in the head | valid | refused: the journal is an older copy |
//! | header damaged | valid | refused; the good part is found by the head |
//! | intact | both slots bad, or no file | refused; the good part is the longest intact one |
//! | first file, no records | no file | first start, interrupted: fresh |
//! | no file | any | refused; nothing can be adopted |
//! | no file, but `journal.damaged-N` or a `journal.new` with records | no file | refused; nothing can be adopted |
//! | no file, whatever else is there: `lock`, an empty `journal.new`, unrelated files | no file | fresh: no state ever existed, or a person removed it |
//! | another format version | any | refused; start the Teal that wrote it |
//!
//! Only the last good generation of a damaged journal can be adopted: the longest intact part that
//! ends with a decision, and never a part of a snapshot. The damaged files are kept.

#![forbid(unsafe_code)]

mod failure;
mod field;
mod file_storage;
mod head;
mod header;
mod history;
mod inspect;
mod live;
mod name;
mod open;
mod record;
mod recover;
mod rotate;
mod scan;
mod storage;

pub use failure::{AppendError, DroppedTail, Failure, OpenError};
pub use file_storage::FileStorage;
pub use inspect::{Append, InspectError, Inspection, inspect};
pub use storage::{LockError, Storage};

use std::io;
use std::os::fd::OwnedFd;

use history::History;
use live::{Live, STEP, WriteError};

/// One record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The generation that it belongs to.
    pub generation: u64,
    /// True if it must be durable before anything that follows from it is done. Any other entry is
    /// a note: a crash may lose it, with all notes after it, but never alters it.
    pub decision: bool,
    /// The content, at most 16 MiB, opaque to the journal.
    pub payload: Vec<u8>,
}

/// An opened journal.
#[derive(Debug)]
pub enum Opened {
    /// There was no state, and nothing has been recorded yet.
    Fresh(Journal),
    /// The state as it was left.
    Recovered {
        /// The journal, ready for more; see [`Journal::health`].
        journal: Journal,
        /// All entries since the last snapshot, the snapshot first.
        entries: Vec<Entry>,
        /// The bytes that were cut off, to be logged.
        dropped: Option<DroppedTail>,
    },
}

/// The outlook for the next append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can be expected to succeed.
    Ready,
    /// It can be expected to succeed, but the disk is full and the preallocated reserve is being used up.
    RoomLow {
        /// The bytes that can still be appended.
        room: u64,
        /// The error of the disk.
        reason: String,
    },
    /// The file in use is unusable. The next append tries to continue in a fresh one.
    Refusing {
        /// The error of the disk.
        reason: String,
    },
}

/// The open journal: one writer, which holds the lock of the state directory until dropped.
#[derive(Debug)]
pub struct Journal {
    storage: Box<dyn Storage>,
    history: History,
    generation: u64,
    /// The highest number ever given to a journal file, in use or not.
    file: u64,
    /// The files in use, or the reason there are none.
    live: Result<Live, String>,
    /// True while the files in use have been removed and [`Journal::look`] has not rewritten them yet.
    gone: bool,
    /// The reason no space could be reserved.
    room_low: Option<String>,
    /// The size of the journal from which on compaction is worthwhile.
    compact_at: u64,
}

/// A journal is compacted when this many bytes follow the snapshot, and at least its own size.
const COMPACT_AFTER: u64 = 512 * 1024;

// === impl Journal ===

impl Journal {
    /// Opens the journal in `storage`, or creates one if there never was any.
    ///
    /// `adopt` accepts the loss of everything after that generation in a damaged journal. It
    /// must be the last good generation; on an intact journal it must be the current one.
    ///
    /// Recovery does not need a writable disk: the state is still returned, and appends are
    /// refused until the disk is writable.
    pub fn open(storage: Box<dyn Storage>, adopt: Option<u64>) -> Result<Opened, OpenError> {
        open::open(storage, adopt)
    }

    /// Appends entries, all or none. Returns once the last decision among them, and so everything
    /// before it, is durable.
    ///
    /// If the file in use cannot be written, everything is written to a fresh one, here or, if that
    /// fails too, at the next append.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), AppendError> {
        if entries.is_empty() {
            return Ok(());
        }
        check_sizes(entries)?;
        let in_use = self.live.is_ok();
        let first = match self.attempt(entries) {
            Ok(()) => return Ok(()),
            Err(WriteError::Full(failure)) => return Err(AppendError::NoSpace(failure)),
            Err(WriteError::Broken(fresh)) if !in_use => {
                return Err(AppendError::Failed { first: None, fresh });
            }
            Err(WriteError::Broken(first)) => first,
        };
        match self.attempt(entries) {
            Ok(()) => {
                tracing::warn!(reason = %first, "the journal continues in a fresh file");
                Ok(())
            }
            Err(WriteError::Full(failure)) => Err(AppendError::NoSpace(failure)),
            Err(WriteError::Broken(fresh)) => {
                Err(AppendError::Failed { first: Some(first), fresh })
            }
        }
    }

    /// Replaces all entries with an equivalent snapshot.
    ///
    /// After damage, the entries up to its last decision are all there or not at all; notes after
    /// them may be cut. It must decide the same generation as the journal: a snapshot never resets.
    /// On failure the journal continues as before, if it was in use.
    pub fn compact(&mut self, snapshot: &[Entry]) -> Result<(), AppendError> {
        check_sizes(snapshot)?;
        let history = History::of_snapshot(snapshot);
        if history.generation() != self.generation {
            let (snapshot, journal) = (history.generation(), self.generation);
            return Err(AppendError::WrongGeneration { snapshot, journal });
        }
        self.file = self.file.saturating_add(1);
        match rotate::rotate(&mut *self.storage, &history, self.file) {
            Ok(live) => {
                self.history = history;
                self.room_low = None;
                self.compact_at = compact_at(&live);
                self.live = Ok(live);
                Ok(())
            }
            Err(interrupted) => {
                self.compact_at = self.compact_at.saturating_add(STEP);
                if interrupted.replaced {
                    self.live = Err(interrupted.failure.to_string());
                }
                Err(AppendError::Failed { first: None, fresh: interrupted.failure })
            }
        }
    }

    /// Checks that the files in use are still where the next start reads them. If not, everything is written to
    /// a fresh file at once: after a crash before the next append there would be nothing. If that fails, each
    /// further check tries again.
    // lossless: L6
    pub fn look(&mut self) -> Result<(), AppendError> {
        let names = [name::JOURNAL, name::HEAD];
        let gone = names.into_iter().find_map(|name| self.storage.look(name).err());
        let reason = match (gone, &self.live) {
            (Some(gone), _) => gone.to_string(),
            (_, Err(reason)) if self.gone => reason.clone(),
            _ => return Ok(()),
        };
        self.gone = true;
        self.live = Err(reason.clone());
        self.renew().map_err(|fresh| AppendError::Failed { first: None, fresh })?;
        tracing::warn!(reason, "the journal continues in a fresh file");
        Ok(())
    }

    /// Returns true if enough has been appended since the last snapshot to make a new one worthwhile.
    pub fn wants_compaction(&self) -> bool {
        self.live.as_ref().is_ok_and(|live| live.end >= self.compact_at)
    }

    /// Returns the outlook for the next append.
    pub fn health(&self) -> Health {
        match (&self.live, &self.room_low) {
            (Err(reason), _) => Health::Refusing { reason: reason.clone() },
            (Ok(live), Some(reason)) => {
                Health::RoomLow { room: live.room(), reason: reason.clone() }
            }
            (Ok(_), None) => Health::Ready,
        }
    }

    /// Returns true if nothing has been recorded yet.
    pub fn is_empty(&self) -> bool {
        self.history.entries().next().is_none()
    }

    /// Returns a descriptor of the lock to pass on, see [`Storage::lock_descriptor`].
    pub fn lock_descriptor(&self) -> io::Result<Option<OwnedFd>> {
        self.storage.lock_descriptor()
    }

    /// Returns the newest decided generation; 0 if there is none.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    fn new(
        storage: Box<dyn Storage>,
        history: History,
        file: u64,
        live: Result<Live, String>,
    ) -> Self {
        let generation = history.generation();
        let compact_at = live.as_ref().map_or(COMPACT_AFTER, compact_at);
        let (gone, room_low) = (false, None);
        let mut journal =
            Self { storage, history, generation, file, live, gone, room_low, compact_at };
        journal.reserve();
        journal
    }

    /// Writes the whole history to a fresh file.
    fn renew(&mut self) -> Result<(), Failure> {
        self.file = self.file.saturating_add(1);
        let rotated = rotate::rotate(&mut *self.storage, &self.history, self.file);
        let live = rotated.map_err(|interrupted| {
            self.live = Err(interrupted.failure.to_string());
            interrupted.failure
        })?;
        self.compact_at = compact_at(&live);
        self.gone = false;
        self.live = Ok(live);
        Ok(())
    }

    /// Tries once to append, in a fresh file if there is none in use.
    fn attempt(&mut self, entries: &[Entry]) -> Result<(), WriteError> {
        if self.live.is_err() {
            self.renew().map_err(WriteError::Broken)?;
        }
        let generation = self.generation.max(scan::generation_of(entries));
        if let Ok(live) = &mut self.live {
            let written = live.write(&mut *self.storage, entries, generation);
            if let Err(WriteError::Broken(failure)) = &written {
                self.live = Err(failure.to_string());
            }
            written?;
        }
        self.generation = generation;
        self.history.push(entries);
        self.reserve();
        Ok(())
    }

    /// Reserves space for later appends. A failure is worth a warning only: the present reserve
    /// is enough for some.
    fn reserve(&mut self) {
        let Ok(live) = &mut self.live else { return };
        match live.reserve(&mut *self.storage) {
            Ok(()) => self.room_low = None,
            Err(failure) if failure.is_full() => self.room_low = Some(failure.to_string()),
            Err(failure) => self.live = Err(failure.to_string()),
        }
    }
}

fn compact_at(live: &Live) -> u64 {
    live.snapshot.saturating_mul(2).max(live.snapshot.saturating_add(COMPACT_AFTER))
}

fn check_sizes(entries: &[Entry]) -> Result<(), AppendError> {
    let limit = record::PAYLOAD_MAX;
    match entries.iter().map(|entry| entry.payload.len()).find(|bytes| *bytes > limit) {
        Some(bytes) => Err(AppendError::TooLarge { bytes, limit }),
        None => Ok(()),
    }
}
