//! The process of a newer Teal, from the outside. The parent has started it, and says when it has ended.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::timeout;

use crate::run::parent::{Parent, Started};

/// How long a process that was ended may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// How long one that may be ending by itself is given for it.
const ENDING: Duration = Duration::from_millis(100);

/// A process that this one has asked for; ended with this value, unless it is let go.
#[derive(Debug)]
pub(super) struct Process {
    started: Option<Started>,
    pub(super) pid: u32,
    parent: Parent,
}

/// What is wrong with it, for the person who asked.
pub(super) struct Why(pub(super) String);

// === impl Process ===

impl Process {
    /// Has the program started with our own arguments; the other end of what it finds to talk by.
    pub(super) async fn start(parent: &Parent, program: &Path) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let started = parent.start(program, &OwnedFd::from(theirs)).await?;
        let pid = started.pid;
        Ok((Self { started: Some(started), pid, parent: parent.clone() }, ours))
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
        let ended = &mut self.started.as_mut()?.ended;
        // It may be about to end by itself, which says more than being killed.
        let mut end = timeout(ENDING, &mut *ended).await;
        if end.is_err() {
            self.parent.kill(self.pid);
            end = timeout(GONE_WITHIN, ended).await;
        }
        let status = end.ok()?.ok()?;
        self.started = None;
        Some(status)
    }

    /// Whether it was to be ended and has not.
    // lossless: L6 - never two writers.
    pub(super) fn is_left(&self) -> bool {
        self.started.is_some()
    }

    /// Lets it live on by itself.
    pub(super) fn let_go(&mut self) {
        self.started = None;
    }

    /// Its trial is over: from here on it is the one that the parent keeps alive.
    pub(super) fn settle(&mut self) {
        self.parent.settled(self.pid);
        self.let_go();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.started.is_some() {
            self.parent.kill(self.pid);
        }
    }
}
