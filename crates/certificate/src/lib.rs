//! What TLS at the listeners is made of: the certificates that clients are shown, the CAs that their own must
//! come from, and what an authority is answered that asks whether a name is ours.
//!
//! It all lies on one [`Shelf`] for all listeners and workers. The certificates are swapped whole, so that a
//! handshake sees the old ones or the new ones. Whoever orders certificates fills it, whoever shakes hands
//! reads it; neither knows the other.
//!
//! Never: a certificate that does not fit its key, a wait.

#![forbid(unsafe_code)]

mod certificate;
mod challenge;
mod clients;
mod shelf;

use connect::TlsError;

pub use certificate::{CertificateFacts, CertificateFiles, validity};
pub use challenge::{ACME, Challenges};
pub use clients::{ClientAuth, ClientCa, ClientCas};
pub use shelf::{Certificates, Shelf, Unused};

/// What is wrong with each of these files, in one line.
pub fn words(errors: &[TlsError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
