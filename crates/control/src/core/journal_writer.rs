//! The controller's access to the journal: off the control thread, so that a slow disk stops
//! neither probes nor the admin API.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rules::{Event, Generation, State, Told};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::record;
use journal::{Entry, Health, Journal};

/// The journal, which is moved out while it works.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    journal: Option<Journal>, // `None` if an append panicked, or another Teal has had it
    /// Why there is no journal, if that is known.
    without: JournalProblem,
    /// The start of the disk operation in progress; `None`: the disk is at rest.
    writing: watch::Sender<Option<Instant>>,
}

/// The parts of a closed journal that are passed on.
#[derive(Debug)]
pub struct ClosedJournal {
    /// The lock of the state directory as it is now; `None`: no other process can reach the storage.
    pub lock: Option<OwnedFd>,
    /// The generation of the state in it, which the next process that opens it must find; `None`: there is no state.
    pub recorded: Option<u64>,
}

/// The reason the journal refuses appends, if it does; for status.
pub(crate) type JournalProblem = Option<String>;

// === impl JournalWriter ===

impl JournalWriter {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { journal: Some(journal), without: None, writing: watch::Sender::new(None) }
    }

    /// Returns the start of the disk operation in progress.
    pub(crate) fn writing(&self) -> watch::Receiver<Option<Instant>> {
        self.writing.subscribe()
    }

    /// Returns true if this Teal has the journal open.
    pub(crate) fn is_open(&self) -> bool {
        self.journal.is_some()
    }

    /// Closes the journal: its files belong to another Teal from here on. After an error it stays open.
    pub(crate) fn close(&mut self) -> io::Result<ClosedJournal> {
        let journal = self.journal.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let recorded = (!journal.is_empty()).then(|| journal.generation());
        let closed = ClosedJournal { lock: journal.lock_descriptor()?, recorded };
        self.journal = None;
        Ok(closed)
    }

    /// Continues with the journal as the other Teal has left it.
    pub(crate) fn reopen(&mut self, journal: Journal) {
        self.journal = Some(journal);
        self.without = None;
    }

    /// Goes on without a journal, for this reason.
    pub(crate) fn go_without(&mut self, reason: &str) {
        self.without = Some(reason.to_owned());
    }

    /// Returns why there is no journal.
    fn missing(&self) -> String {
        let panicked = || "an append to the journal panicked; restart Teal".to_owned();
        self.without.clone().unwrap_or_else(panicked)
    }

    /// Returns the reason the next append is expected to fail.
    pub(crate) fn problem(&self) -> JournalProblem {
        match self.journal.as_ref().map(Journal::health) {
            None => Some(self.missing()),
            Some(Health::Refusing { reason }) => Some(reason),
            Some(Health::Ready | Health::RoomLow { .. }) => None,
        }
    }

    /// Returns true if the disk is full and the preallocated reserve is being used up.
    pub(crate) fn is_on_reserve(&self) -> bool {
        let health = self.journal.as_ref().map(Journal::health);
        matches!(health, Some(Health::RoomLow { .. }))
    }

    /// Makes events durable, all or none; `before` is the generation that they follow.
    // lossless: L6
    pub(crate) async fn append(
        &mut self,
        before: Generation,
        events: &[Event],
    ) -> Result<(), String> {
        let entries = entries(before, events);
        self.work(move |journal| {
            let result = journal.append(&entries);
            if let Health::RoomLow { room, reason } = journal.health() {
                tracing::warn!(
                    room,
                    reason,
                    "disk full: the journal is using its preallocated reserve"
                );
            }
            result.map_err(|error| error.to_string())
        })
        .await
    }

    /// Writes a state to a journal that lacks it.
    // lossless: L6
    pub(crate) async fn write_again(&mut self, state: &State) -> Result<(), String> {
        let entry = snapshot(state);
        self.work(move |journal| journal.append(&[entry]).map_err(|error| error.to_string())).await
    }

    /// Checks that the journal is still where the next start reads it, and rewrites it there if not.
    // lossless: L6
    pub(crate) async fn look(&mut self) -> Result<(), String> {
        self.work(|journal| journal.look().map_err(|error| error.to_string())).await
    }

    /// Returns true if the history has become long.
    pub(crate) fn wants_compaction(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::wants_compaction)
    }

    /// Replaces a long history with the resulting state.
    pub(crate) async fn compact(&mut self, state: &State) {
        let entry = snapshot(state);
        let compact = move |journal: &mut Journal| {
            journal.compact(&[entry]).map_err(|error| error.to_string())
        };
        if let Err(reason) = self.work(compact).await {
            tracing::warn!(reason, "the journal could not be compacted; it stays in use as it is");
        }
    }

    async fn work(
        &mut self,
        work: impl FnOnce(&mut Journal) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let mut journal = self.journal.take().ok_or_else(|| self.missing())?;
        let task = spawn_blocking(move || {
            let result = work(&mut journal);
            (journal, result)
        });
        self.writing.send_replace(Some(Instant::now()));
        let done = task.await;
        self.writing.send_replace(None);
        let (journal, result) = done.map_err(|_| self.missing())?;
        self.journal = Some(journal);
        result
    }
}

/// The state as one entry.
fn snapshot(state: &State) -> Entry {
    let payload = record::encode_snapshot(state);
    Entry { generation: state.generation().0, decision: true, payload }
}

fn entries(before: Generation, events: &[Event]) -> Vec<Entry> {
    let mut generation = before;
    let entry = |event: &Event| {
        if let Event::Moved { generation: new, .. }
        | Event::Reloaded { generation: new, .. }
        | Event::Told(Told { generation: Some(new), .. }) = event
        {
            generation = *new;
        }
        Entry {
            generation: generation.0,
            decision: event.is_decision(),
            payload: record::encode(event),
        }
    };
    events.iter().map(entry).collect()
}
