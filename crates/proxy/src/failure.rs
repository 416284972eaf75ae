//! Why a request could not be answered by a target, decided where it happened: what Teal
//! answers instead, and whether the request may be sent again (L5).

use connect::DialError;
use connect::http2::StreamEnd;
use traffic::{AbortCause, OwnReason};

/// What went wrong before the answer had begun.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service has no target.
    NoTarget,
    /// No connection could be made: nothing was sent.
    Dial(DialError),
    /// The target closed or reset the connection before any byte of an answer.
    Closed {
        /// The connection had served before.
        reused: bool,
    },
    /// The connection on which the client has logged in was closed, before any byte of an answer.
    LoginLost {
        /// The client is told; else its connection ends as that to the target did, and it begins
        /// again by itself.
        told: bool,
    },
    /// The target has said that it did not act on the request, and will not on this connection; with which
    /// code, if it was asked at all.
    NotTaken(Option<StreamEnd>),
    /// The target requires HTTP/1.1 for the request, and has done nothing of it (RFC 9113 section 7).
    Http1Required {
        /// The request can be sent again.
        rewinds: bool,
    },
    /// The target has no certificate for the server name that the request has brought along, which says
    /// nothing of the target.
    Misnamed(String),
    /// The target has ended TLS with an alert in the place of an answer; why.
    Tls(String),
    /// The target has ended the stream of the request, or the connection below, with an error code.
    Reset(StreamEnd),
    /// The connection was ended for another answer on it, which was malformed, before any byte of this one.
    CutOff,
    /// The request can't be said in the protocol of the target: nothing was sent.
    Unspeakable,
    /// The target broke the protocol, or broke off inside its head.
    Malformed(&'static str),
    /// The target did not answer, or did not take the request, before the deadline.
    TimedOut,
    /// The client broke off, or can't be reached any more.
    ClientGone,
    /// The client's body broke the rules.
    ClientBody,
    /// The client's body was over the limit.
    BodyTooLarge,
    /// The client's body did not come in time.
    BodyTimedOut,
    /// The drain deadline passed (L3).
    Cut,
    /// Teal stops, and its deadline passed.
    Stopping,
    /// It came while an interim answer was half written: no other can follow.
    Torn(AbortCause),
}

/// What follows from a failure for the client.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Teal answers.
    Answer(OwnReason),
    /// Nobody is there to be answered.
    Abort(AbortCause),
}

