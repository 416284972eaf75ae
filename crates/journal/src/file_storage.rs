//! The journal's files on a real disk.
//!
//! Files are 0600, and a directory that it creates is 0700. The lock is an flock: it ends with the
//! process that holds it, however that ends, and a descriptor passed to a successor keeps it held.
//! The lock file is never removed, because two processes could then each lock one of that name.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

use crate::failure::Failure;
use crate::storage::{LockError, Storage};

const LOCK: &str = "lock";

const TAKEN: &str = "another Teal has taken the state directory";

/// A state directory on the disk.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    directory: File,
    lock: File,
    /// There was no lock file and none could be created: the directory itself is locked.
    lock_is_directory: bool,
    /// True if the lock file names this process, which a full or read-only disk may delay.
    is_named: bool,
    /// The files written to, kept open so that a late write error is reported by their next sync.
    open: HashMap<String, File>,
}

impl FileStorage {
    /// Opens the directory, creating it (and its parents) if needed. Takes no lock yet.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        make_directory(path)?;
        let name = path.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = match options.open(&name) {
            Err(error) if is_unwritable(&error) => open_to_read(path, &name, error),
            opened => opened,
        };
        let lock = lock.map_err(|source| Failure::new("open", &name, source))?;
        Self::with_lock(path, lock.into())
    }

    /// Opens the directory with a lock that a predecessor passed on, held or not. If the directory
    /// was removed and created again since, there is now another lock, which is taken.
    // lossless: L6
    pub fn with_lock(path: &Path, lock: OwnedFd) -> Result<Self, Failure> {
        make_directory(path)?;
        let directory = File::open(path).map_err(|source| Failure::new("open", path, source))?;
        let lock = File::from(lock);
        let lock_is_directory = lock.metadata().is_ok_and(|lock| lock.is_dir());
        let open = HashMap::new();
        let (path, is_named) = (path.to_owned(), false);
        let mut storage = Self { path, directory, lock, lock_is_directory, is_named, open };
        if !storage.is_locked_by_name()
            && let name = storage.path.join(LOCK)
            && let Ok(newer) = File::options().read(true).write(true).open(&name)
        {
            rustix::fs::flock(&newer, FlockOperation::NonBlockingLockExclusive)
                .map_err(|error| Failure::new("lock", &name, error.into()))?;
            storage.lock = newer;
            storage.lock_is_directory = false;
        }
        Ok(storage)
    }

    /// Checks that the written file and the lock still have their names: a restart reads by name, and
    /// a process that finds no lock file takes the directory.
    // lossless: L6
    fn check_names(&self, name: &str) -> io::Result<()> {
        let gone = |what: &str| {
            io::Error::other(format!("{what} was removed or replaced while it was in use"))
        };
        // Not opened for writing: on a read-only file system it still exists.
        let written = match self.open.get(name) {
            Some(file) => file.metadata()?,
            None => std::fs::metadata(self.path.join(name))?,
        };
        if !is_under(&written, &self.path.join(name)) {
            return Err(gone("the file"));
        }
        if !self.is_locked_by_name() {
            return Err(gone(&format!("{}", self.path.join(LOCK).display())));
        }
        Ok(())
    }

    fn is_locked_by_name(&self) -> bool {
        let file = self.path.join(LOCK);
        if self.lock_is_directory && file.symlink_metadata().is_ok() {
            return false; // a lock file, once there is one, is what others take
        }
        let held = if self.lock_is_directory { &self.path } else { &file };
        self.lock.metadata().is_ok_and(|lock| is_under(&lock, held))
    }

    // lossless: L6 - never two writers.
    fn check_lock(&self) -> io::Result<()> {
        let gone = || io::Error::other("the lock was removed or replaced while it was in use");
        self.is_locked_by_name().then_some(()).ok_or_else(gone)
    }

    /// Makes sure that this process holds the lock of the directory that has the name now.
    // lossless: L6
    fn hold(&mut self) -> io::Result<()> {
        if self.is_locked_by_name() { self.make_lock_file() } else { self.take_again() }
    }

    /// Replaces the lock of the directory itself, on a disk that has become writable: other processes create a
    /// lock file there and lock that.
    // lossless: L6 - never two writers.
    fn make_lock_file(&mut self) -> io::Result<()> {
        if !self.lock_is_directory {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let lock = match options.open(self.path.join(LOCK)) {
            Err(error) if is_unwritable(&error) => return Ok(()), // nor can others create one
            lock => lock?,
        };
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other(TAKEN))?;
        self.lock = lock;
        self.lock_is_directory = false;
        self.name_holder();
        Ok(())
    }

    /// Recreates a state directory that was removed while in use: only if no other Teal holds it, and
    /// nothing was written there by others.
    // lossless: L6
    fn take_again(&mut self) -> io::Result<()> {
        make_directory(&self.path).map_err(|failure| failure.source)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let name = self.path.join(LOCK);
        let lock = options.open(&name)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other(TAKEN))?;
        // Only from here on no other process writes there.
        if !is_under(&lock.metadata()?, &name) {
            return Err(io::Error::other("the state directory was removed once more"));
        }
        for name in ["journal", "head"] {
            if self.path.join(name).symlink_metadata().is_ok() {
                let what = format!(
                    "the lock was removed, and there is a {name} that may be another Teal's: restart Teal"
                );
                return Err(io::Error::other(what));
            }
        }
        self.directory = File::open(&self.path)?;
        self.lock = lock;
        self.lock_is_directory = false;
        self.open.clear();
        self.name_holder();
        tracing::warn!(
            "the state directory {} was removed; creating it again",
            self.path.display()
        );
        Ok(())
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

    /// Returns the process that the lock file names. It may still be writing it.
    fn holder(&mut self) -> Option<u32> {
        let mut text = String::new();
        self.lock.rewind().ok()?;
        (&self.lock).take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Names this process in the lock file. On a full or read-only disk the lock holds without a name until the
    /// next look.
    fn name_holder(&mut self) {
        let name = || {
            // The lock of a start on a read-only disk is open for reading only.
            let mut file = OpenOptions::new().write(true).open(self.path.join(LOCK))?;
            if !is_same(&file.metadata()?, &self.lock.metadata()?) {
                return Err(io::ErrorKind::NotFound.into());
            }
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())
        };
        self.is_named = !self.lock_is_directory && name().is_ok();
    }
}

