//! A connection to a target in use, or a stream on one.

use std::time::Duration;

use connect::Stream;
use traffic::{ConnectionHold, TargetEntry, TargetId};

use super::carrier::{StreamGuard, StreamHandle};
use crate::buffer::Buffer;
use crate::failure::Failure;
use crate::http2::Outbound;

/// A connection to a target, or a stream on one, used by one request.
#[derive(Debug)]
pub(crate) struct TargetConnection {
    pub(crate) stream: Stream,
    /// Dropped after the stream, so that a connection is counted until it is closed (L4).
    pub(crate) hold: Hold,
    pub(crate) rx: Buffer,
    pub(crate) target: Destination,
    /// The time that it had been idle, if it had served before.
    pub(crate) idled: Option<Duration>,
    /// The client is logged in on it, so no other client may use it.
    pub(crate) pinned: bool,
}

/// A target at one address, by one server name: after a move it has connections of its own again, and so has
/// each name taken from requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Destination {
    pub(crate) target: TargetId,
    pub(crate) moves: u32,
    /// The number of the name; 0: it is not taken from the request.
    pub(crate) name: u64,
}

/// The way in which the connection below is counted.
#[derive(Debug)]
pub(crate) enum Hold {
    /// It carries this request alone.
    Own(ConnectionHold),
    /// It carries others too, and is counted as long as it does.
    Shared(StreamGuard),
}

/// The idle connections that may be used for a request (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any that is not known to be bad: the request can be sent again.
    Any,
    /// Only one that is surely alive.
    Trusted,
    /// None: the request has failed on one before.
    Never,
}

// === impl Destination, TargetConnection, Hold ===

impl Destination {
    /// Returns the key of the target for any name.
    pub(crate) fn of_any_name(self) -> Self {
        Self { name: 0, ..self }
    }

    /// Returns the key of the target in the table that it is from, for a name not taken from the request.
    pub(crate) fn of(target: &TargetEntry) -> Self {
        Self { target: target.id, moves: target.moves, name: 0 }
    }
}

impl TargetConnection {
    /// Makes one from a stream on a connection that carries many. `secure`: over TLS.
    pub(crate) fn on((send, guard): StreamHandle, target: Destination, secure: bool) -> Self {
        let outbound = Outbound::new(send, secure, guard.answered());
        let idled = guard.idled;
        let (stream, hold) = (Stream::Multiplexed(Box::new(outbound)), Hold::Shared(guard));
        Self { stream, hold, rx: Buffer::default(), target, idled, pinned: false }
    }
}

impl Hold {
    /// Returns true if the connection is shared, and has carried other requests before.
    pub(crate) fn has_served(&self) -> bool {
        matches!(self, Self::Shared(guard) if guard.served)
    }

    /// Sends no further request on a shared connection that may be the cause of a failure.
    pub(crate) fn distrust(&self, failure: &Failure) {
        let doubtful = matches!(failure, Failure::Closed { .. } | Failure::TimedOut);
        if let (Self::Shared(guard), true) = (self, doubtful) {
            guard.distrust();
        }
    }
}
