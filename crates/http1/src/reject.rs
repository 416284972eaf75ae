//! The two kinds of refusal: a request that we refuse, and a response that we cannot trust. Both carry one
//! plain sentence for the log and the answer's body, and never a byte of what was received.

use std::fmt;

/// The reason why a request is refused. The connection cannot be used any further: two parsers might read what
/// follows on it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The status to answer with: 400, 405, 414, 417, 431, 501 or 505. A 405 is always `TRACE`.
    pub status: u16,
    /// The problem, in one sentence.
    pub reason: &'static str,
}

impl Reject {
    pub(crate) const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

impl std::error::Error for Reject {}

/// The reason why a target's response cannot be forwarded. The client gets a 502 and the connection to the
/// target must be closed, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadResponse {
    /// The problem, in one sentence.
    pub reason: &'static str,
}

impl fmt::Display for BadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for BadResponse {}
