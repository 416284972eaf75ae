//! The parent's few lines in the log, and whether the log is that of systemd.

use std::env;
use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstat;

/// Returns true if standard error is a stream of systemd's journal, which knows the time of each line, and takes
/// its priority from a prefix (`sd-daemon(3)`).
pub fn is_journal() -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = fstat(io::stderr()) else { return false };
    stream == format!("{}:{}", stderr.st_dev, stderr.st_ino)
}

/// Says something in the log, as the serving Teal would; nothing if standard error takes nothing now.
// lossless: L10 - a log that nobody reads must not keep the parent from what it is there for.
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
    // Ignored: nobody reads it. A pipe that can be written to takes a line at once.
    let _ = stderr.lock().write_all(line.as_bytes());
}
