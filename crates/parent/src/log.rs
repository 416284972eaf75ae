//! The parent's few log lines, and the detection of systemd's journal.

use std::env;
use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;

/// Returns true if standard error is systemd's journal, which records the time of each line, and takes its
/// priority from a prefix (`sd-daemon(3)`).
pub fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = fstat(io::stderr()) else { return false };
    stream == format!("{}:{}", stderr.st_dev, stderr.st_ino)
}

/// Writes a log line in the serving Teal's format; drops it if standard error would block.
// lossless: L10 - a log that nobody reads must not block the parent.
pub(crate) fn tell(text: &str, json: bool) {
    let stderr = io::stderr();
    let mut look = [PollFd::new(&stderr, PollFlags::OUT)];
    if poll(&mut look, Some(&Timespec::default())) == Ok(0) {
        return;
    }
    let priority = if is_journal() { "<3>" } else { "" };
    let line = if json {
        format!("{priority}{{\"level\":\"ERROR\",\"message\":{text:?}}}\n")
    } else {
        format!("{priority}teal: {text}\n")
    };
    // Ignored: nobody reads it. A writable pipe takes a whole line.
    let _ = stderr.lock().write_all(line.as_bytes());
}