impl Storage for FileStorage {
    fn directory(&self) -> &Path {
        &self.path
    }

    fn lock(&mut self) -> Result<(), LockError> {
        match rustix::fs::flock(&self.lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                self.name_holder();
                Ok(())
            }
            Err(Errno::WOULDBLOCK) => Err(LockError::Held { pid: self.holder() }),
            Err(error) => {
                let path = self.path.join(LOCK);
                Err(LockError::Io(Failure::new("lock", &path, error.into())))
            }
        }
    }

    fn lock_descriptor(&self) -> io::Result<Option<OwnedFd>> {
        Ok(Some(self.lock.try_clone()?.into()))
    }

    fn look(&mut self, name: &str) -> io::Result<()> {
        self.check_names(name)?;
        self.make_lock_file()?;
        if !self.is_named {
            self.name_holder();
        }
        Ok(())
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
        self.hold()?;
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
            // Not every file system supports it, and not every process may use it; then writing the zeros
            // reserves the space.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        // Written even where the file would read as zeros: overwriting written blocks needs no change
        // of file system metadata, so the fsync is faster.
        let mut at = offset;
        while at < offset + length {
            let part = ZEROS.len().min((offset + length - at) as usize);
            file.write_all_at(&ZEROS[..part], at)?;
            at += part as u64;
        }
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_lock()?; // before anything is in a file that may be another's by now
        self.written(name)?.write_all_at(bytes, offset)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.written(name)?.sync_data()?;
        self.check_names(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.check_lock()?;
        std::fs::rename(self.path.join(from), self.path.join(to))?;
        self.open.remove(to);
        if let Some(file) = self.open.remove(from) {
            self.open.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.hold()?;
        self.open.remove(name);
        std::fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.directory.sync_all()
    }
}

/// Returns true if the error means read-only: traffic can be served from such a state.
fn is_unwritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// Opens the lock where nothing can be written: the file if there is one, else the directory. Only if
/// there is a state to serve.
fn open_to_read(directory: &Path, lock: &Path, error: io::Error) -> io::Result<File> {
    if directory.join("journal").symlink_metadata().is_err() {
        return Err(error);
    }
    match File::open(lock) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => File::open(directory),
        opened => opened,
    }
}

/// Returns true if an open file is the one of this name.
fn is_under(open: &Metadata, name: &Path) -> bool {
    open.nlink() > 0 && std::fs::metadata(name).is_ok_and(|found| is_same(&found, open))
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Creates a directory and its missing parents, durably: if a crash can lose the directory's name,
/// it can lose the state.
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
            return failed("create the directory", path, error);
        }
        _ => {}
    }
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .or_else(|source| failed("sync", parent, source))
}
