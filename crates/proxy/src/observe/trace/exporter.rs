//! The thread that batches spans and delivers them.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use super::{Tracer, otlp};
use crate::observe::record::AccessRecord;

/// The most queued spans, over all workers.
const WAITING: usize = 2048;

/// The most spans in one delivery.
const BATCH: usize = 512;

/// The longest wait of a batch for more spans.
const GATHER: Duration = Duration::from_millis(500);

/// The longest wait of a command to finish for a span.
const LOOK: Duration = Duration::from_millis(200);

/// The first and the longest pause after a failed delivery.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// The time allowed for the last spans at a stop.
const LAST: Duration = Duration::from_secs(2);

/// The interval between reports of failures.
const EVERY: Duration = Duration::from_secs(10);

/// The reason why a batch was not accepted.
#[derive(Debug)]
pub enum NotTaken {
    /// It may be accepted later.
    ForNow(String),
    /// It never will be.
    Ever(String),
}

/// The delivering thread, as seen by the rest of the process.
#[derive(Debug)]
pub struct SpanWriter {
    /// Dropped: finish.
    more: SyncSender<Infallible>,
    ended: Receiver<Infallible>, // ends when the other side is dropped
}

/// The state of the thread.
struct Exporter<D> {
    spans: Receiver<Box<AccessRecord>>,
    more: Receiver<Infallible>,
    instance: String,
    deliver: D,
    complained: Option<Instant>,
}

impl Tracer {
    /// Starts the thread, which ends when the last of the returned tracers is dropped. `deliver` gets a body of
    /// OTLP in JSON, and may block.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn start(
        instance: String,
        deliver: impl FnMut(String) -> Result<(), NotTaken> + Send + 'static,
    ) -> io::Result<(Self, SpanWriter)> {
        let (spans, waiting) = sync_channel(WAITING);
        let (alive, ended) = sync_channel(0);
        let (more, finish) = sync_channel(0);
        let exporter =
            Exporter { spans: waiting, more: finish, instance, deliver, complained: None };
        let thread = std::thread::Builder::new().name("spans".to_owned());
        thread.spawn(move || {
            let _alive: SyncSender<Infallible> = alive; // until the thread ends, in whatever way
            exporter.run();
        })?;
        Ok((Self { spans }, SpanWriter { more, ended }))
    }
}

impl SpanWriter {
    /// Waits until everything handed over so far is delivered, within a time limit for slow collectors.
    // lossless: L10
    pub fn finish(self) {
        drop(self.more);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("otel: the collector is too slow; the last spans were not delivered");
        }
    }
}

impl<D: FnMut(String) -> Result<(), NotTaken>> Exporter<D> {
    fn run(mut self) {
        while let Some(batch) = self.gather() {
            self.deliver(&batch);
        }
    }

    /// Returns the next spans; `None`: there will be none.
    fn gather(&self) -> Option<Vec<AccessRecord>> {
        let first = loop {
            match self.spans.recv_timeout(LOOK) {
                Ok(first) => break first,
                Err(RecvTimeoutError::Timeout) if !self.is_finishing() => {}
                Err(_) => return None,
            }
        };
        let end = Instant::now() + GATHER;
        let mut batch = vec![*first];
        while batch.len() < BATCH {
            let left = end.saturating_duration_since(Instant::now());
            let wait = if self.is_finishing() { Duration::ZERO } else { left.min(LOOK) };
            match self.spans.recv_timeout(wait) {
                Ok(record) => batch.push(*record),
                Err(RecvTimeoutError::Timeout) if wait < left && !wait.is_zero() => {}
                Err(_) => break,
            }
        }
        Some(batch)
    }

    /// Delivers a batch, retrying while it may be accepted; at a stop it is tried once.
    fn deliver(&mut self, batch: &[AccessRecord]) {
        let [mut pause, longest] = PAUSES;
        loop {
            let count = batch.len();
            match (self.deliver)(otlp::export(batch, &self.instance)) {
                Ok(()) => return,
                Err(NotTaken::Ever(why)) => {
                    self.complain(&format!("{count} spans were not accepted: {why}"));
                    return;
                }
                Err(NotTaken::ForNow(why)) => {
                    self.complain(&format!("cannot deliver spans, retrying: {why}"));
                }
            }
            if !matches!(self.more.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                return;
            }
            pause = longest.min(pause * 2);
        }
    }

    fn is_finishing(&self) -> bool {
        matches!(self.more.try_recv(), Err(TryRecvError::Disconnected))
    }

    fn complain(&mut self, what: &str) {
        if self.complained.is_none_or(|last| last.elapsed() >= EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!("otel: {what}");
        }
    }
}
