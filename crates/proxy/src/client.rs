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
use crate::carried::{OpenStream, Protocol};
use crate::deadline::Deadline;
use crate::listener_options::{Addresses, Announced, ListenerOptions, is_listed};
use crate::target_connections::pinned::Pins;
use crate::tls::{Arrived, Presented, TlsVersion};

pub(crate) use address::ClientAddress;

/// A client connection and what was read from it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) info: ConnectionInfo,
    pub(crate) rx: Buffer,
    pub(crate) scan: HeadScan,
    pub(crate) deadline: Deadline,
    /// The time when it last sent or accepted something.
    pub(crate) last_io: Instant,
    /// The target connections on which the client is logged in.
    pub(crate) pins: Option<Rc<Pins>>,
    /// The client of the request, where it differs from that of the connection and a target gets it in a PROXY header.
    pub(crate) spoken_for: Option<Box<SocketAddr>>,
    /// Bytes or an end wait to be read: watching for a reset is useless.
    noticed: bool,
}

/// The way a client came in.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// The address and port of the client's end of the connection: the announced ones, if there are any.
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// The connection as announced by a proxy in front.
    pub(crate) announced: Option<Rc<Announcement>>,
    pub(crate) listener: Rc<ListenerOptions>,
    /// True if its statements about its own client are kept.
    pub(crate) trusted: bool,
    /// The server name (SNI) of its handshake, lower case.
    pub(crate) name: Option<Rc<str>>,
    /// The TLS version, if any.
    pub(crate) tls: Option<TlsVersion>,
    /// True if it came over TLS, here or at a listed proxy that announced it so.
    pub(crate) https: bool,
    pub(crate) protocol: Protocol,
    /// The client's certificate.
    pub(crate) certificate: Option<Rc<Presented>>,
}

/// A connection as announced by a proxy in front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    /// The client's end, and the address that it connected to.
    pub(crate) addresses: Addresses,
    /// The proxy.
    pub(crate) peer: SocketAddr,
}

/// A client's request that is one of many on its connection. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) client: Client,
    /// The reason why its request can't be parsed.
    pub(crate) refused: Option<Reject>,
    pub(crate) _open: OpenStream,
}

impl Client {
    /// Makes one from this stream, a connection or one of its streams; `deadline`: that of its first wait.
    pub(crate) fn new(
        stream: Stream,
        info: ConnectionInfo,
        deadline: Deadline,
        now: Instant,
    ) -> Self {
        Self {
            stream,
            info,
            rx: Buffer::default(),
            scan: HeadScan::new(),
            deadline,
            last_io: now,
            pins: None,
            spoken_for: None,
            noticed: false,
        }
    }

    /// Returns true if nothing of a further request has arrived, as far as the kernel knows. To be asked where
    /// an answer may be the last one: later input would not be read.
    // lossless: L7
    pub(crate) fn is_quiet(&self) -> bool {
        self.rx.is_empty() && self.stream.peek() == PeekState::Quiet
    }

    /// Ready when a target has closed a connection on which this client was logged in: the client's own
    /// connection then ends too.
    pub(crate) fn poll_login_lost(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.pins.as_ref().map_or(Poll::Pending, |pins| pins.poll_closed(cx))
    }

    /// Corrects the cause of a request's end, as far as its own stream shows: its connection may have been
    /// closed because of another request on it.
    pub(crate) fn blame(&mut self, cause: AbortCause) -> AbortCause {
        match cause {
            AbortCause::Client if self.stream.is_cut_off() => AbortCause::Connection,
            cause => cause,
        }
    }

    /// Begins to watch for an abort by the client.
    pub(crate) fn watch(&mut self) {
        self.noticed = false;
    }

    /// Ready if the client has reset the connection. A client that only closed its sending side may still read
    /// the answer.
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

// === impl ConnectionInfo ===

impl ConnectionInfo {
    /// Makes the info of a connection that has arrived, and its stream.
    pub(crate) fn new(
        arrived: Arrived,
        (peer, announced): (SocketAddr, Announced),
        listener: Rc<ListenerOptions>,
    ) -> (Stream, Self) {
        let Arrived { stream, name, protocol, tls, certificate } = arrived;
        // An IPv4 address in IPv6 form counts as IPv4 for `trusted` and for targets.
        let client = announced.addresses.map_or(peer, |(client, _)| client);
        let address = client.ip().to_canonical();
        let info = Self {
            address,
            port: client.port(),
            announced: announced
                .addresses
                .map(|addresses| Rc::new(Announcement { addresses, peer })),
            trusted: is_listed(&listener.trusted, address),
            listener,
            name,
            https: announced.tls || !stream.is_plain(),
            tls,
            protocol,
            certificate,
        };
        (stream, info)
    }

    /// Returns the fields that describe the client's certificate to targets. A trusted proxy's own certificate
    /// says nothing about its clients, so only the proxy's fields about theirs are passed on.
    pub(crate) fn certificate_fields(&self) -> &[u8] {
        let own = self.certificate.as_ref().filter(|_| !self.trusted);
        own.map_or(&[], |certificate| &certificate.fields)
    }

    /// Returns true if it was admitted with a certificate that would be refused now.
    pub(crate) fn is_distrusted(&self) -> bool {
        let Some((certificate, acceptor)) =
            self.certificate.as_ref().zip(self.listener.tls.as_ref())
        else {
            return false;
        };
        !certificate.is_trusted(acceptor)
    }
}
