//! The options of a listener.

use std::net::{IpAddr, SocketAddr};

use rules::Network;

use crate::tls::TlsAcceptor;

/// The options of a listener: how its clients come in.
#[derive(Clone, Debug, Default)]
pub struct ListenerOptions {
    /// The address that it listens on; `None`: not bound yet.
    pub at: Option<SocketAddr>,
    /// TLS; `None`: plain.
    pub tls: Option<TlsAcceptor>,
    /// True if HTTP/2 is supported; without TLS, for clients that begin with it (RFC 9113 section 3.3).
    pub http2: bool,
    /// The `https` port to which all other requests are redirected.
    pub redirect_https: Option<u16>,
    /// The `max-age` of `Strict-Transport-Security` in every answer to an `https` request, in seconds.
    pub hsts: Option<u32>,
    /// The path of the health check of this Teal.
    pub health: Option<Box<str>>,
    /// The address, as configured, of a listener for previews; `None`: it serves the active colors.
    pub preview: Option<SocketAddr>,
    /// The sources that must begin with a PROXY header.
    pub proxy_protocol: Vec<Network>,
    /// The proxies whose statements about their own clients are kept: `X-Forwarded-For` and the like.
    pub trusted: Vec<Network>,
}

/// The addresses of a connection: its client, and the address that it connected to.
pub(crate) type Addresses = (SocketAddr, SocketAddr);

/// The content of a PROXY header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// `None`: the source speaks for itself (such as in its health checks), or the family has no such
    /// addresses; those of the connection itself count.
    pub(crate) addresses: Option<Addresses>,
    /// True if the client connected to the source over TLS (`PP2_CLIENT_SSL`).
    pub(crate) tls: bool,
}

/// Returns true if an address is in one of these ranges.
pub(crate) fn is_listed(ranges: &[Network], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}
