//! A disk in memory that behaves as badly as a disk may.
//!
//! Data that was written and not synced survives a crash in any part, sector by sector, torn at any
//! byte. A name that was changed and not synced may be the old or the new one. A chosen operation
//! fails, having done any part of its work; after a failed sync the lost writes still read well,
//! and the next sync succeeds without them. Everything follows from seeds.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod random;
mod state;

use journal::{LockError, Storage};

pub(crate) use random::Random;
use state::{Content, State};

/// The answer of a failing operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk does not work.
    Broken,
    /// The disk is full.
    Full,
}

/// The disk; clones are handles to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<State>>);

/// The disk as one process has it open.
#[derive(Debug)]
pub(crate) struct FaultStorage {
    disk: Disk,
    locked: bool,
}

// === impl Disk ===

impl Disk {
    /// An empty disk.
    pub(crate) fn new(seed: u64) -> Self {
        Self::of(State::new(seed))
    }

    fn of(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it as a process does.
    pub(crate) fn storage(&self) -> Box<dyn Storage> {
        Box::new(FaultStorage { disk: self.clone(), locked: false })
    }

    /// Returns the storage after a power failure now. No fault is pending on it.
    pub(crate) fn after_power_loss(&self, seed: u64) -> Self {
        let mut state = self.state().without_process();
        let mut random = Random::new(seed);
        for file in &mut state.files {
            file.lose_unsynced(&mut random);
        }
        state.keep_some_names(&mut random);
        state.cached = state.durable.clone();
        state.random = random;
        Self::of(state)
    }

    /// Returns the storage after a kill of the process now: the kernel still has everything.
    pub(crate) fn after_kill(&self) -> Self {
        Self::of(self.state().without_process())
    }

    /// Returns the number of operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Makes `count` operations fail, the first of them after `skip` more have succeeded.
    pub(crate) fn fail(&self, skip: u64, count: u64, fault: Fault) {
        let mut state = self.state();
        let first = state.operations + skip;
        state.failing = Some((first..first.saturating_add(count), fault));
    }

    /// Lets every operation succeed again.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.failing = None;
        state.capacity = None;
    }

    /// Fills the disk: no file can grow any more.
    pub(crate) fn fill(&self) {
        let mut state = self.state();
        state.capacity = Some(state.used());
    }

    /// Starts to keep the disk as it is after each operation.
    pub(crate) fn record(&self) {
        self.state().recorded = Some(Vec::new());
    }

    /// The disk after each operation since recording began; ends the recording.
    pub(crate) fn recorded(&self) -> Vec<Self> {
        let recorded = self.state().recorded.take().unwrap_or_default();
        recorded.into_iter().map(Self::of).collect()
    }

    /// The names of its files.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state().cached.keys().cloned().collect()
    }

    /// The content of a file.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let file = *state.cached.get(name)?;
        Some(state.files[file].cached.to_vec())
    }

    /// A disk that holds exactly these files, safely.
    pub(crate) fn holding<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Self {
        let disk = Self::new(0);
        let mut state = disk.state();
        for (name, bytes) in files {
            let bytes = Arc::new(bytes);
            let file = state.files.len();
            let durable = bytes.clone();
            state.files.push(Content { cached: bytes, durable, ..Content::default() });
            state.cached.insert(name.to_owned(), file);
            state.durable.insert(name.to_owned(), file);
        }
        drop(state);
        disk
    }

    /// Does one operation, or fails it. `work` is given the fault, if any.
    fn operate<T>(&self, work: impl FnOnce(&mut State, Option<Fault>) -> T) -> T {
        let mut state = self.state();
        let now = state.operations;
        state.operations += 1;
        let fault =
            state.failing.as_ref().filter(|(at, _)| at.contains(&now)).map(|(_, fault)| *fault);
        let answer = work(&mut state, fault);
        if let Some(mut recorded) = state.recorded.take() {
            recorded.push(state.clone());
            state.recorded = Some(recorded);
        }
        answer
    }
}

// === impl Fault ===

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::from_raw_os_error(match fault {
            Fault::Broken => 5, // EIO
            Fault::Full => 28,  // ENOSPC
        })
    }
}

// === impl FaultStorage ===

impl Drop for FaultStorage {
    fn drop(&mut self) {
        if self.locked {
            self.disk.state().locked = false;
        }
    }
}

impl Storage for FaultStorage {
    fn directory(&self) -> &Path {
        Path::new("/state")
    }

    fn lock(&mut self) -> Result<(), LockError> {
        let mut state = self.disk.state();
        if state.locked {
            return Err(LockError::Held { pid: Some(4711) });
        }
        state.locked = true;
        self.locked = true;
        Ok(())
    }

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.disk.operate(|state, fault| match fault {
            Some(fault) => Err(fault.into()),
            None => Ok(state.cached.keys().cloned().collect()),
        })
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.disk.operate(|state, fault| match fault {
            Some(fault) => Err(fault.into()),
            None => Ok(state.file(name)?.cached.to_vec()),
        })
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            if let Some(fault) = fault {
                return Err(fault.into());
            }
            if state.cached.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.files.push(Content::default());
            state.set_name(name, Some(state.files.len() - 1));
            Ok(())
        })
    }

    fn allocate(&mut self, name: &str, offset: u64, length: u64) -> io::Result<()> {
        self.write_at(name, offset, &vec![0; length as usize])
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            let Some(fault) = fault else { return state.write(name, offset as usize, bytes) };
            let part = state.random.below(bytes.len() + 1);
            state.write(name, offset as usize, &bytes[..part])?;
            Err(fault.into())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            let mut random = Random::new(state.random.next());
            let file = state.file(name)?;
            if let Some(fault) = fault {
                file.fail_sync(&mut random);
                return Err(fault.into());
            }
            file.sync();
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            let file = *state.cached.get(from).ok_or(io::ErrorKind::NotFound)?;
            if fault.is_none() || state.random.percent(50) {
                state.set_name(to, Some(file));
                state.set_name(from, None);
            }
            fault.map_or(Ok(()), |fault| Err(fault.into()))
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            if !state.cached.contains_key(name) {
                return Err(io::ErrorKind::NotFound.into());
            }
            if fault.is_none() || state.random.percent(50) {
                state.set_name(name, None);
            }
            fault.map_or(Ok(()), |fault| Err(fault.into()))
        })
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.disk.operate(|state, fault| {
            if let Some(fault) = fault {
                let mut random = Random::new(state.random.next());
                state.keep_some_names(&mut random);
                return Err(fault.into());
            }
            state.keep_names();
            Ok(())
        })
    }
}
