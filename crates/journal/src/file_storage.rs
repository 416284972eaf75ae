//! The journal's files on a real disk.
//!
//! Files are 0600, a directory that it makes is 0700. Its lock is an flock: it ends with the
//! process that holds it, however that ends, and a descriptor of it passed to a successor holds it
//! on. The lock file is never removed, since two processes could then each lock one of that name.

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

/// A state directory on the disk.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    directory: File,
    lock: File,
    /// There is no lock file and none can be made: the directory itself is locked.
    lock_is_directory: bool,
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
            Err(error) if is_unwritable(&error) => open_to_read(path, &name, error),
            opened => opened,
        };
        let lock = lock.map_err(|source| Failure::new("open", &name, source))?;
        Self::with_lock(path, lock.into())
    }

    /// Opens the directory with a lock that a predecessor passed on, held or not. Where the directory
    /// was removed and made again since, there is another lock by now, which is taken.
    // lossless: L6
    pub fn with_lock(path: &Path, lock: OwnedFd) -> Result<Self, Failure> {
        let directory = File::open(path).map_err(|source| Failure::new("open", path, source))?;
        let lock = File::from(lock);
        let lock_is_directory = lock.metadata().is_ok_and(|lock| lock.is_dir());
        let open = HashMap::new();
        let mut storage = Self { path: path.to_owned(), directory, lock, lock_is_directory, open };
        if !storage.is_locked_by_name()
            && let Ok(newer) = File::options().read(true).write(true).open(path.join(LOCK))
        {
            rustix::fs::flock(&newer, FlockOperation::NonBlockingLockExclusive)
                .map_err(|error| Failure::new("lock", &path.join(LOCK), error.into()))?;
            storage.lock = newer;
            storage.lock_is_directory = false;
        }
        Ok(storage)
    }

    /// A descriptor of the lock to pass on: the directory stays locked until this one, too, is
    /// closed.
    pub fn lock_descriptor(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    /// Whether what was written is still under its name, and the lock as well: a restart reads by
    /// name, and whoever finds no lock there takes the directory.
    // lossless: L6
    fn check_names(&mut self, name: &str) -> io::Result<()> {
        let gone = |what: &str| {
            io::Error::other(format!("{what} was removed or replaced while it was in use"))
        };
        let written = self.written(name)?.metadata()?;
        if !is_under(&written, &self.path.join(name)) {
            return Err(gone("the file"));
        }
        if !self.is_locked_by_name() {
            return Err(gone(&format!("{}", self.path.join(LOCK).display())));
        }
        Ok(())
    }

    fn is_locked_by_name(&self) -> bool {
        let held = if self.lock_is_directory { self.path.clone() } else { self.path.join(LOCK) };
        self.lock.metadata().is_ok_and(|lock| is_under(&lock, &held))
    }

    /// Takes a state directory again that was removed while it was in use: only if no other Teal
    /// holds it, and nothing was written there that is not ours.
    // lossless: L6
    fn take_again(&mut self) -> io::Result<()> {
        make_directory(&self.path).map_err(|failure| failure.source)?;
        for name in ["journal", "head"] {
            if self.path.join(name).symlink_metadata().is_ok() {
                let what = format!(
                    "the lock was removed, and a {name} is there that may be another Teal's: restart Teal"
                );
                return Err(io::Error::other(what));
            }
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(self.path.join(LOCK))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other("another Teal has taken the state directory"))?;
        self.directory = File::open(&self.path)?;
        self.lock = lock;
        self.lock_is_directory = false;
        self.open.clear();
        let _ = self.name_holder(); // the lock holds without the holder's name
        tracing::warn!("the state directory {} was removed and is made again", self.path.display());
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

    fn look(&mut self, name: &str) -> io::Result<()> {
        self.check_names(name)
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
        if !self.is_locked_by_name() {
            self.take_again()?;
        }
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
            // Not every file system can, nor may every process; writing the zeros then is what sets the
            // room aside.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {}
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
        self.written(name)?.sync_data()?;
        self.check_names(name)
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

/// Whether a file can be read only: traffic can be served from a state of that kind.
fn is_unwritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
    )
}

/// The lock where nothing can be written: the file if there is one, else the directory. Only where
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

/// Whether an open file is the one of this name.
fn is_under(open: &Metadata, name: &Path) -> bool {
    let same = |found: Metadata| (found.dev(), found.ino()) == (open.dev(), open.ino());
    open.nlink() > 0 && std::fs::metadata(name).is_ok_and(same)
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
