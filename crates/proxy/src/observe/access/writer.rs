//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::{AccessLog, Format};
use crate::observe::story::Story;

/// Lines that may wait to be written, over all workers.
const WAITING: usize = 8192;

/// Lines that are written at once at most.
const BATCH: usize = 256;

/// How long an order to open the file again may wait for a line.
const LOOK: Duration = Duration::from_millis(200);

/// How long the last lines may take at a stop.
const LAST: Duration = Duration::from_secs(2);

/// Failures are said once in so long.
const EVERY: Duration = Duration::from_secs(10);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, to which lines are added.
    File(PathBuf),
}

/// The writing thread, as the process around it sees it.
#[derive(Debug)]
pub struct LogWriter {
    orders: Arc<Orders>,
    ended: Receiver<()>, // by the end of the other side
}

/// What the thread is told.
#[derive(Debug, Default)]
struct Orders {
    reopen: AtomicBool,
    finish: AtomicBool,
}

/// What the thread has.
struct Writer {
    to: Destination,
    format: Format,
    sink: Box<dyn Write + Send>,
    orders: Arc<Orders>,
    complained: Option<Instant>,
}

impl AccessLog {
    /// Opens the log and starts its thread, which ends with the last of the returned logs.
    ///
    /// # Errors
    /// If the file can't be opened for adding, or no thread can be made.
    pub fn start(to: Destination, format: Format) -> io::Result<(Self, LogWriter)> {
        let (lines, waiting) = sync_channel(WAITING);
        let (alive, ended) = sync_channel(0);
        let orders = Arc::new(Orders::default());
        let sink = to.open()?;
        let writer = Writer { to, format, sink, orders: orders.clone(), complained: None };
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        thread.spawn(move || {
            let _alive: SyncSender<()> = alive; // until the thread ends, however it does
            writer.run(&waiting);
        })?;
        Ok((Self { lines }, LogWriter { orders, ended }))
    }
}

impl LogWriter {
    /// Has the file opened anew: it was renamed, and another is to be begun.
    pub fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::Release);
    }

    /// Waits until what was handed over so far is written, but no longer than for a slow disk.
    // lossless: L10
    pub fn finish(self) {
        self.orders.finish.store(true, Ordering::Release);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("access log: its disk is too slow, the last lines are not written");
        }
    }
}

impl Destination {
    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::File(path) => {
                // A named pipe that nobody reads is an error, and not a wait: L10. Once it is open,
                // its reader may be slow, which this thread alone waits for.
                let flags = OFlags::NONBLOCK.bits().cast_signed();
                let file: File =
                    OpenOptions::new().append(true).create(true).custom_flags(flags).open(path)?;
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                Box::new(file)
            }
        })
    }
}

impl Writer {
    fn run(mut self, waiting: &Receiver<Box<Story>>) {
        let mut text = String::new();
        loop {
            let first = waiting.recv_timeout(LOOK);
            if self.orders.reopen.swap(false, Ordering::AcqRel) {
                self.open_again();
            }
            match first {
                Ok(story) => {
                    self.format.write(&mut text, &story);
                    for story in waiting.try_iter().take(BATCH - 1) {
                        self.format.write(&mut text, &story);
                    }
                    self.put(&text);
                    text.clear();
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.orders.finish.load(Ordering::Acquire) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn put(&mut self, text: &str) {
        let written = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
        if let Err(error) = written {
            self.complain(&format!("lines were not written: {error}"));
        }
    }

    /// Goes on with the old file if the new one can't be opened.
    fn open_again(&mut self) {
        match self.to.open() {
            Ok(sink) => {
                self.sink = sink;
                tracing::info!("the access log was opened again");
            }
            Err(error) => self.complain(&format!("cannot be opened again, it stays: {error}")),
        }
    }

    fn complain(&mut self, what: &str) {
        if self.complained.is_none_or(|last| last.elapsed() >= EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!("access log: {what}");
        }
    }
}
