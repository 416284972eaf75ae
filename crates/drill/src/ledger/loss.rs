//! The ways in which a request can fail, from the client's view.

use serde::Serialize;

use crate::endpoint::Protocol;

/// The reason for a lost request, one without a complete answer from a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// No connection could be made.
    Connect,
    /// The connection ended before any byte of the answer.
    Unanswered,
    /// The answer began but did not end, or the server closed a tunnel.
    Cut,
    /// The answer is not valid HTTP, so its end is uncertain.
    Malformed,
    /// There were bytes after the end of the answer.
    Stray,
    /// An error answer that did not come from a target: the proxy's own.
    Refused,
    /// A target's answer with a status that the request does not expect.
    Status,
    /// No complete answer before the deadline.
    TimedOut,
}

/// The details of one failed request.
#[derive(Debug, Clone, Serialize)]
pub struct LossNote {
    /// The request's id, as in the targets' ledgers.
    pub id: String,
    /// The kind of request, in a word.
    pub kind: String,
    /// The protocol it used.
    pub over: Protocol,
    /// Seconds from the start of the load to the first byte of the request, if it was sent.
    pub sent_after_seconds: Option<f64>,
    /// The reason; none: answered, but wrongly.
    pub loss: Option<Loss>,
    /// A description of the failure.
    pub why: String,
}

/// The failure of one request.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No complete answer from a target.
    Lost(Loss, String),
    /// A complete answer, but to another request.
    Wrong(String),
    /// A connection that was never accepted, by a server that was expected to end.
    NotAccepted(String),
}

impl Fault {
    pub(crate) fn lost(loss: Loss, why: String) -> Self {
        Self::Lost(loss, why)
    }

    /// A description of the failure.
    pub(crate) fn why(self) -> String {
        let (Self::Lost(_, why) | Self::Wrong(why) | Self::NotAccepted(why)) = self;
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
