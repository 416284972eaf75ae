//! The thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use traffic::Versions;

use super::{AccessLog, Format};
use crate::observe::record::AccessRecord;

/// The most queued lines, over all workers.
const WAITING: usize = 8192;

/// The most lines written at once.
const BATCH: usize = 256;

/// The longest wait of a command to reopen the file for a line.
const LOOK: Duration = Duration::from_millis(200);

/// The time allowed for the last lines at a stop.
const LAST: Duration = Duration::from_secs(2);

/// The interval between reports of failures.
const EVERY: Duration = Duration::from_secs(10);

/// The destination of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// A file, to which lines are appended.
    File(PathBuf),
}

/// The writing thread, as seen by the rest of the process.
#[derive(Debug)]
pub struct LogWriter {
    commands: Arc<WriterCommands>,
    ended: Receiver<()>, // ends when the other side is dropped
}

/// The commands to the thread.
#[derive(Debug, Default)]
struct WriterCommands {
    reopen: AtomicBool,
    finish: AtomicBool,
}

/// The state of the thread.
struct Writer {
    to: Destination,
    format: Format,
    versions: Versions,
    sink: Box<dyn Write + Send>,
    commands: Arc<WriterCommands>,
    complained: Option<Instant>,
    /// The missing rest of a line that is partly in the log.
    rest: Vec<u8>,
    /// Lines not counted by any worker yet.
    lost: Arc<AtomicU64>,
    /// Lost lines that no log message has reported.
    untold: u64,
}

impl AccessLog {
    /// Opens the log and starts its thread, which ends when the last of the returned logs is dropped. It takes the
    /// versions of colors from the given ones.
    ///
    /// # Errors
    /// If the file can't be opened for appending, or the thread can't be started.
    pub fn start(
        to: Destination,
        format: Format,
        versions: Versions,
    ) -> io::Result<(Self, LogWriter)> {
        let (lines, waiting) = sync_channel(WAITING);
        let (alive, ended) = sync_channel(0);
        let commands = Arc::new(WriterCommands::default());
        let sink = to.open()?;
        let lost = Arc::<AtomicU64>::default();
        let writer = Writer::new(to, (format, versions), sink, commands.clone(), lost.clone());
        let thread = std::thread::Builder::new().name("access-log".to_owned());
        thread.spawn(move || {
            let _alive: SyncSender<()> = alive; // until the thread ends, in whatever way
            writer.run(&waiting);
        })?;
        Ok((Self { lines, lost }, LogWriter { commands, ended }))
    }
}

impl LogWriter {
    /// Reopens the file: it was renamed, and a new one is to be begun.
    pub fn reopen(&self) {
        self.commands.reopen.store(true, Ordering::Release);
    }

    /// Waits until everything handed over so far is written, within a time limit for slow disks.
    // lossless: L10
    pub fn finish(self) {
        self.commands.finish.store(true, Ordering::Release);
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("access log: the disk is too slow; the last lines were not written");
        }
    }
}

impl Destination {
    /// Opens the log, without a buffer between us and it.
    fn open(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(match self {
            Self::Stdout => File::from(io::stdout().as_fd().try_clone_to_owned()?),
            Self::File(path) => {
                // A named pipe without a reader is an error, not a wait: L10. Once it is open, its reader may
                // be slow, but only this thread waits for it.
                let flags = OFlags::NONBLOCK.bits().cast_signed();
                let mut file: File =
                    OpenOptions::new().append(true).create(true).custom_flags(flags).open(path)?;
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                if ends_inside_a_line(path) {
                    // Ignored: later messages say so if nothing can be written.
                    let _ = file.write_all(b"\n");
                }
                file
            }
        }))
    }
}

/// Returns true if an earlier Teal was killed, or its disk was full, in the middle of a line. False if it is
/// not a file, or cannot be read.
fn ends_inside_a_line(path: &Path) -> bool {
    let is_file = path.metadata().is_ok_and(|about| about.is_file() && about.len() > 0);
    let last = || {
        let mut file = File::open(path)?;
        let mut byte = [b'\n'];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut byte)?;
        io::Result::Ok(byte)
    };
    is_file && last().is_ok_and(|byte| byte != *b"\n")
}

impl Writer {
    fn new(
        to: Destination,
        (format, versions): (Format, Versions),
        sink: Box<dyn Write + Send>,
        commands: Arc<WriterCommands>,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let (complained, rest, untold) = (None, Vec::new(), 0);
        Self { to, format, versions, sink, commands, complained, rest, lost, untold }
    }

