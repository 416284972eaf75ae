//! TLS at the listeners: certificates by name, the handshake, and what it tells of a client.
//!
//! One shelf of certificates for all listeners and workers; it is swapped whole, so that a
//! handshake sees the old certificates or the new ones. The CAs of clients lie beside them. A handshake has a deadline. Never: early
//! data (a replay could double a request), a certificate that does not fit its key, a server name
//! that no certificate has.

mod certificate;
mod challenge;
mod clients;
mod handshake;
mod offer;
mod plain;
mod presented;
mod shelf;

pub use certificate::{CertificateFacts, CertificateFiles, validity};
pub use challenge::Challenges;
pub use clients::{ClientAuth, ClientCas};
pub use handshake::TlsDoor;
pub use shelf::{Certificates, Shelf, Unused};

pub(crate) use handshake::{Arrived, TlsVersion, describe, reason, shake_hands};
pub(crate) use presented::{Identity, Presented};
