//! The process of a newer Teal, from the outside.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::MARK;

/// How long a process that was ended may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// How long one that may be ending by itself is given for it.
const ENDING: Duration = Duration::from_millis(100);

/// A process that this one has started; ended with this value, unless it is let go.
#[derive(Debug)]
pub(super) struct Process {
    child: Option<Child>,
    pub(super) pid: u32,
}

/// What is wrong with it, for the person who asked.
pub(super) struct Why(pub(super) String);

// === impl Process ===

impl Process {
    /// Starts the program with our own arguments, at the other end of its standard input.
    pub(super) fn start(program: &Path) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let child = Command::new(program)
            .args(arguments)
            .env(MARK, "1")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()?;
        let pid = child.id().unwrap_or_default();
        Ok((Self { child: Some(child), pid }, ours))
    }

    /// Ends it, and says why it was of no use.
    pub(super) async fn explain(&mut self, Why(why): Why) -> String {
        match self.end().await {
            Some(status) if status.code().is_some() => {
                format!("{why} ({status}; its own words are in the log)")
            }
            _ => why,
        }
    }

    /// Ends it; how it ended, if it has.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        // It may be about to end by itself, which says more than being killed.
        let mut ended = timeout(ENDING, child.wait()).await;
        if ended.is_err() {
            let _ = child.start_kill(); // an error says that it is gone
            ended = timeout(GONE_WITHIN, child.wait()).await;
        }
        let ended = ended.ok()?;
        self.child = None;
        ended.ok()
    }

    /// Whether it was to be ended and has not.
    // lossless: L6 - never two writers.
    pub(super) fn is_left(&self) -> bool {
        self.child.is_some()
    }

    /// Lets it live on by itself.
    pub(super) fn let_go(&mut self) {
        self.child = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.start_kill(); // an error says that it is gone
        }
    }
}
