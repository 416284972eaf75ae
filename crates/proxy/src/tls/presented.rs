//! The certificate that a client sent in its handshake, for targets and the access log.

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::TlsAcceptor;
use crate::base64;

/// A client's certificate, verified in its handshake.
#[derive(Debug)]
pub(crate) struct Presented {
    chain: Vec<CertificateDer<'static>>,
    /// The turn (version) of the CAs at which it was last verified, and the result.
    verified: Cell<(u64, bool)>,
    /// `Client-Cert` and perhaps `Client-Cert-Chain` (RFC 9440), as written.
    pub(crate) fields: Box<[u8]>,
    pub(crate) identity: Arc<Identity>,
}

/// The owner of a certificate, for the access log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The subject; empty if there is none that can be read.
    pub(crate) subject: String,
    /// The SHA-256 of the certificate, in lower-case hexadecimal.
    pub(crate) sha256: String,
}

impl Presented {
    /// Takes a chain that was verified by the CAs of this turn, or of a later one. With `above`, targets also
    /// get the certificates above it.
    pub(super) fn new(chain: &[CertificateDer<'_>], turn: u64, above: bool) -> Self {
        let chain: Vec<_> = chain.iter().map(|one| one.clone().into_owned()).collect();
        Self {
            fields: fields(&chain, above).into(),
            identity: Arc::new(Identity::of(chain.first())),
            chain,
            verified: Cell::new((turn, true)),
        }
    }

    /// Returns true if its client would be admitted now. Verifies again once after each change of the CAs.
    pub(crate) fn is_trusted(&self, acceptor: &TlsAcceptor) -> bool {
        let (seen, trusted) = self.verified.get();
        let turn = acceptor.turn();
        if seen == turn {
            return trusted;
        }
        let trusted = trusted && acceptor.trusts(&self.chain);
        self.verified.set((turn, trusted));
        trusted
    }
}

/// Writes the fields of RFC 9440: byte sequences of structured fields (RFC 9651 section 3.3.5).
fn fields(chain: &[CertificateDer<'_>], with_above: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let Some((leaf, above)) = chain.split_first() else { return out };
    out.extend_from_slice(b"client-cert: ");
    sequence(&mut out, leaf);
    out.extend_from_slice(b"\r\n");
    if with_above && !above.is_empty() {
        out.extend_from_slice(b"client-cert-chain: ");
        for (at, certificate) in above.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b", ");
            }
            sequence(&mut out, certificate);
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn sequence(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b':');
    base64::encode(out, bytes);
    out.push(b':');
}

// === impl Identity ===

impl Identity {
    fn of(leaf: Option<&CertificateDer<'_>>) -> Self {
        let Some(leaf) = leaf else {
            return Self { subject: String::new(), sha256: String::new() };
        };
        let parsed = X509Certificate::from_der(leaf).ok();
        let subject = parsed.map(|(_, leaf)| leaf.subject().to_string()).unwrap_or_default();
        let mut sha256 = String::with_capacity(64);
        for byte in digest(&SHA256, leaf).as_ref() {
            let _ = write!(sha256, "{byte:02x}"); // infallible: into a String
        }
        Self { subject, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r52_certificates_are_byte_sequences_and_those_above_a_list_of_them() {
        let chain = [b"leaf".as_slice(), b"one", b"two"].map(CertificateDer::from);
        let text = |above| String::from_utf8(fields(&chain, above)).unwrap();
        assert_eq!(text(false), "client-cert: :bGVhZg==:\r\n");
        let above = "client-cert-chain: :b25l:, :dHdv:\r\n";
        assert_eq!(text(true), format!("{}{above}", text(false)));
        assert_eq!(fields(&chain[..1], true), fields(&chain, false));
        assert!(fields(&[], true).is_empty());
    }
}
