//! The file of the outbox, and the lock that keeps a second Teal from it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::record::Record;

/// The file of an outbox, under its lock.
#[derive(Debug)]
pub(super) struct OutboxFile {
    directory: PathBuf,
    file: File,
    size: u64,
    _lock: File,
}

/// The reason why there is no file.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// Another Teal has it.
    Locked,
    /// The disk refuses.
    Failed(io::Error),
}

impl OutboxFile {
    /// Opens the file in this directory, makes both if they are not there, and returns the bytes that it has.
    pub(super) fn open(directory: &Path) -> Result<(Self, Vec<u8>), NotOpened> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).append(true).mode(0o600);
        let lock = options.open(directory.join("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(NotOpened::Locked),
            Err(error) => return Err(NotOpened::Failed(error.into())),
        }
        let path = directory.join("outbox");
        let file = options.open(&path)?;
        let bytes = fs::read(&path)?;
        let (directory, size) = (directory.to_owned(), bytes.len() as u64);
        Ok((Self { directory, file, size, _lock: lock }, bytes))
    }

    /// Adds records; with `durable`, returns once they are. After an error the file has to be written anew.
    pub(super) fn append(&mut self, records: &[Record], durable: bool) -> io::Result<()> {
        let text: String = records.iter().map(Record::line).collect();
        self.file.write_all(text.as_bytes())?;
        self.size += text.len() as u64;
        if durable { self.file.sync_data() } else { Ok(()) }
    }

    /// Writes the file anew beside the old one and renames it, so that a crash leaves one of the two.
    pub(super) fn rewrite(&mut self, records: &[Record]) -> io::Result<()> {
        let text: String = records.iter().map(Record::line).collect();
        let beside = self.directory.join("outbox.new");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.create_new(true).append(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.directory.join("outbox"))?;
        (self.file, self.size) = (file, text.len() as u64);
        File::open(&self.directory)?.sync_all()
    }

    /// Returns the size of the file in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
