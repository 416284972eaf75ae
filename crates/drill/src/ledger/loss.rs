//! The ways in which a request can fail, seen from its client.

use serde::Serialize;

use crate::over::Over;

/// Why a request counts as lost: it has no complete answer from a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// No connection could be made.
    Connect,
    /// The connection ended before any byte of the answer.
    Unanswered,
    /// The answer began but did not come to its end, or a tunnel was closed by the other side.
    Cut,
    /// The answer breaks the rules of HTTP, so where it ends is not certain.
    Malformed,
    /// There was more behind the end of the answer.
    Stray,
    /// An error answer that no target gave: the proxy's own.
    Refused,
    /// An answer of a target with another status than the request asks for.
    Status,
    /// No complete answer before the deadline.
    TimedOut,
}

/// One failed request, for a person to look into.
#[derive(Debug, Clone, Serialize)]
pub struct LossNote {
    /// The request's id, as in the targets' ledgers.
    pub id: String,
    /// The kind of request, in a word.
    pub kind: String,
    /// What it travelled over.
    pub over: Over,
    /// Seconds from the start of the load to the first byte of the request, if it was sent.
    pub sent_after_seconds: Option<f64>,
    /// The way it failed; none: answered, but wrongly.
    pub loss: Option<Loss>,
    /// What happened, in words.
    pub why: String,
}

/// What went wrong with one request.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No complete answer from a target.
    Lost(Loss, String),
    /// A complete answer, but to something else.
    Wrong(String),
}

impl Fault {
    pub(crate) fn lost(loss: Loss, why: String) -> Self {
        Self::Lost(loss, why)
    }

    /// What happened, in words.
    pub(crate) fn why(self) -> String {
        let (Self::Lost(_, why) | Self::Wrong(why)) = self;
        why
    }
}

impl Loss {
    /// The reason in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connect => "could not connect",
            Self::Unanswered => "closed without an answer",
            Self::Cut => "cut during the answer",
            Self::Malformed => "broken framing",
            Self::Stray => "bytes after the answer",
            Self::Refused => "error answer from the proxy",
            Self::Status => "unexpected status from a target",
            Self::TimedOut => "no answer in time",
        }
    }
}
