//! Control, handed over to another Teal.

use std::io;
use std::sync::Arc;

use super::{ClosedJournal, Core, JournalWriter, RankedGuard};

/// Suspended control: nothing is decided, journaled or published until this is dropped.
#[derive(Debug)]
pub struct Frozen {
    pub(crate) core: Arc<Core>,
    _turn: RankedGuard<()>,
    pub(crate) journal: RankedGuard<JournalWriter>,
    /// True if this Teal has already followed a newer one before.
    pub(crate) followed: bool,
}

// === impl Frozen ===

impl Frozen {
    pub(crate) fn new(
        core: Arc<Core>,
        (turn, journal): (RankedGuard<()>, RankedGuard<JournalWriter>),
    ) -> Self {
        Self { core, _turn: turn, journal, followed: false }
    }

    /// Checks that the journal is where the newer Teal will read it, and rewrites it there if not: otherwise the
    /// newer one would find no state and begin without one.
    ///
    /// # Errors
    /// Returns an error if it is gone and cannot be rewritten.
    // lossless: L6
    pub async fn look_at_journal(&mut self) -> Result<(), String> {
        self.journal.look().await
    }

    /// Closes the journal and returns what to pass on to the newer Teal. Must be called before that one is asked to
    /// open it.
    ///
    /// # Errors
    /// The lock cannot be passed on; then the journal stays open.
    // lossless: L6 - never two writers.
    pub fn close_journal(&mut self) -> io::Result<ClosedJournal> {
        self.journal.close()
    }

    /// Takes control back without a journal: traffic stays where the newer Teal's last table sent it, probes and
    /// their consequences continue, but every change is refused, at first for this reason.
    // lossless: L2 L6
    pub fn go_on_without_journal(mut self, reason: &str) {
        self.journal.go_without(reason);
        self.core.resume_control();
        let mut inner = self.core.lock();
        inner.journal_problem = Some(reason.to_owned());
        self.core.publish(&inner);
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if self.journal.is_open() {
            self.core.resume_control(); // nothing was handed over
            self.core.publish(&self.core.lock());
        } else if !self.core.is_in_control() {
            self.core.lock().journal_problem = Some("another Teal has the journal".to_owned());
        }
    }
}
