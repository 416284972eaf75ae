//! The contents of the disk, those that the kernel believes to be there, and the difference.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::Fault;
use super::random::Random;

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) files: Vec<Content>,
    pub(super) cached: BTreeMap<String, usize>,
    pub(super) durable: BTreeMap<String, usize>,
    /// Changes of names since the last sync of the directory.
    pub(super) renamed: Vec<(String, Option<usize>)>,
    pub(super) random: Random,
    pub(super) operations: u64,
    pub(super) failing: Option<(Range<u64>, Fault)>,
    pub(super) capacity: Option<usize>,
    pub(super) locked: bool,
    /// The disk after each operation, while recording.
    pub(super) recorded: Option<Vec<State>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) cached: Arc<Vec<u8>>,
    pub(super) durable: Arc<Vec<u8>>,
    pub(super) unsynced: Vec<(usize, Arc<[u8]>)>,
    /// True if a sync failed: data that reads well may then not be on the disk, synced again or not.
    pub(super) lost: bool,
}

// === impl State ===

impl State {
    /// An empty disk.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            files: Vec::new(),
            cached: BTreeMap::new(),
            durable: BTreeMap::new(),
            renamed: Vec::new(),
            random: Random::new(seed),
            operations: 0,
            failing: None,
            capacity: None,
            locked: false,
            recorded: None,
        }
    }

    pub(super) fn without_process(&self) -> Self {
        Self { locked: false, failing: None, recorded: None, ..self.clone() }
    }

    pub(super) fn used(&self) -> usize {
        self.cached.values().map(|file| self.files[*file].cached.len()).sum()
    }

    pub(super) fn file(&mut self, name: &str) -> io::Result<&mut Content> {
        let file = *self.cached.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.files[file])
    }

    pub(super) fn set_name(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.cached.insert(name.to_owned(), file),
            None => self.cached.remove(name),
        };
        self.renamed.push((name.to_owned(), file));
    }

    /// Lets each unsynced change of a name take effect or not.
    pub(super) fn keep_some_names(&mut self, random: &mut Random) {
        let chance = [0, 50, 100][random.below(3)];
        for (name, file) in std::mem::take(&mut self.renamed) {
            if random.percent(chance) {
                self.keep_name(name, file);
            }
        }
    }

    /// Lets them all take effect. Those that a failed sync lost stay lost.
    pub(super) fn keep_names(&mut self) {
        for (name, file) in std::mem::take(&mut self.renamed) {
            self.keep_name(name, file);
        }
    }

    fn keep_name(&mut self, name: String, file: Option<usize>) {
        match file {
            Some(file) => self.durable.insert(name, file),
            None => self.durable.remove(&name),
        };
    }

    pub(super) fn write(&mut self, name: &str, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let used = self.used();
        let capacity = self.capacity;
        let file = self.file(name)?;
        let growth = (offset + bytes.len()).saturating_sub(file.cached.len());
        if growth > 0 && capacity.is_some_and(|capacity| used + growth > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        put(&mut file.cached, offset, bytes);
        file.unsynced.push((offset, bytes.into()));
        Ok(())
    }
}

// === impl Content ===

impl Content {
    pub(super) fn lose_unsynced(&mut self, random: &mut Random) {
        for (offset, bytes) in std::mem::take(&mut self.unsynced) {
            match random.below(4) {
                0 => {}
                1 => put(&mut self.durable, offset, &bytes),
                2 => put(&mut self.durable, offset, &bytes[..random.below(bytes.len() + 1)]),
                _ => put_some_sectors(&mut self.durable, offset, &bytes, random),
            }
        }
        self.cached = self.durable.clone();
        self.lost = false;
    }

    pub(super) fn sync(&mut self) {
        let unsynced = std::mem::take(&mut self.unsynced);
        if !self.lost {
            self.durable = self.cached.clone();
            return;
        }
        for (offset, bytes) in unsynced {
            put(&mut self.durable, offset, &bytes);
        }
    }

    /// A sync that fails: some of it is on the disk, the rest only looks so.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        let cached = self.cached.clone();
        self.lose_unsynced(random);
        self.cached = cached;
        self.lost = true;
    }
}

fn put_some_sectors(target: &mut Arc<Vec<u8>>, offset: usize, bytes: &[u8], random: &mut Random) {
    let mut at = offset;
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = (SECTOR - at % SECTOR).min(rest.len());
        let (sector, behind) = rest.split_at(length);
        if random.percent(50) {
            put(target, at, sector);
        }
        at += length;
        rest = behind;
    }
}

fn put(target: &mut Arc<Vec<u8>>, offset: usize, bytes: &[u8]) {
    let target = Arc::make_mut(target);
    let end = offset + bytes.len();
    if target.len() < end {
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}
