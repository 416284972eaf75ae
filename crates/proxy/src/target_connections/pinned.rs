//! Target connections with a login that applies to the whole connection (NTLM, Negotiate): each belongs to the
//! client connection that logged in.
//!
//! Guarantees: no other client is ever served on one, and when it closes, the client finds out: nothing is sent
//! again elsewhere, where the target would take it for another user's. Never: one that outlives its client's
//! connection, or is kept while its color drains (L4).

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use connect::{PeekState, Stream};
use traffic::{ConnectionHold, TargetId};

use super::connection::{Destination, Hold, TargetConnection};
use crate::buffer::Buffer;

/// All pinned connections of one worker, for maintenance. Clients own them.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    all: RefCell<Vec<Weak<Pins>>>,
}

/// The pinned connections of one client connection.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    kept: RefCell<Vec<Pinned>>,
    /// A target has closed one: the client's connection has to end as well.
    closed: Cell<bool>,
    /// A drain has closed one in the middle of its login.
    interrupted: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Debug)]
struct Pinned {
    target: Destination,
    stream: Stream,
    hold: ConnectionHold, // dropped after the stream
    /// The login is incomplete: the next step must come on this connection.
    midway: bool,
}

/// The pinned connection for a request, if any.
#[derive(Debug)]
pub(crate) enum Found {
    /// The connection on which its client is logged in.
    Connection(Box<TargetConnection>),
    /// It was closed, and the request must not go elsewhere.
    Lost,
    /// None: the request is like any other.
    Nothing,
}

/// The most targets at which one client can be logged in; beyond it, the oldest is closed.
const TARGETS: usize = 8;

// === impl Logins ===

impl Logins {
    /// Makes the list for a client's first login.
    pub(crate) fn open(&self) -> Rc<Pins> {
        let pins = Rc::new(Pins::default());
        self.all.borrow_mut().push(Rc::downgrade(&pins));
        pins
    }

    /// Closes all idle connections to draining targets.
    // lossless: L4
    pub(crate) fn retire(&self) {
        self.each(|pins| {
            let mut kept = pins.kept.borrow_mut();
            for pinned in kept.extract_if(.., |pinned| pinned.hold.is_draining()) {
                pins.interrupted.set(pins.interrupted.get() || pinned.midway);
            }
        });
    }

    /// Drops those that have ended, notifies their clients, and wakes the task when one ends.
    pub(crate) fn watch(&self, cx: &mut Context<'_>) {
        self.each(|pins| {
            let mut kept = pins.kept.borrow_mut();
            let before = kept.len();
            kept.retain_mut(|pinned| {
                let seen = pinned.stream.poll_peek(cx);
                matches!(seen, Poll::Pending | Poll::Ready(PeekState::Quiet))
            });
            if kept.len() < before {
                pins.closed.set(true);
                if let Some(waker) = pins.waker.take() {
                    waker.wake();
                }
            }
        });
    }

    fn each(&self, mut look: impl FnMut(&Pins)) {
        self.all.borrow_mut().retain(|pins| pins.upgrade().inspect(|pins| look(pins)).is_some());
    }
}

// === impl Pins ===

impl Pins {
    /// Returns the first target at which the client is logged in and that is available.
    pub(crate) fn find<T>(&self, claim: impl FnMut(TargetId) -> Option<T>) -> Option<T> {
        self.kept.borrow().iter().map(|pinned| pinned.target.target).find_map(claim)
    }

    /// Returns the pinned connection for a request to this target. `binds`: the request is part of a login.
    pub(crate) fn take(&self, target: Destination, binds: bool) -> Found {
        let interrupted = self.interrupted.take();
        if self.closed.get() || interrupted && binds {
            return Found::Lost;
        }
        let mut kept = self.kept.borrow_mut();
        let Some(at) = kept.iter().position(|pinned| pinned.target == target) else {
            return Found::Nothing;
        };
        let Pinned { stream, hold, .. } = kept.swap_remove(at);
        if stream.peek() != PeekState::Quiet {
            self.closed.set(true);
            return Found::Lost;
        }
        let (hold, rx) = (Hold::Own(hold), Buffer::default());
        Found::Connection(Box::new(TargetConnection {
            stream,
            hold,
            rx,
            target,
            idled: None,
            pinned: true,
        }))
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn put(&self, connection: TargetConnection, midway: bool) {
        let TargetConnection { stream, hold, target, .. } = connection;
        match hold {
            Hold::Own(hold) if !hold.is_draining() => {
                let mut kept = self.kept.borrow_mut();
                kept.retain(|pinned| pinned.target != target);
                if kept.len() >= TARGETS {
                    kept.remove(0);
                }
                kept.push(Pinned { target, stream, hold, midway });
            }
            _ => self.interrupt(midway),
        }
    }

    /// A connection was not kept; `midway`: its login was incomplete.
    pub(crate) fn interrupt(&self, midway: bool) {
        self.interrupted.set(self.interrupted.get() || midway);
    }

    /// Ready when the client's connection has to end, since a target has closed its own.
    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closed.get() {
            return Poll::Ready(());
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}
