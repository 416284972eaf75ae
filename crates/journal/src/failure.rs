//! The errors of the journal, worded for the person who has to act.
//!
//! Every message names the problem, the place, and the remedy. No message guesses.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A storage operation that failed.
#[derive(Debug)]
pub struct Failure {
    /// The operation, to be read after "cannot": "write to".
    pub what: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

/// The reason the journal was not opened. The refusal has changed nothing on the disk.
#[derive(Debug)]
pub enum OpenError {
    /// Another Teal is using this state directory.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, if the file names one.
        pid: Option<u32>,
    },
    /// Something at or before the last durable decision is damaged or missing.
    Damaged {
        /// The file that is damaged or missing.
        path: PathBuf,
        /// The offset at which the damage was found, in bytes from the start of that file.
        offset: u64,
        /// The newest generation that is still fully readable, which `adopt` accepts; `None` if
        /// there is none.
        last_good_generation: Option<u64>,
        /// A description of the damage.
        reason: String,
    },
    /// The files are in a format that this version does not read.
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The format version it names.
        found: u32,
        /// The only version that this program reads.
        supported: u32,
    },
    /// The generation to adopt is not the one that can be adopted.
    WrongAdoption {
        /// The state directory.
        directory: PathBuf,
        /// The generation that was asked for.
        asked: u64,
        /// The generation that can be adopted; `None` if there is nothing to adopt.
        right: Option<u64>,
    },
    /// A storage operation failed.
    Io(Failure),
}

/// The reason entries were not made durable.
#[derive(Debug)]
pub enum AppendError {
    /// An entry is larger than a record may be. Nothing was written.
    TooLarge {
        /// The size of its payload in bytes.
        bytes: usize,
        /// The largest payload that is accepted.
        limit: usize,
    },
    /// The disk is full and the preallocated reserve is used up. Nothing was written; smaller
    /// entries may still fit.
    NoSpace(Failure),
    /// The generation of a snapshot differs from the journal's. Nothing was written.
    WrongGeneration {
        /// The newest generation in the snapshot.
        snapshot: u64,
        /// The newest generation in the journal.
        journal: u64,
    },
    /// Writing failed, and a fresh journal could not be written either. The next append tries
    /// again. If Teal crashes before one succeeds, the entries of this append may turn out to have
    /// reached the disk: all of them or none.
    Failed {
        /// The failure that made the journal in use unusable, unless that was earlier.
        first: Option<Failure>,
        /// The failure of the attempt to continue in a fresh file.
        fresh: Failure,
    },
}

/// Bytes cut off the end of the journal at opening, on which no decision depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedTail {
    /// The journal.
    pub path: PathBuf,
    /// The offset of the cut, in bytes from the start of the file.
    pub offset: u64,
    /// The number of bytes after the cut.
    pub bytes: u64,
    /// The generation of a complete but never acknowledged decision among them.
    pub generation: Option<u64>,
    /// A description of the tail.
    pub reason: &'static str,
}

// === impl Failure ===

impl Failure {
    pub(super) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.to_owned(), source }
    }

    /// Returns true if the disk or the user's quota is full.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.what, self.path.display(), self.source)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

// === impl OpenError ===

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path, pid } => {
                write!(f, "another Teal ")?;
                if let Some(pid) = pid {
                    write!(f, "(process {pid}) ")?;
                }
                let directory = path.parent().unwrap_or(path).display();
                write!(f, "uses the state directory {directory}: ")?;
                write!(f, "stop it first, or give this one its own `state_dir`")
            }
            Self::Damaged { path, offset, last_good_generation, reason } => {
                write!(f, "the state is damaged: {} at byte {offset}: {reason}; ", path.display())?;
                damaged_advice(f, path, *last_good_generation)
            }
            Self::UnknownVersion { path, found, supported } => {
                let age = if found > supported { "newer" } else { "older" };
                write!(f, "{} has format version {found}, ", path.display())?;
                write!(
                    f,
                    "written by a Teal {age} than this one, which only reads version {supported}: "
                )?;
                write!(f, "start the Teal that wrote it")
            }
            Self::WrongAdoption { directory, asked, right: Some(right) } => {
                write!(f, "generation {asked} cannot be adopted from {}: ", directory.display())?;
                write!(f, "the last good one is {right}; if traffic should go there, ")?;
                write!(f, "start with `teal run --adopt {right}`")
            }
            Self::WrongAdoption { directory, asked, right: None } => {
                write!(f, "generation {asked} cannot be adopted from {}: ", directory.display())?;
                write!(f, "no generation can be read there; check `state_dir`, ")?;
                write!(f, "or restore the directory from a backup")
            }
            Self::Io(failure) => {
                write!(f, "{failure}; check that the state directory exists, is on a disk that ")?;
                write!(f, "works and has free space, and belongs to the user that runs Teal")
            }
        }
    }
}

fn damaged_advice(f: &mut fmt::Formatter<'_>, path: &Path, good: Option<u64>) -> fmt::Result {
    let Some(good) = good else {
        let directory = path.parent().unwrap_or(path).display();
        write!(f, "no generation is fully readable: restore {directory} from a backup, ")?;
        return write!(f, "or move `journal*` and `head` away to start from `initial`");
    };
    write!(f, "the last good generation is {good}: restore a backup, or start with ")?;
    write!(f, "`teal run --adopt {good}` to accept it (the damaged files are kept)")
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(failure) => Some(failure),
            _ => None,
        }
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Io(failure)
    }
}

// === impl AppendError ===

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => {
                write!(f, "a journal entry of {bytes} bytes is over the limit of {limit} bytes")
            }
            Self::NoSpace(failure) => {
                write!(f, "the journal has no space left: {failure}; free space on that disk")
            }
            Self::WrongGeneration { snapshot, journal } => write!(
                f,
                "a snapshot of generation {snapshot} cannot replace a journal of generation {journal}"
            ),
            Self::Failed { first, fresh } => {
                if let Some(first) = first {
                    write!(f, "{first}; then, while writing a fresh journal, ")?;
                }
                write!(f, "{fresh}; make the state directory writable and free space on its ")?;
                write!(f, "disk, then try again: no restart is needed")
            }
        }
    }
}

impl Error for AppendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoSpace(failure) | Self::Failed { fresh: failure, .. } => Some(failure),
            Self::TooLarge { .. } | Self::WrongGeneration { .. } => None,
        }
    }
}

// === impl DroppedTail ===

impl fmt::Display for DroppedTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, bytes, .. } = self;
        write!(f, "dropped {bytes} bytes at byte {offset} of {}: ", path.display())?;
        match self.generation {
            Some(generation) => write!(f, "{} (generation {generation})", self.reason),
            None => write!(f, "{}", self.reason),
        }
    }
}
