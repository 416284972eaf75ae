//! Connections to targets: address, TCP or Unix socket, TLS, deadline. Requests and probes connect the
//! same way, so that a probe proves what traffic will meet (promise L9).
//!
//! It never chooses a target and never resolves a name; every wait here has a deadline.

#![forbid(unsafe_code)]

mod announce;
mod dial;
mod dial_error;
mod history;
mod host;
pub mod http2;
mod multiplexed;
mod pem;
mod race;
mod read;
mod stream;
mod tls;

pub use announce::{Origin, announce_v1, announce_v2};
pub use dial::{Endpoint, dial};
pub use dial_error::DialError;
pub use history::{AddressHistory, Retry};
pub use host::{HOST_ROOM, server_name_of};
pub use multiplexed::MultiplexedStream;
pub use pem::{TlsError, read_certificates, read_key};
pub use read::{FilesRead, read_once, reading};
pub use stream::{PeekState, Stream};
pub use tls::{
    Authorities, ClientVerifier, LoadedTlsConfigs, PeerCertificate, Tls, TlsConfigCache, TlsFiles,
    certified_key, refusal, server_name,
};