impl Failure {
    /// Whether nothing can have been acted on, so that any request may be sent again.
    // lossless: L5
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Dial(error) => {
                !matches!(error, DialError::TimedOut | DialError::HandshakeTimedOut)
            }
            Self::NotTaken(_) | Self::Http1Required { .. } => true,
            _ => false,
        }
    }

    /// Whether an idempotent request may be sent again. Never after a deadline.
    pub(crate) fn is_replayable(&self) -> bool {
        self.is_unsent()
            || match self {
                Self::Closed { .. } | Self::CutOff | Self::Tls(_) => true,
                Self::Reset(end) => !end.begun && !end.is_about_request(),
                _ => false,
            }
    }

    /// Whether the target takes the request, and others, over HTTP/1.1 only.
    pub(crate) fn requires_http1(&self) -> bool {
        match self {
            Self::Http1Required { .. } => true,
            Self::Reset(end) => end.requires_http1(),
            _ => false,
        }
    }

    /// What the client is told.
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::Answer(match self {
            Self::Dial(DialError::TimedOut | DialError::HandshakeTimedOut) | Self::TimedOut => {
                OwnReason::ResponseTimeout
            }
            Self::NoTarget | Self::Dial(_) | Self::Misnamed(_) => OwnReason::TargetUnavailable,
            Self::LoginLost { told: false } => return Verdict::Abort(AbortCause::Target),
            Self::Closed { reused: true } | Self::LoginLost { told: true } => OwnReason::StaleLost,
            Self::Closed { reused: false }
            | Self::NotTaken(_)
            | Self::Http1Required { .. }
            | Self::Tls(_)
            | Self::Reset(_)
            | Self::CutOff
            | Self::Malformed(_) => OwnReason::TargetFailed,
            Self::ClientGone => return Verdict::Abort(AbortCause::Client),
            Self::Torn(cause) => return Verdict::Abort(*cause),
            Self::ClientBody | Self::Unspeakable => OwnReason::BadRequest,
            Self::BodyTooLarge => OwnReason::BodyTooLarge,
            Self::BodyTimedOut => OwnReason::RequestTimeout,
            Self::Cut => OwnReason::DrainDeadline,
            Self::Stopping => OwnReason::Stopping,
        })
    }

    /// The same failure after part of an interim answer was written to the client.
    pub(crate) fn torn(&self) -> Self {
        Self::Torn(match self {
            Self::ClientGone | Self::ClientBody | Self::BodyTooLarge | Self::Unspeakable => {
                AbortCause::Client
            }
            Self::TimedOut | Self::BodyTimedOut => AbortCause::Deadline,
            Self::Cut => AbortCause::Drain,
            Self::Stopping => AbortCause::Shutdown,
            Self::Torn(cause) => *cause,
            Self::NoTarget
            | Self::Dial(_)
            | Self::Closed { .. }
            | Self::LoginLost { .. }
            | Self::NotTaken(_)
            | Self::Http1Required { .. }
            | Self::Misnamed(_)
            | Self::Tls(_)
            | Self::Reset(_)
            | Self::CutOff
            | Self::Malformed(_) => AbortCause::Target,
        })
    }

    /// Returns what happened, for those who follow the request.
    pub(crate) fn in_words(&self) -> String {
        self.about_target().unwrap_or_else(|| match self.verdict() {
            Verdict::Answer(reason) => reason.as_str().to_owned(),
            Verdict::Abort(cause) => cause.as_str().to_owned(),
        })
    }

    /// What happened, for the log; `None` where the target has no part in it.
    pub(crate) fn about_target(&self) -> Option<String> {
        match self {
            Self::Dial(error) => Some(error.to_string()),
            Self::Closed { reused: true } => {
                Some("closed a kept connection just as a request was sent on it".to_owned())
            }
            Self::Closed { reused: false } => {
                Some("closed the connection without an answer".to_owned())
            }
            Self::LoginLost { .. } => {
                Some("closed a connection that its client had logged in on".to_owned())
            }
            Self::NotTaken(None) => {
                Some("refused a request on a connection that it ends".to_owned())
            }
            Self::NotTaken(Some(end)) => Some(format!("did not take a request: it {end}")),
            Self::Http1Required { rewinds: true } => {
                Some(http1_required("asking again over HTTP/1.1"))
            }
            Self::Http1Required { rewinds: false } => Some(http1_required(TOO_LONG)),
            Self::Reset(end) if end.requires_http1() => Some(http1_required(PERHAPS_DONE)),
            Self::Misnamed(why) => {
                Some(format!("has no certificate for the host of a request: {why}"))
            }
            Self::Tls(why) => Some(why.clone()),
            Self::Reset(end) => Some(end.to_string()),
            Self::CutOff => {
                Some("broke the protocol in another answer on a shared connection".to_owned())
            }
            Self::Malformed(reason) => Some(format!("broke the protocol: {reason}")),
            Self::TimedOut => Some("did not answer in time".to_owned()),
            _ => None,
        }
    }
}

const TOO_LONG: &str =
    "the body of the request was too long to be kept and sent again, so it is answered 502";

const PERHAPS_DONE: &str = "it ended the connection with GOAWAY and may have acted on the request, so only an \
                            idempotent one is sent again";

/// The log's words for a target that takes no HTTP/2, and what follows for the request.
fn http1_required(what: &str) -> String {
    format!(
        "requires HTTP/1.1 (HTTP_1_1_REQUIRED): {what}; new requests use HTTP/1.1 for 10 minutes, and always \
         with tls = {{ http2 = false }}"
    )
}
