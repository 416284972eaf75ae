//! Invariants that must never be violated, checked over all lives of one history.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use journal::{Journal, Opened};
use rules::{Color, Generation, Receipt};
use traffic::Table;

use crate::fault_storage::Disk;

/// The memory of one history.
pub(crate) struct Witness {
    disk: RefCell<Disk>,
    /// The newest generation that a worker has taken over or a caller was given.
    newest: Cell<u64>,
    /// The color of every generation that was ever seen.
    colors: RefCell<BTreeMap<u64, Color>>,
    /// The generation of each worker, in this life.
    adopted: RefCell<BTreeMap<usize, u64>>,
    /// Receipts that were complete, in this life.
    complete: RefCell<BTreeMap<Generation, Receipt>>,
    /// The possible states after a power loss follow from this.
    seed: u64,
}

// === impl Witness ===

impl Witness {
    pub(crate) fn new(disk: Disk, seed: u64) -> Self {
        Self {
            disk: RefCell::new(disk),
            newest: Cell::new(0),
            colors: RefCell::default(),
            adopted: RefCell::default(),
            complete: RefCell::default(),
            seed,
        }
    }

    pub(crate) fn newest(&self) -> u64 {
        self.newest.get()
    }

    /// A new life on what is left of the disk: no decision is lost, and at most the one under way
    /// is there that nobody has seen. With `since` the crash came some time after that generation,
    /// and what was seen later has not happened. How a drain ended is a note, which a crash may
    /// take.
    pub(crate) fn reborn(&self, disk: Disk, since: Option<u64>) {
        let found = durable(&disk.after_kill());
        let (least, most) = (since.unwrap_or(self.newest()), self.newest() + 1);
        assert!((least..=most).contains(&found), "{found} after a crash, not {least} to {most}");
        if let Some(since) = since {
            // A generation behind it may have been tried twice, refused after it had reached the
            // disk and then given to another change: what the crash left may be the first of them.
            self.newest.set(found);
            self.colors.borrow_mut().retain(|generation, _| *generation <= since);
        }
        self.disk.replace(disk);
        self.adopted.borrow_mut().clear();
        self.complete.borrow_mut().clear();
    }

    /// L6: a table that a worker has was journaled before; its generations never fall.
    pub(crate) fn adopted(&self, worker: usize, table: &Table) {
        let generation = table.generation.0;
        let before = self.adopted.borrow_mut().insert(worker, generation);
        assert!(before.is_none_or(|before| before <= generation), "worker {worker} went back");
        let Some(service) = table.services.first() else { return };
        if generation > self.newest.get() {
            let found = durable(&self.disk.borrow().after_power_loss(self.seed));
            assert!(found >= generation, "{generation} is published, {found} is durable");
        }
        self.saw(generation, service.split.stable());
    }

    /// L6: a generation has one color, for ever.
    pub(crate) fn saw(&self, generation: u64, active: Color) {
        self.newest.set(self.newest.get().max(generation));
        let before = *self.colors.borrow_mut().entry(generation).or_insert(active);
        assert_eq!(before, active, "generation {generation} has two colors");
    }

    /// L2: a change that is reported as published is on every worker.
    pub(crate) fn assert_everywhere(&self, generation: u64) {
        let adopted = self.adopted.borrow();
        assert!(adopted.values().all(|has| *has >= generation), "not on every worker: {adopted:?}");
    }

    /// A receipt is completed at most once.
    pub(crate) fn read(&self, receipt: &Receipt) {
        if receipt.end().is_some() {
            let mut complete = self.complete.borrow_mut();
            let before = complete.entry(receipt.generation).or_insert_with(|| receipt.clone());
            assert_eq!(before, receipt, "completed twice");
        } else {
            assert!(!self.complete.borrow().contains_key(&receipt.generation), "open again");
        }
    }
}

/// The newest decision that is on a disk.
fn durable(disk: &Disk) -> u64 {
    match Journal::open(disk.storage(), None) {
        Ok(Opened::Recovered { entries, .. }) => {
            let decisions = entries.iter().filter(|entry| entry.decision);
            decisions.map(|entry| entry.generation).max().unwrap_or(0)
        }
        Ok(Opened::Fresh(_)) => 0,
        Err(error) => panic!("the disk of a running Teal can't be opened: {error}"),
    }
}
