//! The TLS material of the listeners: server certificates, the CAs that client certificates must come from,
//! and responses to ACME challenges.
//!
//! It is all in one [`CertificateStore`], shared by all listeners and workers. The certificates are swapped as a whole, so
//! that a handshake sees the old set or the new one. The ACME client fills it and the TLS handshakes read it;
//! neither depends on the other.
//!
//! It never holds a certificate that does not match its key, and it never waits.

#![forbid(unsafe_code)]

mod certificate;
mod challenge;
mod clients;
mod store;

use connect::TlsError;

pub use certificate::{CertificateFacts, CertificateFiles, validity};
pub use challenge::{ACME, Challenges};
pub use clients::{ClientAuth, ClientCa, ClientCas};
pub use store::{CertificateStore, Certificates, Unused};

/// The problems of these files, in one line.
pub fn words(errors: &[TlsError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
