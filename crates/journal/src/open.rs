//! Opening the journal: take the lock, read, examine, and act on the result.
//!
//! A refusal leaves every file as it was.

use std::io;

use crate::failure::{DroppedTail, Failure, OpenError};
use crate::field::VERSION;
use crate::history::History;
use crate::live::Live;
use crate::name::{HEAD, HEAD_NEW, JOURNAL, JOURNAL_NEW};
use crate::recover::{self, Damage, FIRST, GoodPrefix, Intact, JournalFiles, Recovery};
use crate::rotate::{self, Interrupted};
use crate::scan;
use crate::storage::{LockError, Storage};
use crate::{Entry, Journal, Opened};

/// The name prefix, before the generation, of a journal that an adoption replaced.
const ASIDE: &str = "journal.damaged-";
const HEAD_ASIDE: &str = "head.damaged-";

/// See [`Journal::open`].
pub(super) fn open(mut storage: Box<dyn Storage>, adopt: Option<u64>) -> Result<Opened, OpenError> {
    storage.lock().map_err(|error| match error {
        LockError::Held { pid } => {
            OpenError::Locked { path: storage.directory().join("lock"), pid }
        }
        LockError::Io(failure) => OpenError::Io(failure),
    })?;
    let names =
        storage.list().map_err(|source| Failure::new("list", storage.directory(), source))?;
    let found = find(&mut *storage, &names)?;
    let wrong = |storage: &dyn Storage, asked, right| {
        let directory = storage.directory().to_owned();
        Err(OpenError::WrongAdoption { directory, asked, right })
    };
    match (recover::examine(&found), adopt) {
        (Recovery::Fresh, None) => create(storage),
        (Recovery::Fresh, Some(asked)) => wrong(&*storage, asked, None),
        (Recovery::Intact(intact), None) => Ok(take(storage, found, intact, &names)),
        (Recovery::Intact(intact), Some(asked)) if asked == intact.generation => {
            Ok(take(storage, found, intact, &names))
        }
        (Recovery::Intact(intact), Some(asked)) => wrong(&*storage, asked, Some(intact.generation)),
        (Recovery::Damaged(damage), None) => Err(OpenError::Damaged {
            path: storage.directory().join(damage.name),
            offset: damage.offset,
            last_good_generation: damage.good.map(|good| good.generation),
            reason: damage.reason,
        }),
        (Recovery::Damaged(damage), Some(asked)) => {
            let Damage { good, file_highest, .. } = damage;
            match good {
                Some(good) if good.generation == asked => {
                    adopt_good(storage, &found, good, file_highest, &names)
                }
                good => wrong(&*storage, asked, good.map(|good| good.generation)),
            }
        }
        (Recovery::UnknownVersion(name, version), _) => Err(OpenError::UnknownVersion {
            path: storage.directory().join(name),
            found: version,
            supported: VERSION,
        }),
    }
}

fn find(storage: &mut dyn Storage, names: &[String]) -> Result<JournalFiles, Failure> {
    Ok(JournalFiles {
        journal: read(storage, JOURNAL)?,
        head: read(storage, HEAD)?,
        journal_new: read(storage, JOURNAL_NEW)?,
        aside: names.iter().find(|name| name.starts_with(ASIDE)).cloned(),
    })
}

fn read(storage: &mut dyn Storage, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    match storage.read(name) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::new("read", &storage.directory().join(name), source)),
    }
}

fn create(mut storage: Box<dyn Storage>) -> Result<Opened, OpenError> {
    let history = History::default();
    let live = rotate::rotate(&mut *storage, &history, FIRST)
        .map_err(|Interrupted { failure, .. }| failure)?;
    Ok(Opened::Fresh(Journal::new(storage, history, FIRST, Ok(live))))
}

/// Takes an intact state into use. If the disk is not writable the state still applies:
/// traffic goes where it should, and appends are refused until writing works again.
fn take(
    mut storage: Box<dyn Storage>,
    found: JournalFiles,
    intact: Intact,
    names: &[String],
) -> Opened {
    for name in [JOURNAL_NEW, HEAD_NEW] {
        if names.iter().any(|there| there == name) {
            // Ignored: a leftover file takes space until the next rotation, and is harmless.
            let _ = storage.remove(name);
        }
    }
    let dropped = intact.dropped.as_ref().map(|tail| DroppedTail {
        path: storage.directory().join(JOURNAL),
        offset: intact.end,
        bytes: tail.bytes,
        generation: tail.generation,
        reason: tail.reason,
    });
    let mut file = intact.file_highest;
    let (live, history) = if intact.settled {
        let (journal, head) = (found.journal.unwrap_or_default(), found.head.unwrap_or_default());
        let live = Live::reassert(&mut *storage, journal, &head, &intact);
        (live, History::of_batches(intact.batches, intact.snapshot_end))
    } else {
        file = file.saturating_add(1);
        let history = History::of_batches(intact.batches, intact.snapshot_end);
        let live = rotate::rotate(&mut *storage, &history, file)
            .map_err(|Interrupted { failure, .. }| failure);
        (live, history)
    };
    let live = live.map_err(|failure| failure.to_string());
    if let Err(reason) = &live {
        tracing::error!(reason, "the state was read, but the journal is not writable");
    }
    opened(Journal::new(storage, history, file, live), dropped)
}

/// Keeps the damaged files under other names, then rewrites the good part.
fn adopt_good(
    mut storage: Box<dyn Storage>,
    found: &JournalFiles,
    good: GoodPrefix,
    file_highest: u64,
    names: &[String],
) -> Result<Opened, OpenError> {
    let generation = good.generation;
    let mut kept = JOURNAL.to_owned();
    for (prefix, bytes) in [(ASIDE, &found.journal), (HEAD_ASIDE, &found.head)] {
        let Some(bytes) = bytes else { continue };
        let name = unused_name(&format!("{prefix}{generation}"), names);
        rotate::replace(&mut *storage, [JOURNAL_NEW, &name], bytes, bytes.len() as u64)
            .map_err(|Interrupted { failure, .. }| failure)?;
        if prefix == ASIDE {
            kept = name;
        }
    }
    let bytes = scan::bytes_behind(found.journal.as_deref().unwrap_or_default(), good.end);
    let dropped = (bytes > 0).then(|| DroppedTail {
        path: storage.directory().join(kept),
        offset: good.end,
        bytes,
        generation: None,
        reason: "not adopted, and kept in this file",
    });
    let history = History::of_batches(good.batches, good.snapshot_end);
    let file = file_highest.saturating_add(1);
    let live = rotate::rotate(&mut *storage, &history, file)
        .map_err(|Interrupted { failure, .. }| failure)?;
    Ok(opened(Journal::new(storage, history, file, Ok(live)), dropped))
}

/// Returns an unused name: an earlier adoption of the same generation may have kept its own files.
fn unused_name(wanted: &str, names: &[String]) -> String {
    // One more candidate than there are names, so that at least one is free.
    let numbered = (2..=names.len() + 2).map(|number| format!("{wanted}.{number}"));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|name| !names.contains(name))
        .unwrap_or_else(|| wanted.to_owned())
}

fn opened(journal: Journal, dropped: Option<DroppedTail>) -> Opened {
    let entries: Vec<Entry> = journal.history.entries().cloned().collect();
    if entries.is_empty() {
        return Opened::Fresh(journal);
    }
    Opened::Recovered { journal, entries, dropped }
}
