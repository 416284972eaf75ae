//! The journal's files on a real disk.
//!
//! Files are 0600, a directory that it makes is 0700. Its lock is an flock: it ends with the
//! process that holds it, however that ends, and a descriptor of it passed to a successor holds it
//! on. The lock file is never removed, since two processes could then each lock one of that name.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

use super::failure::Failure;
use super::storage::{LockError, Storage};

const LOCK: &str = "lock";

/// A state directory on the disk.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    directory: File,
    lock: File,
    /// The files written to, kept open so that a late write error is reported by their next sync.
    open: HashMap<String, File>,
}

impl FileStorage {
    /// Opens the directory, making it (and its parents) if need be. Takes no lock yet.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        make_directory(path)?;
        let name = path.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = match options.open(&name) {
            // Traffic can be served from a state that can only be read.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&name),
            opened => opened,
        };
        let lock = lock.map_err(|source| Failure::new("open", &name, source))?;
        Self::with_lock(path, lock.into())
    }

    /// Opens the directory with a lock that a predecessor passed on, held or not.
    pub fn with_lock(path: &Path, lock: OwnedFd) -> Result<Self, Failure> {
        let directory = File::open(path).map_err(|source| Failure::new("open", path, source))?;
        Ok(Self { path: path.to_owned(), directory, lock: lock.into(), open: HashMap::new() })
    }

    /// A descriptor of the lock to pass on: the directory stays locked until this one, too, is
    /// closed.
    pub fn lock_descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    fn written(&mut self, name: &str) -> io::Result<&mut File> {
        match self.open.entry(name.to_owned()) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let file = OpenOptions::new().write(true).open(self.path.join(name))?;
                Ok(vacant.insert(file))
            }
        }
    }

    /// The process that the lock file names. It may have been caught in the act of writing it.
    fn holder(&mut self) -> Option<u32> {
        let mut text = String::new();
        self.lock.rewind().ok()?;
        (&self.lock).take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    fn name_holder(&mut self) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        writeln!(self.lock, "{}", std::process::id())
    }
}

impl Storage for FileStorage {
    fn directory(&self) -> &Path {
        &self.path
    }

    fn lock(&mut self) -> Result<(), LockError> {
        match rustix::fs::flock(&self.lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // Ignored: on a full or read-only disk the lock holds without the holder's name.
                let _ = self.name_holder();
                Ok(())
            }
            Err(Errno::WOULDBLOCK) => Err(LockError::Held { pid: self.holder() }),
            Err(error) => {
                let path = self.path.join(LOCK);
                Err(LockError::Io(Failure::new("lock", &path, error.into())))
            }
        }
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(name))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = options.open(self.path.join(name))?;
        self.open.insert(name.to_owned(), file);
        Ok(())
    }

    fn allocate(&mut self, name: &str, offset: u64, length: u64) -> io::Result<()> {
        const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];
        let file = self.written(name)?;
        match rustix::fs::fallocate(&*file, FallocateFlags::empty(), offset, length) {
            // Not every file system can; writing the zeros then is what sets the room aside.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
        // Written even where they would read as zeros: to overwrite what was once written needs
        // no change to the file system's own records, and so a quicker fsync.
        let mut at = offset;
        while at < offset + length {
            let part = ZEROS.len().min((offset + length - at) as usize);
            file.write_all_at(&ZEROS[..part], at)?;
            at += part as u64;
        }
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.written(name)?.write_all_at(bytes, offset)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.written(name)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.open.remove(to);
        if let Some(file) = self.open.remove(from) {
            self.open.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.remove(name);
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

/// Makes a directory and what is missing above it, durably: a state directory whose name a crash
/// can lose is a state that a crash can lose.
fn make_directory(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let failed = |what, at: &Path, source| Err(Failure::new(what, at, source));
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return failed("make the directory", path, error);
        }
        _ => {}
    }
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .or_else(|source| failed("sync", parent, source))
}
