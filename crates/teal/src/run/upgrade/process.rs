//! The process of a newer Teal, seen from outside. The parent has started it, and reports its end.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::time::timeout;

use crate::run::parent::{Parent, Started};

/// The time limit for a killed process to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// The time for a process to end by itself before it is killed.
const ENDING: Duration = Duration::from_millis(100);

/// A process that this one has started; killed when this value is dropped, unless it is let go.
#[derive(Debug)]
pub(super) struct Process {
    started: Option<Started>,
    pub(super) pid: u32,
    parent: Parent,
}

/// The problem with it, for the caller.
pub(super) struct ProcessProblem(pub(super) String);

// === impl Process ===

impl Process {
    /// Starts the program with our own arguments. Also returns our end of the socket to talk to it.
    pub(super) async fn start(parent: &Parent, program: &Path) -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let started = parent.start(program, &OwnedFd::from(theirs)).await?;
        let pid = started.pid;
        Ok((Self { started: Some(started), pid, parent: parent.clone() }, ours))
    }

    /// Kills it, and adds its exit status to the reason.
    pub(super) async fn explain(&mut self, ProcessProblem(why): ProcessProblem) -> String {
        match self.end().await {
            Some(status) if status.code().is_some() => {
                format!("{why} ({status}; its own messages are in the log)")
            }
            _ => why,
        }
    }

    /// Kills it. Returns its exit status, if it has ended.
    pub(super) async fn end(&mut self) -> Option<ExitStatus> {
        let ended = &mut self.started.as_mut()?.ended;
        // It may be about to end by itself, and its own exit status says more.
        let mut end = timeout(ENDING, &mut *ended).await;
        if end.is_err() {
            self.parent.kill(self.pid);
            end = timeout(GONE_WITHIN, ended).await;
        }
        let status = end.ok()?.ok()?;
        self.started = None;
        Some(status)
    }

    /// Returns true if it was killed and has not ended.
    // lossless: L6 - never two writers.
    pub(super) fn is_left(&self) -> bool {
        self.started.is_some()
    }

    /// Lets it run on, also when this value is dropped.
    pub(super) fn let_go(&mut self) {
        self.started = None;
    }

    /// Ends its trial: from here on, it is the one that the parent keeps alive.
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
