//! The client's side of a connection.

mod address;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use connect::{PeekState, Stream};
use http1::{HeadScan, Reject};
use traffic::AbortCause;

use crate::buffer::Buffer;
use crate::carried::OpenStream;
use crate::deadline::Deadline;
use crate::door::{Announced, Door, Ends, is_listed};
use crate::links::pinned::Pins;
use crate::tls::{Arrived, Presented, TlsVersion};

pub(crate) use address::ClientAddress;

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
    /// The client of the request, where it is another than that of the connection and a target is to be
    /// told of it in a header of the PROXY protocol.
    pub(crate) spoken_for: Option<Box<SocketAddr>>,
    /// Bytes or an end wait to be read: there is nothing to learn from watching for a reset.
    noticed: bool,
}

/// How a client came in.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    /// The address and port of the client's end of the connection: the announced ones, if there are some.
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// The connection as a proxy in front has announced it.
    pub(crate) announced: Option<Rc<Announcement>>,
    pub(crate) door: Rc<Door>,
    /// What it says about its own client is kept.
    pub(crate) trusted: bool,
    /// The server name of its handshake, lower case.
    pub(crate) name: Option<Rc<str>>,
    /// By TLS, of this version.
    pub(crate) tls: Option<TlsVersion>,
    /// By TLS, here or at a listed proxy that has announced it so.
    pub(crate) https: bool,
    /// It speaks HTTP/2.
    pub(crate) http2: bool,
    /// The certificate that it has shown.
    pub(crate) certificate: Option<Rc<Presented>>,
}

/// A connection as a proxy in front has announced it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    /// The client's end, and where it has connected to.
    pub(crate) ends: Ends,
    /// The proxy.
    pub(crate) peer: SocketAddr,
}

/// A client's request that is one of many on its connection. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: Client,
    /// Why its request can't be understood.
    pub(crate) refused: Option<Reject>,
    pub(crate) _open: OpenStream,
}

impl Client {
    /// One whose connection, or whose part of one, is this stream; `deadline`: of its first wait.
    pub(crate) fn new(
        stream: Stream,
        entrance: Entrance,
        deadline: Deadline,
        now: Instant,
    ) -> Self {
        Self {
            stream,
            entrance,
            rx: Buffer::default(),
            scan: HeadScan::new(),
            deadline,
            active: now,
            pins: None,
            spoken_for: None,
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
    /// That of a connection which has arrived, and the stream that it is.
    pub(crate) fn new(
        arrived: Arrived,
        (peer, announced): (SocketAddr, Announced),
        door: Rc<Door>,
    ) -> (Stream, Self) {
        let Arrived { stream, name, http2, tls, certificate } = arrived;
        // An IPv4 address in the form of IPv6 is one to `trusted` and to targets.
        let client = announced.ends.map_or(peer, |(client, _)| client);
        let address = client.ip().to_canonical();
        let entrance = Self {
            address,
            port: client.port(),
            announced: announced.ends.map(|ends| Rc::new(Announcement { ends, peer })),
            trusted: is_listed(&door.trusted, address),
            door,
            name,
            https: announced.tls || !stream.is_plain(),
            tls,
            http2,
            certificate,
        };
        (stream, entrance)
    }

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
