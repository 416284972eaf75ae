//! Exit codes of the commands, which deploy scripts rely on.

use std::process::ExitCode;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; after a switch: the old color is safe to stop.
    Done = 0,
    /// Failed, or not done in time.
    Failed = 1,
    /// Wrong usage, or an invalid configuration.
    Usage = 2,
    /// Refused by the gate, or a deploy that failed before its switch; nothing was changed.
    Refused = 3,
    /// Teal could not be reached.
    Unreachable = 4,
    /// Switched, but the drain deadline cut leases.
    Cut = 5,
    /// Switched, and switched back.
    Reverted = 6,
    /// It is not known what runs; nothing was stopped.
    Unknown = 7,
    /// A signal interrupted it; the message says whether anything was decided.
    Interrupted = 130,
}

/// The failure of a command, with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The problem, where it is, and what to do; may have several lines.
    pub(crate) message: String,
}

// === impl Exit, Failure ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The `code` of a problem document that the command line itself writes.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
            Self::Reverted => "reverted",
            Self::Unknown => "unknown",
            Self::Interrupted => "interrupted",
        }
    }

    /// All exit codes with their meanings, for the reference.
    pub(crate) const ALL: [(Self, &'static str); 9] = [
        (Self::Done, "done; after a switch the old color is drained and safe to stop"),
        (Self::Failed, "failed, or not in time"),
        (Self::Usage, "wrong usage, or an invalid configuration"),
        (Self::Refused, "refused by the gate, with the reason; nothing was changed"),
        (Self::Unreachable, "Teal could not be reached"),
        (Self::Cut, "switched, but the drain deadline cut requests"),
        (Self::Reverted, "deployed, and switched back after a check from outside had failed"),
        (Self::Unknown, "it is not known what runs after a deploy; nothing was stopped"),
        (
            Self::Interrupted,
            "interrupted by a signal; the message says whether anything was decided",
        ),
    ];
}

impl Failure {
    /// A failure with its message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure with exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }
}
