//! The protocols of the load, and their addresses.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

/// The protocol of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP/1.1 in plain text.
    Http1,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS, chosen in the handshake (ALPN).
    Http2,
    /// HTTP/2 in plain text, from the first byte (prior knowledge).
    H2c,
}

/// One protocol at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The protocol.
    pub over: Protocol,
    /// The address to connect to.
    pub address: SocketAddr,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http1, Self::Tls, Self::Http2, Self::H2c];

    /// Its name on the command line and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Tls => "tls",
            Self::Http2 => "http2",
            Self::H2c => "h2c",
        }
    }

    /// Returns true if it uses TLS.
    pub(crate) fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Http2)
    }

    /// Returns true if one connection carries several requests at once.
    pub(super) fn is_shared(self) -> bool {
        matches!(self, Self::Http2 | Self::H2c)
    }

    /// The ALPN protocol to offer in the handshake (RFC 7301).
    pub(super) fn alpn(self) -> &'static [u8] {
        if self.is_shared() { b"h2" } else { b"http/1.1" }
    }

    /// The scheme of the requests.
    pub(super) fn scheme(self) -> &'static str {
        if self.is_secure() { "https" } else { "http" }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Endpoint {
    /// HTTP/1.1 in plain text.
    pub fn plain(address: SocketAddr) -> Self {
        Self { over: Protocol::Http1, address }
    }
}
