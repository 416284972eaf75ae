//! Looking at a journal without opening it: whatever its state is, and whoever has it open.
//!
//! Guaranteed: nothing is locked, written or repaired, and nothing is judged: `open` does that. Of a journal
//! that is being written the end may be seen half-written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Entry;
use crate::failure::Failure;
use crate::field::Unreadable;
use crate::head;
use crate::header::Header;
use crate::name::{HEAD, JOURNAL};
use crate::scan;

/// The contents of a journal's files.
#[derive(Debug)]
pub struct Inspection {
    /// The journal.
    pub path: PathBuf,
    /// Its number: each rotation makes a file with a higher one.
    pub file: u64,
    /// The complete appends, in order.
    pub appends: Vec<Append>,
    /// The offset before which everything is durable, in bytes; what is wrong with the `head` that should say so.
    pub durable: Result<u64, String>,
    /// Where bytes begin that are not a complete append, and why; `None`: there are none.
    pub stop: Option<(u64, &'static str)>,
}

/// Entries that were added in one step.
#[derive(Debug)]
pub struct Append {
    /// The offset behind it, in bytes.
    pub end: u64,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The reason why nothing can be shown.
#[derive(Debug)]
pub enum InspectError {
    /// The journal cannot be read.
    Unread(Failure),
    /// It is no journal, or one of another version.
    NoJournal {
        /// The file.
        path: PathBuf,
        /// The fault of its first bytes.
        reason: String,
    },
}

/// Reads the journal in this state directory.
///
/// # Errors
/// If there is no journal that can be read from its header on.
pub fn inspect(directory: &Path) -> Result<Inspection, InspectError> {
    let path = directory.join(JOURNAL);
    let bytes = fs::read(&path).map_err(|source| {
        InspectError::Unread(Failure { what: "read", path: path.clone(), source })
    })?;
    let header = Header::decode(&bytes).map_err(|reason| InspectError::NoJournal {
        path: path.clone(),
        reason: match reason {
            Unreadable::Version(version) => {
                format!("it is of format version {version}, which this Teal does not read")
            }
            Unreadable::Damaged(reason) => reason.to_owned(),
        },
    })?;
    let durable = fs::read(directory.join(HEAD)).map_err(|error| error.to_string());
    let durable = durable.and_then(|head| head::read(&head).map_err(|reason| reason.to_string()));
    let durable = durable.and_then(|head| {
        let of = head.mark.file;
        let other = || format!("it speaks of file {of}, and the journal is file {}", header.file);
        if of == header.file { Ok(head.mark.end) } else { Err(other()) }
    });
    let scan = scan::scan(&bytes, header.file);
    let appends =
        scan.batches.into_iter().map(|batch| Append { end: batch.end, entries: batch.entries });
    Ok(Inspection {
        path,
        file: header.file,
        appends: appends.collect(),
        durable,
        stop: scan.stop.map(|stop| (stop.offset, stop.reason)),
    })
}

impl std::fmt::Display for InspectError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unread(failure) => {
                write!(
                    out,
                    "cannot {} {}: {}",
                    failure.what,
                    failure.path.display(),
                    failure.source
                )
            }
            Self::NoJournal { path, reason } => write!(out, "{}: {reason}", path.display()),
        }
    }
}

impl std::error::Error for InspectError {}
