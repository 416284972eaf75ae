//! The charge of deciding, laid down for another Teal.

use std::sync::Arc;

use super::{Core, Ledger, Ranked};

/// The charge, laid down: nothing is decided, journaled or published until this is dropped.
#[derive(Debug)]
pub struct Frozen {
    pub(crate) core: Arc<Core>,
    _turn: Ranked<()>,
    pub(crate) ledger: Ranked<Ledger>,
    /// True if an earlier newer Teal has been followed already.
    pub(crate) followed: bool,
}

// === impl Frozen ===

impl Frozen {
    pub(crate) fn new(core: Arc<Core>, (turn, ledger): (Ranked<()>, Ranked<Ledger>)) -> Self {
        Self { core, _turn: turn, ledger, followed: false }
    }

    /// Looks whether the journal is where the newer one will read it, and writes it there again if not: that one
    /// would find no state, and begin with none.
    ///
    /// # Errors
    /// If it is gone and cannot be written.
    // lossless: L6
    pub async fn look_at_journal(&mut self) -> Result<(), String> {
        self.ledger.look().await
    }

    /// Gives the journal up. To be done before the newer one is told to open it.
    // lossless: L6 - never two writers.
    pub fn close_journal(&mut self) {
        self.ledger.close();
    }

    /// Takes the charge up again without a journal: probes and what they bring about go on, but every
    /// change is refused, for this reason at first.
    // lossless: L6
    pub fn go_on_without_journal(self, reason: &str) {
        self.core.take_up();
        let mut inside = self.core.lock();
        inside.ailment = Some(reason.to_owned());
        self.core.publish(&inside);
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if self.ledger.is_open() {
            self.core.take_up(); // nothing was handed over
            self.core.publish(&self.core.lock());
        } else if !self.core.is_in_charge() {
            self.core.lock().ailment = Some("another Teal has it".to_owned());
        }
    }
}
