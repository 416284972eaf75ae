//! How clients come in.

use std::net::{IpAddr, SocketAddr};

use rules::Network;

use crate::tls::TlsDoor;

/// How clients come in at one listener.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// The address that it listens at; `None`: it does not yet.
    pub at: Option<SocketAddr>,
    /// TLS; `None`: plain.
    pub tls: Option<TlsDoor>,
    /// HTTP/2 is spoken, without TLS by those who begin with it (RFC 9113 section 3.3).
    pub http2: bool,
    /// Requests that did not come by `https` are sent to the same place under it, at this port.
    pub redirect_https: Option<u16>,
    /// The `max-age` of `Strict-Transport-Security` in every answer to a request by `https`, in seconds.
    pub hsts: Option<u32>,
    /// The path at which it is said whether this Teal serves.
    pub health: Option<Box<str>>,
    /// Who must begin with a header of the PROXY protocol.
    pub proxy_protocol: Vec<Network>,
    /// Whose word about their own clients is kept: `X-Forwarded-For` and the like.
    pub trusted: Vec<Network>,
}

/// The ends of a connection: its client, and where that has connected to.
pub(crate) type Ends = (SocketAddr, SocketAddr);

/// What a header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// `None`: the source speaks for itself (such as in its health checks), or of a family without such
    /// addresses, so that its own ends count.
    pub(crate) ends: Option<Ends>,
    /// The client has reached the source by TLS (`PP2_CLIENT_SSL`).
    pub(crate) tls: bool,
}

/// Whether an address is in one of these ranges.
pub(crate) fn is_listed(ranges: &[Network], address: IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}
