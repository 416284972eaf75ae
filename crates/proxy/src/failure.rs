//! The reasons why a target could not answer a request, decided where it happened: Teal's own answer, and
//! whether the request may be sent again (L5).

use connect::DialError;
use connect::http2::StreamEnd;
use traffic::{AbortCause, OwnReason};

/// A failure before the answer had begun.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service is gone.
    NoService,
    /// The color has no target.
    NoTarget,
    /// No connection could be made: nothing was sent.
    Dial(DialError),
    /// The target closed or reset the connection before any byte of an answer.
    Closed {
        /// The connection had served before.
        reused: bool,
    },
    /// The connection on which the client is logged in was closed, before any byte of an answer.
    LoginLost {
        /// True: the client gets an answer. False: its connection is closed like that to the target, and the
        /// client logs in again by itself.
        told: bool,
    },
    /// The target reported that it did not act on the request and will not on this connection, with this code
    /// if the request was sent at all.
    NotTaken(Option<StreamEnd>),
    /// The target requires HTTP/1.1 for the request, and has not acted on it (RFC 9113 section 7).
    Http1Required {
        /// The request can be sent again.
        rewinds: bool,
    },
    /// The target has no certificate for the server name taken from the request, which says nothing about the
    /// target's health.
    Misnamed(String),
    /// The target ended TLS with an alert instead of an answer; the reason.
    Tls(String),
    /// The target ended the request's stream, or its connection, with an error code.
    Reset(StreamEnd),
    /// The connection was closed for another, malformed answer on it, before any byte of this one.
    CutOff,
    /// The request can't be expressed in the target's protocol: nothing was sent.
    Unspeakable,
    /// The target broke the protocol, or closed the connection inside a head.
    Malformed(&'static str),
    /// The target did not answer, or did not read the request, before the deadline.
    TimedOut,
    /// The client aborted, or can't be reached any more.
    ClientGone,
    /// The client's body was malformed.
    ClientBody,
    /// The client's body exceeded the limit.
    BodyTooLarge,
    /// The client's body did not come in time.
    BodyTimedOut,
    /// The drain deadline passed (L3).
    Cut,
    /// Teal is stopping, and its deadline passed.
    Stopping,
    /// It happened while an interim answer was half written: no other can follow.
    Torn(AbortCause),
}

/// The consequence of a failure for the client.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Teal answers.
    Answer(OwnReason),
    /// The client has gone.
    Abort(AbortCause),
}

impl Failure {
    /// Returns true if nothing can have been acted on, so that any request may be sent again.
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

    /// Returns true if an idempotent request may be sent again. Never after a deadline.
    pub(crate) fn is_replayable(&self) -> bool {
        self.is_unsent()
            || match self {
                Self::Closed { .. } | Self::CutOff | Self::Tls(_) => true,
                Self::Reset(end) => !end.begun && !end.is_about_request(),
                _ => false,
            }
    }

    /// Returns true if the target takes this request, and others, over HTTP/1.1 only.
    pub(crate) fn requires_http1(&self) -> bool {
        match self {
            Self::Http1Required { .. } => true,
            Self::Reset(end) => end.requires_http1(),
            _ => false,
        }
    }

    /// Returns the consequence for the client.
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::Answer(match self {
            Self::Dial(DialError::TimedOut | DialError::HandshakeTimedOut) | Self::TimedOut => {
                OwnReason::ResponseTimeout
            }
            Self::NoService => OwnReason::NoRoute,
            Self::NoTarget => OwnReason::NoTargets,
            Self::Dial(_) | Self::Misnamed(_) => OwnReason::TargetUnavailable,
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

    /// Returns the failure as it is after part of an interim answer was written to the client.
    pub(crate) fn torn(&self) -> Self {
        Self::Torn(match self {
            Self::ClientGone | Self::ClientBody | Self::BodyTooLarge | Self::Unspeakable => {
                AbortCause::Client
            }
            Self::TimedOut | Self::BodyTimedOut => AbortCause::Deadline,
            Self::Cut => AbortCause::Drain,
            Self::Stopping => AbortCause::Shutdown,
            Self::Torn(cause) => *cause,
            Self::NoService
            | Self::NoTarget
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

    /// Describes what happened, for those who follow the request.
    pub(crate) fn in_words(&self) -> String {
        self.about_target().unwrap_or_else(|| match self.verdict() {
            Verdict::Answer(reason) => reason.as_str().to_owned(),
            Verdict::Abort(cause) => cause.as_str().to_owned(),
        })
    }

    /// Describes what happened, for the log; `None` where the target has no part in it.
    pub(crate) fn about_target(&self) -> Option<String> {
        match self {
            Self::Dial(error) => Some(error.to_string()),
            Self::Closed { reused: true } => {
                Some("closed an idle connection just as a request was sent on it".to_owned())
            }
            Self::Closed { reused: false } => {
                Some("closed the connection without an answer".to_owned())
            }
            Self::LoginLost { .. } => {
                Some("closed a connection on which the client was logged in".to_owned())
            }
            Self::NotTaken(None) => {
                Some("refused a request on a connection that it was closing".to_owned())
            }
            Self::NotTaken(Some(end)) => Some(format!("did not accept a request: it {end}")),
            Self::Http1Required { rewinds: true } => Some(http1_required("retrying over HTTP/1.1")),
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
    "the request body was too long to be kept for a retry, so it is answered 502";

const PERHAPS_DONE: &str = "it ended the connection with GOAWAY and may have acted on the request, so only an \
                            idempotent one is sent again";

/// The log's words for a target that requires HTTP/1.1, and the consequence for the request.
fn http1_required(what: &str) -> String {
    format!(
        "requires HTTP/1.1 (HTTP_1_1_REQUIRED): {what}; new requests use HTTP/1.1 for 10 minutes, and always \
         with tls = {{ http2 = false }}"
    )
}
