//! The failure of a runner's call: what it means for the deploy, the reason, and the last lines that explain it.

use std::fmt;

use crate::status::{Exit, State};

/// A call that has not done what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The consequence for a deploy.
    pub kind: FailureKind,
    /// The problem, its place and the remedy: one sentence for a person.
    pub message: String,
    /// The last lines of what failed, oldest first, without control characters.
    pub lines: Vec<String>,
}

/// The consequence of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The runner cannot work as it is configured. Nothing has changed.
    Usage,
    /// The call has started nothing, and there is nothing to stop because of it. What ran before still runs.
    NotStarted,
    /// The environment is in this state after the call, and not in the one that was asked for. It can be stopped.
    Failed {
        /// The state that the runner reports.
        state: State,
        /// The exit of the program, if it ended.
        exit: Option<Exit>,
    },
    /// The runner has not answered in time, or not in a way that can be understood. Nothing may be stopped.
    InDoubt,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    pub(crate) fn not_started(message: impl Into<String>) -> Self {
        Self::new(FailureKind::NotStarted, message)
    }

    pub(crate) fn failed(state: State, exit: Option<Exit>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed { state, exit }, message)
    }

    pub(crate) fn in_doubt(message: impl Into<String>) -> Self {
        Self::new(FailureKind::InDoubt, message)
    }

    /// Adds the last lines of what failed.
    pub(crate) fn with_lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }

    fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), lines: Vec::new() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
