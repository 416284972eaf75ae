//! Stalled disks: an fsync may take forever and cannot be canceled.
//!
//! After a few seconds a stall is reported in the log, in the status and by the metric, and calls that
//! wait for the disk are informed. The consequences of a decision follow as soon as it is durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::{Command, Event, Refusal};
use tokio::time::sleep;

use super::calls::stall;
use super::{Core, Inner};

/// The time after which a stall of the disk is reported.
// lossless: L10
const SLOW: Duration = Duration::from_secs(5);

/// The interval of checks that the journal is still there.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

impl Core {
    /// Returns the reason nothing can be made durable, if the disk has stalled.
    pub(crate) fn stall(&self) -> Option<String> {
        self.stalled.borrow().map(|since| stall(since.elapsed()))
    }

    /// Waits until the disk has stalled.
    pub(crate) async fn has_stalled(&self) {
        let mut stalled = self.stalled.subscribe();
        let _ = stalled.wait_for(Option::is_some).await; // the core keeps the sending side
    }

    /// Waits until the disk has stalled; returns for how long.
    pub(crate) async fn stalled_for(&self) -> Duration {
        self.has_stalled().await;
        self.stalled.borrow().map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Makes a change durable, whether or not its caller waits for it. A caller does not wait for a stalled disk.
    /// `then` runs in the same step in which the events are applied.
    // lossless: L6 L10
    pub(crate) async fn commit_in_time<T: Send + 'static>(
        self: &Arc<Self>,
        command: impl FnOnce(&mut Inner) -> Result<Command, Refusal> + Send + 'static,
        then: impl FnOnce(&mut Inner, &[Event]) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        if let Some(reason) = self.stall() {
            return Err(Refusal::JournalUnavailable { reason });
        }
        let core = self.clone();
        let work = tokio::spawn(async move { core.commit(command, then).await });
        tokio::select! {
            biased;
            done = work => done.map_err(|_| Refusal::Stopping)??,
            silent = self.stalled_for() => Err(Refusal::JournalSlow { silent }),
        }
    }

    /// Checks that the journal is still there, and has it rewritten if not.
    // lossless: L6
    async fn look_at_journal(&self) {
        let Ok(mut journal) = self.journal_in_control().await else { return };
        let is_known = journal.problem().is_some();
        if let Err(reason) = journal.look().await
            && !is_known
        {
            tracing::error!(
                reason,
                "the journal is gone and cannot be rewritten: traffic continues, changes are refused, and a \
                 crash now would lose past decisions; make the state directory writable: Teal tries \
                 again every few seconds"
            );
        }
        self.lock().note_journal(&journal);
    }

    fn disk_is_silent(&self, since: Instant) {
        let silent = since.elapsed();
        tracing::error!(
            seconds = silent.as_secs(),
            "the disk has not confirmed a write to the journal: changes wait or are refused, \
             traffic continues"
        );
        self.stalled.send_replace(Some(since));
        self.lock().calls.stalled(silent);
    }

    fn disk_answers(&self, since: Instant) {
        tracing::warn!(
            seconds = since.elapsed().as_secs(),
            "the disk has confirmed the write to the journal"
        );
        self.stalled.send_replace(None);
    }
}

/// Checks every few seconds that the journal has not been removed, forever.
pub(crate) async fn watch_journal(core: Arc<Core>) {
    loop {
        sleep(CHECK_INTERVAL).await;
        core.until_in_control().await;
        core.look_at_journal().await;
    }
}

/// Watches the disk, forever.
pub(crate) async fn watch(core: Arc<Core>) {
    let mut writing = core.writing.clone();
    loop {
        let begun = *writing.borrow_and_update();
        let Some(since) = begun else {
            if writing.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            biased;
            changed = writing.changed() => if changed.is_err() { return } else { continue },
            () = sleep(SLOW) => {}
        }
        if since.elapsed() < SLOW {
            continue; // the disk does not follow the clock that tests move
        }
        core.disk_is_silent(since);
        let over = writing.wait_for(|now| *now != Some(since)).await.is_ok();
        core.disk_answers(since);
        if !over {
            return;
        }
    }
}
