//! The steps of a connection before its first request: the PROXY header and the TLS handshake, where the
//! listener asks for them. Each has a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use connect::Stream;

use super::proxy_protocol;
use crate::carried::Protocol;
use crate::client::{Client, ConnectionInfo};
use crate::listener_options::{Announced, ListenerOptions, is_listed};
use crate::origin::Origin;
use crate::tls::{self, Arrived, TlsAcceptor};
use crate::worker::Worker;

/// Lets a client in; `None` if it was refused or too slow.
// lossless: L10 - `tls_hello`
pub(crate) async fn let_in(
    worker: &Rc<Worker>,
    stream: Stream,
    listener: Rc<ListenerOptions>,
) -> Option<Client> {
    let (stream, peer, announced) = announced(worker, stream, &listener).await?;
    let arrived = match &listener.tls {
        None => {
            let (name, tls, certificate) = (None, None, None);
            Arrived { stream, name, protocol: Protocol::Http1, tls, certificate }
        }
        Some(tls) => {
            let reached = announced.addresses.map(|(_, reached)| reached.ip());
            let client = announced.addresses.map_or(peer, |(client, _)| client);
            let origin = Origin { client, listener: listener.at };
            shake_hands(worker, stream, tls, (reached, origin)).await?
        }
    };
    let (stream, info) = ConnectionInfo::new(arrived, (peer, announced), listener);
    Some(worker.client(stream, info))
}

/// Lets a TLS client in; `None` if it was refused or too slow, or came for the handshake alone. `reached`: the
/// address that a proxy has announced.
// lossless: L10 - `tls_hello`
async fn shake_hands(
    worker: &Worker,
    stream: Stream,
    acceptor: &TlsAcceptor,
    (reached, origin): (Option<IpAddr>, Origin),
) -> Option<Arrived> {
    let Stream::Tcp(stream) = stream else { return None };
    let shaking = tls::shake_hands(stream, acceptor, reached);
    match worker.within(worker.front().tls_hello, shaking).await {
        Ok(arrived) => arrived,
        Err(error) => {
            worker.reader.connections().handshake_failed(tls::reason(&error));
            worker.log.handshake(&error, origin);
            None
        }
    }
}

/// Returns the other end of the connection, and the client's addresses as a listed proxy announces them.
async fn announced(
    worker: &Rc<Worker>,
    stream: Stream,
    listener: &ListenerOptions,
) -> Option<(Stream, SocketAddr, Announced)> {
    let peer = stream.peer_addr().ok()?; // an error: it is closed already
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if !is_listed(&listener.proxy_protocol, peer.ip()) {
        return Some((stream, peer, Announced::default()));
    }
    let Stream::Tcp(mut socket) = stream else { return None };
    let read = proxy_protocol::read(&mut socket);
    match worker.within(worker.front().tls_hello, read).await {
        Ok(announced) => Some((Stream::Tcp(socket), peer, announced)),
        Err(error) => {
            let gone = error.kind() == io::ErrorKind::UnexpectedEof; // such as a port scan
            if !gone {
                worker.log.announcement(&error, Origin { client: peer, listener: listener.at });
            }
            None
        }
    }
}
