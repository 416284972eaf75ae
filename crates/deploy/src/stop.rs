//! The reasons why a step does not end well, and the end of a deploy.

use std::fmt::Write as _;

use contract::wire::DeployResult;
use runner::{Failure, FailureKind};

/// The reason why a step has not done what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It failed, and it is known what runs.
    Failed(Problem),
    /// It is not known what runs or where traffic goes, so nothing may be stopped.
    Doubt(Problem),
    /// Another command line has taken the deploy over or ended it, so this one changes nothing more.
    Replaced(Problem),
    /// Teal has taken the new version back, since its rollout failed: traffic is on the old color since this generation.
    TakenBack(Problem, u64),
    /// The person who deploys has interrupted it.
    Interrupted,
}

/// A failure in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The problem, its place and the remedy.
    pub(crate) message: String,
    /// The last lines of what failed, oldest first, with the title to print above them.
    pub(crate) lines: Vec<(String, Vec<String>)>,
}

/// The end of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code that it means.
    pub verdict: Verdict,
    /// The number of the deploy; `None`: none was begun.
    pub id: Option<u64>,
    /// The result as recorded; `None`: it is still open, or none was begun.
    pub result: Option<DeployResult>,
    /// The reason for anything but [`Verdict::Done`]: what happened, what was done about it, what to do.
    pub message: String,
}

/// The meaning of the end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was done.
    Done,
    /// Failed in another way, such as something after a good switch.
    Failed,
    /// Wrong usage or an invalid configuration; nothing was begun.
    Usage,
    /// Refused, or failed before the switch; nothing has changed.
    Refused,
    /// Teal could not be reached; nothing was begun.
    Unreachable,
    /// The new version is active, and the drain deadline cut leases.
    Cut,
    /// Switched, and switched back.
    Reverted,
    /// It is not known what runs; nothing was stopped.
    Unknown,
    /// Interrupted.
    Interrupted,
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), lines: Vec::new() }
    }

    /// Adds lines under a title; nothing if there are none.
    pub(crate) fn with_lines(mut self, title: impl Into<String>, lines: Vec<String>) -> Self {
        if !lines.is_empty() {
            self.lines.push((title.into(), lines));
        }
        self
    }

    /// The message with all lines below it.
    pub(crate) fn text(&self) -> String {
        let mut text = self.message.clone();
        for (title, lines) in &self.lines {
            let _never_fails = write!(text, "\n{title}:");
            for line in lines {
                let _never_fails = write!(text, "\n  {line}");
            }
        }
        text
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        Self::new(&failure.message).with_lines("its last lines", failure.lines.clone())
    }
}

// === impl Stop ===

impl Stop {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(Problem::new(message))
    }

    pub(crate) fn doubt(message: impl Into<String>) -> Self {
        Self::Doubt(Problem::new(message))
    }

    /// The same, with more said before it.
    pub(crate) fn after(self, before: &str) -> Self {
        let said = |mut problem: Problem| {
            problem.message = format!("{before}: {}", problem.message);
            problem
        };
        match self {
            Self::Failed(problem) => Self::Failed(said(problem)),
            Self::Doubt(problem) => Self::Doubt(said(problem)),
            Self::Replaced(problem) => Self::Replaced(said(problem)),
            Self::TakenBack(problem, generation) => Self::TakenBack(said(problem), generation),
            Self::Interrupted => Self::Interrupted,
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        match self {
            Self::Failed(problem)
            | Self::Doubt(problem)
            | Self::Replaced(problem)
            | Self::TakenBack(problem, _) => problem.clone(),
            Self::Interrupted => Problem::new("interrupted"),
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let problem = Problem::from(&failure);
        match failure.kind {
            FailureKind::InDoubt => Self::Doubt(problem),
            FailureKind::Usage | FailureKind::NotStarted | FailureKind::Failed { .. } => {
                Self::Failed(problem)
            }
        }
    }
}

// === impl Ended, Verdict ===

impl Ended {
    /// The end of a command that has begun nothing.
    pub(crate) fn before(verdict: Verdict, message: impl Into<String>) -> Self {
        Self { verdict, id: None, result: None, message: message.into() }
    }

    /// The end of a command about a service that the running Teal does not have.
    pub(crate) fn unknown_to_teal(name: &str) -> Self {
        Self::before(
            Verdict::Usage,
            format!(
                "the running Teal has no service {name}; run teal reload, or name its file with --config"
            ),
        )
    }
}

impl Verdict {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Unreachable => 4,
            Self::Cut => 5,
            Self::Reverted => 6,
            Self::Unknown => 7,
            Self::Interrupted => 130,
        }
    }
}
