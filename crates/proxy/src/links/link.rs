//! A connection to a target in use, or a stream on one.

use std::time::Duration;

use connect::Stream;
use traffic::{ConnectionHold, TargetEntry, TargetId};

use super::carrier::{Place, Ticket};
use crate::buffer::Buffer;
use crate::failure::Failure;
use crate::http2::Outbound;

/// A connection to a target, or a stream on one, used by one request.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) stream: Stream,
    /// Dropped after the stream, so that a connection is counted until it is closed (L4).
    pub(crate) hold: Hold,
    pub(crate) rx: Buffer,
    pub(crate) target: Destination,
    /// How long it had been idle, if it had served before.
    pub(crate) idled: Option<Duration>,
    /// Its client has logged in on it, so that it is nobody else's.
    pub(crate) pinned: bool,
}

/// A target at one place, by one server name: after a move it has connections of its own again, and so has
/// each name that requests bring along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Destination {
    pub(crate) target: TargetId,
    pub(crate) moves: u32,
    /// The number of the name; 0: it is not the request's.
    pub(crate) name: u64,
}

/// How the connection below is counted.
#[derive(Debug)]
pub(crate) enum Hold {
    /// It carries this request alone.
    Own(ConnectionHold),
    /// It carries others too, and is counted for as long as it does.
    Shared(Ticket),
}

/// Which kept connections a request may be sent on (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any that nothing is known against: the request can be sent again.
    Any,
    /// Only one that is surely alive.
    Trusted,
    /// None: it has failed on one before.
    Never,
}

// === impl Destination, Link, Hold ===

impl Destination {
    /// The place of the target whatever the name.
    pub(crate) fn of_any_name(self) -> Self {
        Self { name: 0, ..self }
    }

    /// The place of a target by the table that it is from, by a name that is not the request's.
    pub(crate) fn of(target: &TargetEntry) -> Self {
        Self { target: target.id, moves: target.moves, name: 0 }
    }
}

impl Link {
    /// A stream on a connection that carries many. `secure`: over TLS.
    pub(crate) fn on((send, ticket): Place, target: Destination, secure: bool) -> Self {
        let outbound = Outbound::new(send, secure, ticket.answered());
        let idled = ticket.idled;
        let (stream, hold) = (Stream::Exchange(Box::new(outbound)), Hold::Shared(ticket));
        Self { stream, hold, rx: Buffer::default(), target, idled, pinned: false }
    }
}

impl Hold {
    /// Whether the connection is shared, and has carried others before.
    pub(crate) fn has_served(&self) -> bool {
        matches!(self, Self::Shared(ticket) if ticket.served)
    }

    /// Sends no other request on a shared connection that may be the reason of a failure.
    pub(crate) fn distrust(&self, failure: &Failure) {
        let doubtful = matches!(failure, Failure::Closed { .. } | Failure::TimedOut);
        if let (Self::Shared(ticket), true) = (self, doubtful) {
            ticket.distrust();
        }
    }
}
