//! The thread that makes batches of spans and has them delivered.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use super::{Tracer, otlp};
use crate::observe::story::Story;

/// Spans that may wait, over all workers.
const WAITING: usize = 2048;

/// Spans of one delivery at most.
const BATCH: usize = 512;

/// How long a batch may wait for more.
const GATHER: Duration = Duration::from_millis(500);

/// How long an order to finish may wait for a span.
const LOOK: Duration = Duration::from_millis(200);

/// From the first pause after a failed delivery to the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// How long the last spans may take at a stop.
const LAST: Duration = Duration::from_secs(2);

/// Failures are said once in so long.
const EVERY: Duration = Duration::from_secs(10);

/// Why a batch was not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// It may be later.
    ForNow(String),
    /// It never will be.
    Ever(String),
}

/// The delivering thread, as the process around it sees it.
#[derive(Debug)]
pub struct SpanWriter {
    /// Dropped: finish.
    more: SyncSender<Infallible>,
    ended: Receiver<Infallible>, // by the end of the other side
}

/// What the thread has.
struct Exporter<D> {
    spans: Receiver<Box<Story>>,
    more: Receiver<Infallible>,
    instance: String,
    deliver: D,
    complained: Option<Instant>,
}

impl Tracer {
    /// Starts the thread, which ends with the last of the returned tracers. `deliver` gets a body of
    /// OTLP in JSON, and may take its time.
    ///
    /// # Errors
    /// If no thread can be made.
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
            let _alive: SyncSender<Infallible> = alive; // until the thread ends, however it does
            exporter.run();
        })?;
        Ok((Self { spans }, SpanWriter { more, ended }))
    }
}

impl SpanWriter {
    /// Waits until what was handed over so far is delivered, but no longer than for a slow collector.
    // lossless: L10
    pub fn finish(self) {
        drop(self.more);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("otel: the collector is too slow, the last spans are not delivered");
        }
    }
}

impl<D: FnMut(String) -> Result<(), NotTaken>> Exporter<D> {
    fn run(mut self) {
        while let Some(batch) = self.gather() {
            self.deliver(&batch);
        }
    }

    /// The next spans; `None`: there will be none.
    fn gather(&self) -> Option<Vec<Story>> {
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
                Ok(story) => batch.push(*story),
                Err(RecvTimeoutError::Timeout) if wait < left && !wait.is_zero() => {}
                Err(_) => break,
            }
        }
        Some(batch)
    }

    /// Has a batch delivered, again and again while there is hope; at a stop it is tried once.
    fn deliver(&mut self, batch: &[Story]) {
        let [mut pause, longest] = PAUSES;
        loop {
            let count = batch.len();
            match (self.deliver)(otlp::export(batch, &self.instance)) {
                Ok(()) => return,
                Err(NotTaken::Ever(why)) => {
                    self.complain(&format!("{count} spans were not taken: {why}"));
                    return;
                }
                Err(NotTaken::ForNow(why)) => {
                    self.complain(&format!("spans are not taken for now: {why}"));
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
