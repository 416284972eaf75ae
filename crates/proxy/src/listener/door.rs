//! How clients come in.

use std::net::SocketAddr;

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
