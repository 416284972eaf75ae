//! What the journal asks of a disk.
//!
//! One flat directory of small files, addressed by name. The trait exists so that tests can
//! forget unsynced bytes, tear writes and fail at a chosen operation; production uses
//! [`FileStorage`](super::FileStorage).
//!
//! It guarantees nothing that POSIX does not: what is written may be lost until
//! [`sync`](Storage::sync) returns, a name may be lost until [`sync_dir`](Storage::sync_dir)
//! returns, and after either has failed nobody knows what is on the disk, whatever a later read
//! says.

use std::fmt;
use std::io;
use std::path::Path;

use crate::failure::Failure;

/// Why the lock was not taken.
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

/// A directory of files and the operations that durability is made of.
///
/// Every method takes a plain file name inside the directory. An implementation keeps a file that
/// it wrote to open until the file is replaced or removed, so that an error found while the
/// kernel writes back is reported by the next [`sync`](Self::sync) and not lost with a descriptor.
pub trait Storage: fmt::Debug + Send {
    /// The directory, for messages to people.
    fn directory(&self) -> &Path;

    /// Takes the directory for this process until the storage is dropped.
    fn lock(&mut self) -> Result<(), LockError>;

    /// The names of all files in the directory, in any order.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// The whole content of a file. [`io::ErrorKind::NotFound`] if there is none.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// Makes a new, empty file, readable by its owner only. Fails if the name is taken.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Makes sure that `length` bytes from `offset` on have room on the disk, and zeroes them.
    /// After a failure the file may have grown, by zeros only.
    fn allocate(&mut self, name: &str, offset: u64, length: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`. After a failure any part of them may be there.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns once the content of the file is on the disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a file another name in one step, replacing the file of that name if there is one.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. [`io::ErrorKind::NotFound`] if there is none.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Looks whether a file in use is still under its name, and the directory still this process's, which a
    /// person can change at any time. Storage that nobody else can reach has nothing to look at.
    fn look(&mut self, name: &str) -> io::Result<()> {
        let _ = name;
        Ok(())
    }

    /// Returns once the names in the directory are on the disk.
    fn sync_dir(&mut self) -> io::Result<()>;
}
