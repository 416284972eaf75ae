//! The reason why a request to the Engine has no good answer, and what follows from it.

use std::fmt;

use crate::failure::{Failure, FailureKind};

/// The reason why a request has no good answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing was asked: there is no Engine for this user, or none that speaks a known version.
    Unusable(String),
    /// Nothing was asked: no Engine listens. It may be down, or about to start again.
    Away(String),
    /// The Engine has answered that it does not do it.
    Refused {
        /// Its HTTP status.
        status: u16,
        /// The method and path.
        request: String,
        /// Its reason.
        why: String,
    },
    /// There is no answer, or not a whole one, or one that cannot be understood.
    Lost(String),
}

// === impl Trouble ===

impl Trouble {
    /// The failure of a question, or of a call that has changed nothing yet.
    pub(super) fn into_failure(self) -> Failure {
        let message = self.to_string();
        match self {
            Self::Unusable(_) => Failure::usage(message),
            Self::Refused { status, .. } if status < 500 => Failure::usage(message),
            Self::Refused { .. } | Self::Away(_) | Self::Lost(_) => Failure::in_doubt(message),
        }
    }

    /// The failure of what may have been done.
    pub(super) fn into_doubt(self, container: &str) -> Failure {
        Failure::in_doubt(format!(
            "{self}; look at the container {container} before you start or stop anything"
        ))
    }

    /// Returns true if the Engine has refused with this status.
    pub(super) fn is(&self, wanted: u16) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(why) | Self::Away(why) | Self::Lost(why) => f.write_str(why),
            Self::Refused { status, request, why } => {
                write!(f, "Docker answered {request} with {status}: {why}")
            }
        }
    }
}

/// Turns a doubt about a call that has changed nothing into "not started".
pub(super) fn before_start(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::InDoubt => Failure::not_started(failure.message).with_lines(failure.lines),
        _ => failure,
    }
}