    fn run(mut self, waiting: &Receiver<Box<AccessRecord>>) {
        let mut text = String::new();
        loop {
            let first = waiting.recv_timeout(LOOK);
            if self.commands.reopen.swap(false, Ordering::AcqRel) {
                self.open_again();
            }
            match first {
                Ok(record) => {
                    self.format.write(&mut text, &record, &self.versions);
                    for record in waiting.try_iter().take(BATCH - 1) {
                        self.format.write(&mut text, &record, &self.versions);
                    }
                    self.put(text.as_bytes());
                    text.clear();
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.commands.finish.load(Ordering::Acquire) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Ignored: lost lines are reported below, or the next Teal ends a partial line.
        let _ = self.complete();
        self.complained = None; // the last word
        self.tell_lost("the disk is still full, or gone");
    }

    /// Writes whole lines. Those that can't be written are counted; a partial one is completed before the next.
    fn put(&mut self, lines: &[u8]) {
        if let Err(error) = self.complete() {
            return self.lose(lines, &error);
        }
        let Err((written, error)) = write(&mut *self.sink, lines) else {
            return self.tell_lost("writing again");
        };
        let (before, mut left) = lines.split_at(written);
        if before.last().is_some_and(|byte| *byte != b'\n') {
            let end = left.iter().position(|byte| *byte == b'\n').map_or(left.len(), |at| at + 1);
            self.rest = left[..end].to_vec();
            left = &left[end..];
        }
        self.lose(left, &error);
    }

    /// Completes the partial line.
    fn complete(&mut self) -> io::Result<()> {
        match write(&mut *self.sink, &self.rest) {
            Ok(()) => {
                self.rest.clear();
                Ok(())
            }
            Err((written, error)) => {
                self.rest.drain(..written);
                Err(error)
            }
        }
    }

    fn lose(&mut self, lines: &[u8], error: &io::Error) {
        let count = memchr::memchr_iter(b'\n', lines).count() as u64;
        self.lost.fetch_add(count, Ordering::Relaxed);
        self.untold += count;
        self.tell_lost(&error.to_string());
    }

    /// Keeps the old file if the new one can't be opened.
    fn open_again(&mut self) {
        match self.to.open() {
            Ok(sink) => {
                if let Err(error) = self.complete() {
                    let rest = std::mem::take(&mut self.rest); // of a line that is lost now
                    self.lose(&rest, &error);
                }
                self.sink = sink;
                tracing::info!("access log reopened");
            }
            Err(error) if self.may_complain() => {
                tracing::error!("access log: cannot reopen it, keeping the old file: {error}");
            }
            Err(_) => {}
        }
    }

    fn tell_lost(&mut self, why: &str) {
        if self.untold > 0 && self.may_complain() {
            let count = std::mem::take(&mut self.untold);
            tracing::error!("access log: {count} lines were not written: {why}");
        }
    }

    fn may_complain(&mut self) -> bool {
        let may = self.complained.is_none_or(|last| last.elapsed() >= EVERY);
        if may {
            self.complained = Some(Instant::now());
        }
        may
    }
}

/// Writes everything, or returns how much was written before the failure.
fn write(sink: &mut dyn Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(left @ [_, ..]) = bytes.get(written..) {
        match sink.write(left) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A disk with room for so many bytes.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (text, room) = &mut *self.0.lock().unwrap();
            let count = bytes.len().min(*room);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *room -= count;
            text.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn r33_a_full_disk_leaves_whole_lines_and_those_lost_are_counted() {
        let line = |n: usize| format!("{{\"line\":{n}}}\n");
        for room in 0..60 {
            let disk = Disk::default();
            let lost = Arc::<AtomicU64>::default();
            let (commands, sink) = (Arc::default(), Box::new(disk.clone()));
            let mut writer = Writer::new(
                Destination::Stdout,
                (Format::Json, Versions::default()),
                sink,
                commands,
                lost.clone(),
            );
            disk.0.lock().unwrap().1 = room;
            for n in 0..3 {
                writer.put((line(10 + 2 * n) + &line(11 + 2 * n)).as_bytes());
            }
            disk.0.lock().unwrap().1 = 3; // a little, then enough
            writer.put(line(16).as_bytes());
            disk.0.lock().unwrap().1 = 1000;
            writer.put(line(17).as_bytes());
            let text = String::from_utf8(disk.0.lock().unwrap().0.clone()).unwrap();
            let whole = text.lines().all(|text| (10..18).any(|n| line(n).trim_end() == text));
            assert!(whole && text.ends_with(&line(17)), "{room}: {text}");
            let lines = text.lines().count() as u64;
            assert_eq!(lines + lost.load(Ordering::Relaxed), 8, "{room}: {text}");
        }
    }
}
