//! What a connection goes through before its first request: it says for whom it speaks, and shakes
//! hands, where the listener asks for it. Each has a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use connect::Stream;
use rules::Network;

use super::Door;
use super::proxy_protocol::{self, Announced};
use crate::client::Client;
use crate::origin::Origin;
use crate::tls::{self, Arrived};
use crate::worker::Worker;

/// Lets a client in; none if it was not let in, in time or at all.
// lossless: L10 - `tls_hello`
pub(crate) async fn let_in(worker: &Rc<Worker>, stream: Stream, door: Rc<Door>) -> Option<Client> {
    let (stream, peer, announced) = announced(worker, stream, &door).await?;
    let arrived = match &door.tls {
        None => Arrived { stream, name: None, http2: false, tls: None, certificate: None },
        Some(tls) => {
            let reached = announced.ends.map(|(_, reached)| reached.ip());
            let client = announced.ends.map_or(peer, |(client, _)| client);
            let origin = Origin { client, listener: door.at };
            tls::shake_hands(worker, stream, tls, (reached, origin)).await?
        }
    };
    Some(Client::new(worker, arrived, (peer, announced), door))
}

/// The other end of the connection, and what a listed proxy announces of its client's.
async fn announced(
    worker: &Rc<Worker>,
    stream: Stream,
    door: &Door,
) -> Option<(Stream, SocketAddr, Announced)> {
    let peer = stream.peer_addr().ok()?; // or it is gone already
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    if !is_listed(&door.proxy_protocol, peer.ip()) {
        return Some((stream, peer, Announced::default()));
    }
    let Stream::Tcp(mut socket) = stream else { return None };
    let read = proxy_protocol::read(&mut socket);
    match worker.within(worker.front().tls_hello, read).await {
        Ok(announced) => Some((Stream::Tcp(socket), peer, announced)),
        Err(error) => {
            let gone = error.kind() == io::ErrorKind::UnexpectedEof; // such as a look at the port
            if !gone {
                worker.log.announcement(&error, Origin { client: peer, listener: door.at });
            }
            None
        }
    }
}

/// Whether an address is in one of these ranges.
pub(crate) fn is_listed(ranges: &[Network], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}
