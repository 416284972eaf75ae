//! The parent's few lines in the log.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Says something in the log, as the serving Teal would; nothing if standard error takes nothing now.
// lossless: L10 - a log that nobody reads must not keep the parent from what it is there for.
pub(crate) fn tell(text: &str, json: bool) {
    let stderr = io::stderr();
    let mut look = [PollFd::new(&stderr, PollFlags::OUT)];
    if poll(&mut look, Some(&Timespec::default())) == Ok(0) {
        return;
    }
    let line = if json {
        format!("{{\"level\":\"ERROR\",\"message\":{text:?}}}\n")
    } else {
        format!("teal: {text}\n")
    };
    // Ignored: nobody reads it. A pipe that can be written to takes a line at once.
    let _ = stderr.lock().write_all(line.as_bytes());
}
