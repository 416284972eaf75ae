//! Inspection of a journal without opening it, whatever its state and even while a Teal has it open.
//!
//! Guaranteed: nothing is locked, written or repaired, and nothing is judged: `open` does that. The end of a
//! journal that is being written may be seen half-written.

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
    /// The number of the file; each rotation creates a file with a higher number.
    pub file: u64,
    /// The complete appends, in order.
    pub appends: Vec<Append>,
    /// The end of the durable part, in bytes; or the problem with the `head` that should state it.
    pub durable: Result<u64, String>,
    /// The offset of bytes that are not a complete append, and the reason; `None`: there are none.
    pub stop: Option<(u64, &'static str)>,
}

/// Entries that were appended in one step.
#[derive(Debug)]
pub struct Append {
    /// The offset after it, in bytes.
    pub end: u64,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// The reason nothing can be shown.
#[derive(Debug)]
pub enum InspectError {
    /// The journal cannot be read.
    Unread(Failure),
    /// It is not a journal, or one of another version.
    NoJournal {
        /// The file.
        path: PathBuf,
        /// The problem with its first bytes.
        reason: String,
    },
}

/// Reads the journal in this state directory.
///
/// # Errors
/// Returns an error if there is no journal with a readable header.
pub fn inspect(directory: &Path) -> Result<Inspection, InspectError> {
    let path = directory.join(JOURNAL);
    let bytes = fs::read(&path).map_err(|source| {
        InspectError::Unread(Failure { what: "read", path: path.clone(), source })
    })?;
    let header = Header::decode(&bytes).map_err(|reason| InspectError::NoJournal {
        path: path.clone(),
        reason: match reason {
            Unreadable::Version(version) => {
                format!("it has format version {version}, which this Teal does not read")
            }
            Unreadable::Damaged(reason) => reason.to_owned(),
        },
    })?;
    let durable = fs::read(directory.join(HEAD)).map_err(|error| error.to_string());
    let durable = durable.and_then(|head| head::read(&head).map_err(|reason| reason.to_string()));
    let durable = durable.and_then(|head| {
        let of = head.content.file;
        let other = || format!("it describes file {of}, but the journal is file {}", header.file);
        if of == header.file { Ok(head.content.end) } else { Err(other()) }
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
