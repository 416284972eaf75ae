//! The client address of a request, for access log, spans, and PROXY headers to targets.
//!
//! Of the hops in front of Teal the client is the last one that is not a listed proxy. Statements of unlisted
//! proxies are not trusted, and nothing beyond a hop without an address can be trusted: then the client is the
//! farthest known proxy. Computed only where it is needed; where the peer is not a listed proxy it costs
//! nothing.

use std::net::{IpAddr, SocketAddr};

use http1::{HopAddress, Request};

use super::ConnectionInfo;
use crate::listener_options::is_listed;
use crate::origin::Origin;

/// The client of a request, and the peer that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress {
    pub(crate) ip: IpAddr,
    /// `None`: no proxy reported it.
    pub(crate) port: Option<u16>,
    /// The other end of Teal's own connection: the client, or a proxy.
    pub(crate) peer: SocketAddr,
}

impl ConnectionInfo {
    /// Returns the two ends of its connection, for the log.
    pub(crate) fn origin(&self) -> Origin {
        Origin { client: SocketAddr::new(self.address, self.port), listener: self.listener.at }
    }

    /// Returns the client according to the connection alone, which includes the PROXY protocol.
    pub(crate) fn connected(&self) -> ClientAddress {
        let client = SocketAddr::new(self.address, self.port);
        let peer = self.announced.as_ref().map_or(client, |announced| announced.peer);
        ClientAddress { ip: self.address, port: Some(self.port), peer }
    }

    /// Returns the client of this request.
    pub(crate) fn client_of(&self, request: &Request<'_>) -> ClientAddress {
        let connected = self.connected();
        if !self.trusted {
            return connected;
        }
        let mut client = None;
        request.for_each_hop(|hop| {
            client = farthest(client, hop, |ip| is_listed(&self.listener.trusted, ip));
        });
        match client {
            Some(HopAddress { ip, port }) => ClientAddress { ip, port, ..connected },
            None => connected,
        }
    }
}

/// Returns the client according to the hops up to this one, if all later ones are listed proxies.
fn farthest(
    before: Option<HopAddress>,
    hop: Option<HopAddress>,
    is_listed: impl Fn(IpAddr) -> bool,
) -> Option<HopAddress> {
    let hop = hop?;
    if is_listed(hop.ip) { before.or(Some(hop)) } else { Some(hop) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `l…` are listed proxies, `c…` are not, `?` is a hop without an address.
    fn client(hops: &str) -> Option<u8> {
        let parsed = hops.split_whitespace().map(|hop| {
            let number = hop[1..].parse::<u8>().ok()?;
            let network = if hop.starts_with('l') { 10 } else { 192 };
            Some(HopAddress { ip: IpAddr::from([network, 0, 0, number]), port: None })
        });
        let listed = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10);
        let found = parsed.fold(None, |before, hop| farthest(before, hop, listed));
        found.map(|hop| match hop.ip {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => 0,
        })
    }

    #[test]
    fn r66_the_client_is_the_last_hop_that_is_not_a_listed_proxy() {
        for (hops, expected) in [
            ("", None),
            ("c1", Some(1)),
            ("c1 l2", Some(1)),
            ("c1 c2", Some(2)),
            ("c1 c2 l3 l4", Some(2)),
            ("l1 c2 l3", Some(2)),
            ("l1 l2 l3", Some(1)),
            ("?", None),
            ("c1 ?", None),
            ("c1 ? l2 l3", Some(2)),
            ("c1 ? c2 l3", Some(2)),
            ("? c1", Some(1)),
            ("? l1", Some(1)),
        ] {
            assert_eq!(client(hops), expected, "{hops}");
        }
    }
}
