//! The client's side of a connection.

use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use connect::{PeekState, Stream};
use http1::HeadScan;
use traffic::AbortCause;

use crate::buffer::Buffer;
use crate::deadline::Deadline;
use crate::listener::{Announced, Door, Ends, is_listed};
use crate::tls::{Arrived, Presented};
use crate::upstream::pinned::Pins;
use crate::worker::Worker;

/// A client connection and what was read from it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) entrance: Entrance,
    pub(crate) rx: Buffer,
    pub(crate) scan: HeadScan,
    pub(crate) deadline: Deadline,
    /// When it last sent or took something.
    pub(crate) active: Instant,
    /// The connections to targets on which it has logged in.
    pub(crate) pins: Option<Rc<Pins>>,
    /// Bytes or an end wait to be read: there is nothing to learn from watching for a reset.
    noticed: bool,
}

/// How a client came in.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    pub(crate) address: IpAddr,
    /// The ends of its connection as a proxy in front has announced them.
    pub(crate) announced: Option<Rc<Ends>>,
    pub(crate) door: Rc<Door>,
    /// What it says about its own client is kept.
    pub(crate) trusted: bool,
    /// The server name of its handshake, lower case.
    pub(crate) name: Option<Rc<str>>,
    /// By TLS.
    pub(crate) secure: bool,
    /// By TLS, here or at a listed proxy that has announced it so.
    pub(crate) https: bool,
    /// It speaks HTTP/2.
    pub(crate) http2: bool,
    /// The certificate that it has shown.
    pub(crate) certificate: Option<Rc<Presented>>,
}

impl Client {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        arrived: Arrived,
        (address, announced): (IpAddr, Announced),
        door: Rc<Door>,
    ) -> Self {
        let Arrived { stream, name, http2, certificate } = arrived;
        let entrance = Entrance {
            address,
            announced: announced.ends.map(Rc::new),
            trusted: is_listed(&door.trusted, address),
            door,
            name,
            https: announced.tls || !stream.is_plain(),
            secure: !stream.is_plain(),
            http2,
            certificate,
        };
        Self::of_stream(worker, stream, entrance)
    }

    /// One whose connection, or whose part of one, is this stream.
    pub(crate) fn of_stream(worker: &Rc<Worker>, stream: Stream, entrance: Entrance) -> Self {
        let now = worker.now();
        Self {
            stream,
            entrance,
            rx: Buffer::default(),
            scan: HeadScan::new(),
            deadline: worker.deadlines.add(now + worker.front().idle),
            active: now,
            pins: None,
            noticed: false,
        }
    }

    /// Whether nothing of a further request has come, as far as the kernel knows. To be asked where an
    /// answer may be the last one: what lies behind it would not be read.
    // lossless: L7
    pub(crate) fn is_quiet(&self) -> bool {
        self.rx.is_empty() && self.stream.peek() == PeekState::Quiet
    }

    /// Ready when a target has closed a connection that this client had logged in on: to the client it
    /// is its own that has ended.
    pub(crate) fn poll_login_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.pins.as_ref().map_or(Poll::Pending, |pins| pins.poll_closed(cx))
    }

    /// By whose doing a request of it ended, where this is the cause as far as its own stream shows: its
    /// connection may have been ended for another request on it.
    pub(crate) fn blame(&mut self, cause: AbortCause) -> AbortCause {
        match cause {
            AbortCause::Client if self.stream.is_cut_off() => AbortCause::Connection,
            cause => cause,
        }
    }

    /// Begins to watch for the client's going away.
    pub(crate) fn watch(&mut self) {
        self.noticed = false;
    }

    /// Ready if the client has broken the connection off. One that has only closed its own
    /// side may still read the answer, so it is not gone.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.noticed {
            return Poll::Pending;
        }
        match self.stream.poll_peek(cx) {
            Poll::Ready(PeekState::Broken) => Poll::Ready(()),
            Poll::Ready(_) => {
                self.noticed = true;
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

// === impl Entrance ===

impl Entrance {
    /// The fields in which targets are told of its certificate. A trusted proxy's own says nothing of its
    /// clients, so only what it sends about theirs is passed on.
    pub(crate) fn certificate_fields(&self) -> &[u8] {
        let own = self.certificate.as_ref().filter(|_| !self.trusted);
        own.map_or(&[], |certificate| &certificate.fields)
    }

    /// Whether it was let in with a certificate that it would not be let in with now.
    pub(crate) fn is_distrusted(&self) -> bool {
        let Some((certificate, door)) = self.certificate.as_ref().zip(self.door.tls.as_ref())
        else {
            return false;
        };
        !certificate.is_trusted(door)
    }
}
