//! A real directory that fails on request.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use journal::{FileStorage, LockError, Storage};

/// The switch on the disk of one state directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    broken: Arc<AtomicBool>,
}

#[derive(Debug)]
pub(crate) struct Switchable {
    files: FileStorage,
    disk: Disk,
}

impl Disk {
    /// From now on every write fails, or none does.
    pub(crate) fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    pub(crate) fn wrap(self, files: FileStorage) -> Switchable {
        Switchable { files, disk: self }
    }
}

impl Switchable {
    fn check(&self) -> io::Result<()> {
        if self.disk.broken.load(Ordering::SeqCst) {
            return Err(io::Error::from(ErrorKind::ReadOnlyFilesystem));
        }
        Ok(())
    }
}

impl Storage for Switchable {
    fn directory(&self) -> &Path {
        self.files.directory()
    }

    fn lock(&mut self) -> Result<(), LockError> {
        self.files.lock()
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.files.read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.check()?;
        self.files.create(name)
    }

    fn allocate(&mut self, name: &str, offset: u64, length: u64) -> io::Result<()> {
        self.check()?;
        self.files.allocate(name, offset, length)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        self.files.write_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.check()?;
        self.files.sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.check()?;
        self.files.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.check()?;
        self.files.remove(name)
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.check()?;
        self.files.sync_dir()
    }
}
