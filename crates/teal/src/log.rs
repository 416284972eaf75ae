//! Logs: to standard error, as text or JSON, one event per line.
//!
//! Guaranteed: an event is one line and control characters are escaped, so that nothing
//! that came with a request can forge another event or control a terminal. Logging never blocks on
//! standard error: a thread writes to it, and lines that do not fit in its queue are dropped and counted.
//! In systemd's journal each line has its priority, and no timestamp.

use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::LogFormat;
use crate::level::{LevelError, Levels, allowed};

/// Starts to log the events that these levels let through to standard error.
pub(crate) fn start(format: LogFormat, levels: &Levels) {
    let events = fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(OneLine { priorities: parent::is_journal() });
    let events: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text if parent::is_journal() => events.without_time().with_level(false).boxed(),
        LogFormat::Text => events.boxed(),
        LogFormat::Json => events.json().flatten_event(true).boxed(),
    };
    let (filter, change) = reload::Layer::new(levels.filter());
    let writer = thread::Builder::new().name("log".to_owned()).stack_size(STACK);
    if let Err(error) = writer.spawn(|| QUEUE.write_all_to(io::stderr())) {
        let _ = writeln!(io::stderr(), "teal: cannot start the log thread: {error}"); // ignored: as for lines
    }
    tracing_subscriber::registry().with(events.with_filter(filter)).init();
    let _ = CHANGE.set((change, Mutex::new(levels.clone()))); // set once: this starts once
}

/// The handle to change levels, and the levels in force.
static CHANGE: OnceLock<(reload::Handle<Targets, Registry>, Mutex<Levels>)> = OnceLock::new();

/// The levels in force.
pub(crate) fn levels() -> String {
    let in_force =
        CHANGE.get().map(|(_, levels)| levels.lock().unwrap_or_else(PoisonError::into_inner));
    in_force.map_or_else(String::new, |levels| levels.to_string())
}

/// Changes the levels, until this process ends.
pub(crate) fn change_levels(text: &str) -> Result<(), String> {
    let levels: Levels = text.parse().map_err(|_: LevelError| format!("must be {}", allowed()))?;
    let (change, in_force) = CHANGE.get().ok_or("logging has not started")?;
    let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
    change.reload(levels.filter()).map_err(|error| error.to_string())?;
    *in_force = levels;
    Ok(())
}

/// The number of lines dropped since this process started.
pub(crate) fn dropped() -> u64 {
    QUEUE.total_dropped()
}

/// Waits until all lines are written, if standard error takes them.
// lossless: L10
pub(crate) fn finish() {
    QUEUE.wait_written(LAST);
}

static QUEUE: Queue = Queue::new();

/// The time limit for writing the last lines.
const LAST: Duration = Duration::from_secs(1);

/// The capacity of the queue, in bytes.
const ROOM: usize = 256 << 10;

/// The stack size of the thread that writes, in bytes.
const STACK: usize = 128 << 10;

/// Lines that wait to be written, so that no other thread waits for the reader of standard error.
struct Queue {
    waiting: Mutex<WaitingLines>,
    changed: Condvar,
}

#[derive(Debug)]
struct WaitingLines {
    /// Whole lines, one after the other.
    lines: Vec<u8>,
    /// Lines are being written.
    writing: bool,
    /// Dropped lines that are not reported yet.
    untold: u64,
    dropped: u64,
}

/// Gives each event a writer that escapes.
struct OneLine {
    /// True if lines begin with their priority (`sd-daemon(3)`).
    priorities: bool,
}

/// Escapes control characters, except for the line break at the end of an event. The line begins with the
/// prefix.
struct Escaping<W>(W, &'static str);

/// The writer that puts lines into the queue.
struct QueueWriter;

impl Queue {
    const fn new() -> Self {
        let waiting = WaitingLines { lines: Vec::new(), writing: false, untold: 0, dropped: 0 };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, WaitingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a line into the queue, or drops it if the queue is full.
    fn put(&self, line: &[u8]) {
        let mut waiting = self.lock();
        if waiting.lines.len() + line.len() > ROOM {
            waiting.untold += 1;
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        drop(waiting);
        self.changed.notify_all();
    }

    /// Writes queued lines for as long as the process lives.
    fn write_all_to(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.lines.is_empty() {
                waiting.writing = false;
                self.changed.notify_all();
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            lines.clear();
            std::mem::swap(&mut lines, &mut waiting.lines);
            waiting.writing = true;
            let untold = std::mem::take(&mut waiting.untold);
            drop(waiting);
            if untold > 0 {
                // They came after these lines, and there is room now.
                tracing::error!(
                    dropped = untold,
                    "{untold} lines of this log were dropped: standard error was not read for a while"
                );
            }
            // Ignored: standard error has no reader.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
        }
    }

    fn wait_written(&self, within: Duration) {
        let waiting = self.lock();
        let is_written = |waiting: &mut WaitingLines| waiting.writing || !waiting.lines.is_empty();
        drop(self.changed.wait_timeout_while(waiting, within, is_written));
    }

    fn total_dropped(&self) -> u64 {
        self.lock().dropped
    }
}

impl Write for QueueWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        QUEUE.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for OneLine {
    type Writer = Escaping<QueueWriter>;

    fn make_writer(&self) -> Self::Writer {
        Escaping(QueueWriter, "")
    }

    fn make_writer_for(&self, event: &Metadata<'_>) -> Self::Writer {
        Escaping(QueueWriter, if self.priorities { priority(*event.level()) } else { "" })
    }
}

/// The priority of an event, as systemd reads it.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

impl<W: Write> Write for Escaping<W> {
    /// Takes one whole event, as the subscriber hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut escaped = String::with_capacity(self.1.len() + line.len() + 1);
        escaped.push_str(self.1);
        for c in line.chars() {
            if c.is_control() || is_line_break(c) {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Returns true for characters that are not control characters but end a line or change its direction.
fn is_line_break(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_room_are_dropped_and_counted() {
        let queue = Queue::new();
        let line = [b'x'; 1000];
        (0..300).for_each(|_| queue.put(&line));
        let waiting = queue.lock();
        assert_eq!((waiting.lines.len(), waiting.untold, waiting.dropped), (262_000, 38, 38));
        drop(waiting);
        queue.wait_written(Duration::ZERO); // and no flush waits for ever
    }

    // A8
    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let mut written = Vec::new();
        let event = "INFO refused reason=\"a\nERROR forged \x1b[31m\r\u{9b}2J\u{202e}\" é\n";
        let taken = Escaping(&mut written, "<6>").write(event.as_bytes()).expect("written");
        assert_eq!(taken, event.len());
        let text = String::from_utf8(written).expect("text");
        assert_eq!(
            text,
            "<6>INFO refused reason=\"a\\nERROR forged \\u{1b}[31m\\r\\u{9b}2J\\u{202e}\" é\n"
        );
    }
}
