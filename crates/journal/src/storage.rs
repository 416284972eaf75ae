//! The journal's interface to a disk.
//!
//! One flat directory of small files, addressed by name. The trait exists so that tests can
//! forget unsynced bytes, tear writes and fail at a chosen operation; production uses
//! [`FileStorage`](super::FileStorage).
//!
//! It guarantees nothing that POSIX does not: written data may be lost until
//! [`sync`](Storage::sync) returns, a name may be lost until [`sync_dir`](Storage::sync_dir)
//! returns, and after either has failed the content of the disk is unknown, whatever a later read
//! returns.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::failure::Failure;

/// The reason the lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds it.
    Held {
        /// The holder, if the lock file names one.
        pid: Option<u32>,
    },
    /// The lock file could not be opened or locked.
    Io(Failure),
}

/// A directory of files, with the operations that durability needs.
///
/// Every method takes a plain file name inside the directory. An implementation keeps every file it
/// wrote to open until the file is replaced or removed, so that a writeback error is reported by the
/// next [`sync`](Self::sync) and not lost with a descriptor.
pub trait Storage: fmt::Debug + Send {
    /// The directory, for messages to people.
    fn directory(&self) -> &Path;

    /// Locks the directory for this process until the storage is dropped.
    fn lock(&mut self) -> Result<(), LockError>;

    /// A descriptor of the lock to pass on: the directory stays locked until this one, too, is closed. `None`:
    /// no other process can reach this storage.
    fn lock_descriptor(&self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }

    /// The names of all files in the directory, in any order.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// The whole content of a file. [`io::ErrorKind::NotFound`] if there is none.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// Creates a new, empty file, readable only by its owner. Fails if the name is taken.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Reserves disk space for `length` bytes from `offset` on, and zeroes them.
    /// After a failure the file may have grown, but only by zeros.
    fn allocate(&mut self, name: &str, offset: u64, length: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`. After a failure any part of them may be there.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns once the content of the file is on the disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Renames a file atomically, replacing the file of that name if there is one.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. [`io::ErrorKind::NotFound`] if there is none.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Checks that a file in use still has its name, and that the directory still belongs to this process, which
    /// a person can change at any time. Storage that others cannot reach has nothing to check.
    fn look(&mut self, name: &str) -> io::Result<()> {
        let _ = name;
        Ok(())
    }

    /// Returns once the names in the directory are on the disk.
    fn sync_dir(&mut self) -> io::Result<()>;
}
