//! TLS at the listeners: the handshake, and the client facts that it yields. The certificates sent to clients and
//! the CAs trusted for theirs are in the crate `certificate`.
//!
//! A handshake has a deadline. Never: early data (a replay could double a request), a server name that no
//! certificate has.

mod handshake;
mod offer;
mod plain;
mod presented;

pub use handshake::TlsAcceptor;

pub(crate) use handshake::{Arrived, TlsVersion, describe, reason, shake_hands};
pub(crate) use presented::{Identity, Presented};
